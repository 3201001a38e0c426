/** Partners on their pages: what is shown is what holds, and a form keeps what was written in it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { AuditEvent } from '@sallyport/audit-log';
import { newQueueId } from '@sallyport/mail';
import type { Actor } from './actor.ts';
import { NOW, type TestAdvise, type TestConsole, testConsole } from './testing.ts';

function pemOf(name: string): string {
  const body = Buffer.from(name).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
}
const sha256Of = (name: string): string => createHash('sha256').update(name).digest('hex');
const OWN = pemOf('own');
const NEXT = pemOf('next');

type Described = Awaited<ReturnType<NonNullable<TestAdvise['describe']>>>['certificates'][number];

/** As worker advise would say it: what stands between the lines is the name, and all end in ten days. */
function described(pem: string): Described {
  const body = /-----\n([^-]*)\n/.exec(pem)?.[1] ?? '';
  const name = Buffer.from(body, 'base64').toString();
  const value = {
    version: 3,
    subject: `CN=${name}`,
    issuer: 'CN=ca',
    serial: '01',
    notBefore: '2026-01-01T00:00:00.000Z',
    notAfter: '2026-12-01T12:00:00.000Z',
    key: 'rsa 2048',
    isKeyAccepted: true,
    signatureAlgorithm: 'sha256WithRSAEncryption',
    addresses: [],
    dnsNames: [],
    ipAddresses: [],
    otherNames: [],
    keyUsage: null,
    extendedKeyUsage: null,
    isCa: false,
    pathLength: null,
    policies: null,
    hasNameConstraints: false,
    subjectKeyId: null,
    authorityKeyId: null,
    crlPlaces: [],
    ocspPlaces: [],
    faults: [],
    roles: [],
    sha256: sha256Of(name),
    sha1: '',
    spkiSha256: '',
    pem,
  };
  return { kind: 'certificate', value };
}

const MAIL = {
  kind: 'mx' as const,
  dnssec: 'unknown' as const,
  reason: null,
  hosts: [],
};
const MTA_STS = {
  state: 'none' as const,
  id: null,
  mode: null,
  mx: [],
  maxAgeSeconds: null,
  reason: 'no record',
};

/** What happens while certificates are read. */
const meanwhile = { act: async (): Promise<void> => {} };

const ADVISE: TestAdvise = {
  describe: async ({ certificates }) => {
    await meanwhile.act();
    return { certificates: certificates.map(described) };
  },
  survey: ({ domain }) => ({
    domain,
    time: NOW.toISOString(),
    mail: MAIL,
    doors: [],
    certificates: [],
    statement: {
      isBelieved: false,
      reason: 'nobody vouches for it',
      expires: NOW.toISOString(),
      accepts: {},
      demands: { signature: 'optional', encryption: false },
      tls: { level: 'encrypt', minVersion: 'TLSv1.2' },
      contact: 'ask@attacker.example',
    },
    mtaSts: MTA_STS,
    tlsRpt: { state: 'none', uris: [] },
    remarks: [],
  }),
  simulate: ({ policy }) => ({
    steps: [],
    decision: 'pass',
    rule: 'default',
    sentence: 'Goes on.',
    algorithms: null,
    certificate: null,
    policyVersion: policy === undefined ? 1 : null,
    remarks: [],
  }),
};

const ANN: Actor = {
  accountId: 'ann',
  name: 'ann',
  roles: [],
  permissions: new Set(),
  via: 'session',
};

const AGREEMENT = { id: 'A-1', asserts: 'x', validUntil: '2030-01-01', contact: 'a@b.example' };
const POLICY = {
  default: { tls: { level: 'none' } },
  partners: [
    {
      name: 'Bravo',
      domains: ['bravo.example'],
      agreement: AGREEMENT,
      outbound: { encrypt: 'when-possible', discovery: ['pinned'] },
      tls: { level: 'secure' },
      trust: { pinned: [OWN] },
    },
    { name: 'Below', domains: ['*.below.example'], agreement: AGREEMENT, tls: { level: 'secure' } },
  ],
};

describe('the pages of partners', () => {
  let world: TestConsole;
  before(async () => {
    world = await testConsole({ policy: POLICY, advise: ADVISE });
  });
  after(async () => await world[Symbol.asyncDispose]());

  const page = async (url: string): Promise<string> => {
    const answer = await world.ask({ as: 'security-admin', url });
    assert.equal(answer.statusCode, 200, answer.payload);
    return answer.payload;
  };
  const post = async (url: string, form: Record<string, string>) =>
    await world.ask({ as: 'security-admin', method: 'POST', url, form });

  test('a certificate that ends soon, and trust that DNSSEC cannot give here, show in the list', async () => {
    const { partners } = await world.desk.partners.list({ limit: 10 });
    const trouble = Object.fromEntries(
      partners.map((one) => [one.name, one.trouble.map(({ kind }) => kind)]),
    );
    assert.deepEqual(trouble['Bravo'], ['certificate-ends']);
    assert.deepEqual(trouble['Below'], ['nothing-trusted', 'no-signer-trusted']);
    assert.match(await page('/partners'), /A certificate expires in 10 days/);
  });

  test('a partner with wildcards alone is shown by its own rule, not by that of everybody else', async () => {
    const view = await world.desk.partners.show('Below');
    const level = view?.values.find(({ field }) => field === 'tls.level');
    assert.deepEqual([level?.value, level?.source], ['secure', 'partner Below']);
    assert.match(await page('/partners/Below/certificates'), /give an address/);
  });

  test("certificates of an address that goes by another record are not shown as this partner's", async () => {
    const url = '/partners/Bravo/certificates?address=x%40other.example';
    const answer = await world.ask({ as: 'security-admin', url });
    assert.equal(answer.statusCode, 422);
    assert.match(answer.payload, /does not go by the record of this partner/);
  });

  test('a change while a partner is read does not go unseen', async () => {
    const { policy, partners } = world.desk;
    meanwhile.act = async () => {
      meanwhile.act = async () => {};
      const other = { text: JSON.stringify(POLICY), reason: 'meanwhile' };
      assert.equal((await policy.draft(ANN, other)).kind, 'written');
    };
    const view = await partners.show('Bravo');
    assert.ok(view !== null);
    const { record, tag: seen } = view;
    const edit = { name: 'Bravo', record, reason: 'x' };
    assert.equal((await partners.edit(ANN, { ...edit, seen })).kind, 'changed');
    const again = await partners.show('Bravo');
    const edited = await partners.edit(ANN, { ...edit, seen: again?.tag ?? '' });
    assert.equal(edited.kind, 'written');
  });

  test('a pin without a reason comes back with what was ticked, and with no empty record', async () => {
    const answer = await post('/partners/Bravo/pin', { 'trust.pinned': NEXT, reason: '' });
    assert.equal(answer.statusCode, 422);
    assert.match(answer.payload, /id="reason-fault"/);
    assert.match(answer.payload, /CN=next/);
    assert.match(answer.payload, /name="trust\.pinned"[^>]* checked/);
    assert.doesNotMatch(answer.payload, /name="domains"/);
  });

  test('each fault stands in the form that it is of', async () => {
    const text = await post('/partners/Bravo/text', {
      record: 'name: Bravo\ndomains: [bravo.example]\noutbound: { encrypt: perhaps }\n',
      'text-reason': 'x',
      seen: (await world.desk.partners.show('Bravo'))?.tag ?? '',
    });
    assert.equal(text.statusCode, 422);
    assert.match(text.payload, /id="record-fault">outbound\.encrypt/);
    assert.doesNotMatch(text.payload, /id="outbound\.encrypt-fault"/);
    assert.match(text.payload, /encrypt: perhaps/);
    const removal = await post('/partners/Bravo/remove', { 'remove-reason': '' });
    assert.match(removal.payload, /id="remove-reason-fault"/);
    assert.doesNotMatch(removal.payload, /id="reason-fault"/);
  });

  test('a new partner: a domain of ours is refused, and a look that failed suggests no TLS level', async () => {
    const ours = await post('/partners/add/look', { domain: 'acme.example' });
    assert.match(ours.payload, /id="domain-fault">That is a domain of ours/);
    const found = await post('/partners/add/look', { domain: 'new.example' });
    assert.equal(found.statusCode, 200, found.payload);
    assert.match(found.payload, /were not looked at, so no TLS level is suggested/);
    const level = /<select id="tls\.level"[\s\S]*?<\/select>/.exec(found.payload)?.[0] ?? '';
    assert.match(level, /<option value="" selected>/);
    assert.doesNotMatch(found.payload, /value="ask@attacker\.example"/, 'nobody vouches for it');
  });

  test('a simulation refuses what it cannot read, and says who decides on TLS', async () => {
    const sent = { from: 'alice@acme.example', to: 'bob@bravo.example' };
    const bad = await post('/simulate', { ...sent, version: '1234567' });
    assert.match(bad.payload, /There is no such policy version/);
    const from = await post('/simulate', { ...sent, from: 'not an address' });
    assert.match(from.payload, /The reverse-path is not an address/);
    const done = await post('/simulate', sent);
    assert.match(done.payload, /TLS level secure, by partner:Bravo/);
  });
});

function relayed(destination: string, mx: string, level: string | null): AuditEvent {
  const tls = level === null ? null : { version: 'TLSv1.3', cipher: 'x', level };
  const personal = { reversePath: 'bob@bravo.example', forwardPath: `a@${destination}` };
  return { kind: 'relayed', queueId: newQueueId(NOW), destination, mx, tls, personal };
}

async function worldFor(t: TestContext, of: Parameters<typeof testConsole>[0]) {
  const world = await testConsole(of);
  t.after(() => world[Symbol.asyncDispose]());
  return world;
}

test("a session with our inner MTA is none with the partner's servers", async (t) => {
  const world = await worldFor(t, { policy: POLICY, advise: ADVISE });
  await world.log(
    relayed('bravo.example', 'mx.bravo.example', 'secure'),
    relayed('bravo.example', 'mx.bravo.example', null),
    relayed('acme.example', 'inner.acme.example', null),
  );
  const view = await world.desk.partners.show('Bravo');
  assert.deepEqual(
    view?.sessions.map(({ mx }) => mx),
    ['mx.bravo.example', 'mx.bravo.example'],
  );
  assert.deepEqual(view.posture, { secure: 1, clear: 1 });
});

test('a new key waits for an admin until the record has it', async (t) => {
  const world = await worldFor(t, { policy: POLICY, advise: ADVISE });
  const change = {
    kind: 'partner-key-changed' as const,
    domain: 'bravo.example',
    direction: 'encrypt' as const,
    outcome: 'waits' as const,
    pinned: [],
  } satisfies Partial<AuditEvent>;
  await world.log(
    { ...change, certificate: sha256Of('own') },
    { ...change, certificate: sha256Of('next') },
  );
  const view = await world.desk.partners.show('Bravo');
  assert.deepEqual(
    view?.keyChanges.map(({ outcome }) => outcome),
    ['waits', 'pinned'],
  );
});

test('behind a route the simulation says what egress would hold to', async (t) => {
  const decidesWith = async (trustedHop: boolean, to: string): Promise<string> => {
    const wayOut = { routes: [{ domain: '*', trustedHop }], dns: { trusted: false } };
    const world = await worldFor(t, { policy: POLICY, advise: ADVISE, config: { wayOut } });
    const order = { from: 'alice@acme.example', to, message: null, version: null };
    const answer = await world.desk.simulation.simulate(order);
    assert.ok(answer.kind === 'simulated');
    return answer.transport.decides;
  };
  assert.equal(await decidesWith(false, 'bob@bravo.example'), 'both');
  assert.equal(await decidesWith(true, 'bob@bravo.example'), 'route');
  assert.equal(await decidesWith(false, 'bob@acme.example'), 'route');
});

test('all certificates of a record are read, whatever one call holds', async (t) => {
  const pinned = Array.from({ length: 130 }, (_, at) => pemOf(`certificate ${at}`));
  const partner = { name: 'Many', domains: ['many.example'], trust: { pinned } };
  const world = await worldFor(t, { policy: { partners: [partner] }, advise: ADVISE });
  const answer = await world.ask({ as: 'auditor', url: '/partners/Many' });
  assert.match(answer.payload, /CN=certificate 119/);
  assert.match(answer.payload, /10 further certificates are not shown here/);
});

test('a name that is no Unicode text, or long in another script, breaks no page', async (t) => {
  const long = '\u6f22'.repeat(200);
  const partner = (name: string, at: number) => ({ name, domains: [`p${at}.example`] });
  const world = await worldFor(t, { policy: { partners: [partner(long, 1)] } });
  const url = `/partners/${encodeURIComponent(long)}`;
  assert.equal((await world.ask({ as: 'auditor', url })).statusCode, 200);
  const text = JSON.stringify({ partners: [partner('\ud800', 1)] });
  assert.equal((await world.desk.policy.draft(ANN, { text, reason: 'x' })).kind, 'invalid');
});
