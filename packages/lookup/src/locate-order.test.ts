import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMailbox } from '@sallyport/mail';
import { freePort } from '@sallyport/test/ports';
import { locateCertificates } from './locate.ts';
import type {
  Binding,
  DoorName,
  LocatePorts,
  LocateRequest,
  TraceStep,
  Verdict,
} from './locate-types.ts';
import { makeCertificate } from './test-peers.ts';
import { type TestZone, webPorts } from './test-web.ts';

const own = makeCertificate('Bob', 'bob@bravo.example');
const authority = makeCertificate(
  'domain-confidentiality-authority',
  'domain-confidentiality-authority@bravo.example',
);
const mailbox = parseMailbox('bob@bravo.example');
assert.ok(mailbox !== null);

const cert = (certificate: Buffer) => ({ certType: 1, keyTag: 0, algorithm: 0, certificate });
const OWN: TestZone = { 'CERT bob.bravo.example': [cert(own)] };
const CERT_AUTHORITY = 'CERT domain-confidentiality-authority.bravo.example';

interface Options {
  readonly doors?: readonly DoorName[];
  readonly bindings?: readonly Binding[];
  readonly deadlineMs?: number;
  readonly pinned?: readonly Buffer[];
  readonly validate?: LocateRequest<{ kind: 'usable' }>['validate'];
}

const locate = (ports: LocatePorts, options: Options = {}) =>
  locateCertificates<{ kind: 'usable' }>({
    mailbox,
    role: 'confidentiality',
    doors: ['cert'],
    pinned: [],
    validate: () => ({ kind: 'usable' }),
    ...options,
    ports,
  });

const harvesting = (zone: TestZone): LocatePorts => ({
  ...webPorts(zone),
  harvested: ({ localPart }) => Promise.resolve(localPart === 'bob' ? [] : [authority]),
});

test('the first usable find counts; with a preference, a later door may have what is wanted more', async () => {
  const doors: DoorName[] = ['cert', 'harvested'];
  const first = await locate(harvesting(OWN), { doors });
  assert.ok(first.kind === 'found' && first.certificate.equals(own));
  const preferred = await locate(harvesting(OWN), { doors, bindings: ['authority', 'address'] });
  assert.ok(preferred.kind === 'found' && preferred.certificate.equals(authority));
  const alone = await locate(webPorts(OWN), { doors, bindings: ['authority', 'address'] });
  assert.ok(alone.kind === 'found' && alone.certificate.equals(own));
});

test('after a find that is wanted less, doors are asked only for those who are wanted more', async () => {
  const ports = webPorts(OWN);
  const port = await freePort();
  const down = { ...ports, ldapServers: [{ url: `ldaps://127.0.0.1:${port}` }] };
  const result = await locate(down, {
    doors: ['cert', 'ldap', 'smimea'],
    bindings: ['authority', 'address'],
  });
  assert.equal(result.kind, 'found', 'an outage of a later door does not undo the find');
  const smimea = ports.asked.filter((question) => question.startsWith('SMIMEA'));
  assert.deepEqual(smimea, [
    'SMIMEA 9d5192e5c4d2026ecac9a6473ead72c5b8870d2ad76d605945bfee26._smimecert.bravo.example',
  ]);
});

test('nobody is asked for whom no binding names, and their certificates are not taken', async () => {
  const ports = harvesting({ ...OWN, [CERT_AUTHORITY]: [cert(authority)] });
  const result = await locate(ports, { doors: ['cert', 'harvested'], bindings: ['domain'] });
  assert.equal(result.kind, 'none');
  const pinned = await locate(ports, {
    doors: ['pinned'],
    bindings: ['domain'],
    pinned: [authority],
  });
  assert.equal(pinned.kind, 'found');
});

test('the search ends by its deadline though a door hangs, and that is no knowledge', async () => {
  const { resolver, ...rest } = webPorts();
  let hangs = true;
  const ports: LocatePorts = {
    ...rest,
    resolver: {
      query: (name, type) => (hangs ? new Promise(() => undefined) : resolver.query(name, type)),
    },
  };
  const dns = await locate(ports, { deadlineMs: 40 });
  assert.ok(dns.kind === 'unavailable' && dns.fault === 'dns-failure');
  const ldap = await locate(ports, { doors: ['ldap-srv'], deadlineMs: 40 });
  assert.ok(ldap.kind === 'unavailable' && ldap.fault === 'directory-unreachable');
  hangs = false;
  const after = await locate(ports, { doors: ['ldap-srv'] });
  assert.equal(after.kind, 'none', 'that the time was over is not kept');
});

test('a judge that hangs does not hold the search beyond its deadline', async () => {
  const result = await locate(webPorts(OWN), {
    deadlineMs: 40,
    validate: () => new Promise(() => undefined),
  });
  assert.equal(result.kind, 'unavailable');
});

test('CD-7: what the judge cannot know is no knowledge; it is told and the search goes on', async () => {
  const unknown: Verdict<{ kind: 'usable' }> = {
    kind: 'unknown',
    fault: 'directory-unreachable',
    reason: 'no CRL came',
  };
  const steps: TraceStep[] = [];
  const zone = { ...OWN, [CERT_AUTHORITY]: [cert(authority)] };
  const validate: Options['validate'] = (der, _candidate, tell) => {
    const step: TraceStep = {
      door: 'revocation',
      query: 'GET http://crl.bravo.example/ca.crl',
      outcome: 'failed',
      reason: 'no answer',
      tookMs: 1,
    };
    steps.push(step);
    tell(step);
    return der.equals(own) ? unknown : { kind: 'usable' };
  };
  const found = await locate(webPorts(zone), { validate });
  assert.ok(found.kind === 'found' && found.certificate.equals(authority));
  assert.deepEqual(
    found.trace.filter(({ door }) => door === 'revocation'),
    steps,
  );
  const alone = await locate(webPorts(OWN), { validate });
  assert.ok(alone.kind === 'unavailable' && alone.fault === 'directory-unreachable');
});

test('no text of a stranger brings line ends, escapes or changed direction into the trace', async () => {
  const evil = 'x\r\n\u001b[2J\u202e\u0085y';
  const result = await locate(webPorts(OWN), {
    validate: () => ({
      kind: 'unusable',
      code: 'untrusted',
      reason: `${evil}${'z'.repeat(5_000)}`,
    }),
  });
  const step = result.trace.find(({ outcome }) => outcome === 'unusable');
  assert.ok(step !== undefined);
  assert.match(step.reason, /^x\?\?\?\[2J\?\?yz+$/);
  assert.ok(step.reason.length <= 500);
});
