/** Which certificate mail is encrypted to: whose, found where, trusted why (CD-4, CD-5, DS-E4). */
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { test } from 'node:test';
import type { Resolver } from '@sallyport/lookup';
import { parseMailbox } from '@sallyport/mail';
import {
  type Certificate,
  formatPemCertificate,
  generateKeyPairPem,
  issueCertificate,
} from '@sallyport/pki';
import { parsePolicyDocument } from '@sallyport/policy';
import { mailbox } from '@sallyport/test/addresses';
import { certificateOf } from '@sallyport/test/certificates';
import type { LookupPorts } from '../shared/lookup-ports.ts';
import { silentLookup } from '../shared/test-lookup-ports.ts';
import { NOW, withList } from '../shared/test-signers.ts';
import { type LocatedCertificate, locateForRecipient, lookForKeyChange } from './certificates.ts';

const PERIOD = { notBefore: new Date(NOW.getTime() - 20 * 86_400_000), days: 60 };
const DCA = 'domain-confidentiality-authority';
const CRL_URL = 'http://crl.bravo.example/ca.crl';

const caKey = generateKeyPairPem('ec-p256').privateKeyPem;
const ca = certificateOf(
  issueCertificate({
    ...PERIOD,
    subject: { cn: 'Bravo CA' },
    privateKey: caKey,
    ca: { pathLength: null },
    keyUsage: ['keyCertSign', 'cRLSign'],
  }),
);

function issue(cn: string, email: string, change: object = {}): Certificate {
  return certificateOf(
    issueCertificate({
      ...PERIOD,
      subject: { cn },
      emails: [email],
      spki: generateKeyPairPem('ec-p256').spki,
      issuer: { certificate: ca, privateKey: caKey },
      keyUsage: ['keyAgreement'],
      crlUrls: [CRL_URL],
      ...change,
    }),
  );
}

const dca = issue(DCA, `${DCA}@bravo.example`);
const newDca = issue(DCA, `${DCA}@bravo.example`);
const otherDca = issue(DCA, `${DCA}@other.example`);
const bob = issue('Bob', 'bob@bravo.example');
const ann = issue('Ann', 'ann@bravo.example');
const pem = ({ der }: Certificate): string => formatPemCertificate(der);

const AT = { bob: 'bob.bravo.example', domain: 'bravo.example', authority: `${DCA}.bravo.example` };

/** A DNS with CERT records at these names; `servfail` at those, and nothing else. */
function world(zone: Readonly<Record<string, readonly Certificate[] | 'servfail'>>): LookupPorts {
  const query = (name: string, type: string) => {
    const found = type === 'CERT' ? zone[name] : undefined;
    if (found === undefined) return Promise.resolve({ kind: 'none', reason: 'nxdomain' });
    if (found === 'servfail') return Promise.resolve({ kind: 'failure', reason: 'servfail' });
    const fields = { certType: 1, keyTag: 0, algorithm: 0 };
    const records = found.map((one) => ({ ...fields, certificate: one.der }));
    return Promise.resolve({
      kind: 'answer',
      records,
      secure: false,
      ttl: 60,
      canonicalName: name,
    });
  };
  return { ...silentLookup({ now: () => NOW }), resolver: { query } as unknown as Resolver };
}

interface Rule {
  readonly domains?: readonly string[];
  readonly outbound?: object;
  readonly trust?: object;
}

function applied({ domains = ['bravo.example'], outbound = {}, trust = {} }: Rule) {
  const policy = parsePolicyDocument({
    partners: [
      {
        name: 'Bravo',
        domains,
        outbound: { discovery: ['cert'], ...outbound },
        trust: { anchors: [pem(ca)], revocation: 'off', ...trust },
      },
    ],
  });
  assert.ok(policy.kind === 'ok', JSON.stringify(policy));
  const [partner] = policy.policy.partners;
  assert.ok(partner !== undefined);
  return { ...partner, rule: 'partner:Bravo', agreement: undefined };
}

async function locate(lookup: LookupPorts, rule: Rule = {}): Promise<LocatedCertificate> {
  return await locateForRecipient(mailbox('bob@bravo.example'), applied(rule), lookup, NOW);
}

/** The certificate and whose it is, or why there is none. */
async function found(lookup: LookupPorts, rule: Rule = {}): Promise<readonly unknown[]> {
  const { facts } = await locate(lookup, rule);
  if (facts.kind === 'found') return [facts.certificate.certificate, facts.owner, facts.proof];
  if (facts.kind === 'none') return ['none', facts.unusable];
  return facts.kind === 'unavailable' ? ['unavailable', facts.fault] : [facts.kind];
}

test("DS-E4: the domain's certificate is found in its own entry and in the recipient's; never another domain's", async () => {
  for (const name of Object.values(AT)) {
    assert.deepEqual(await found(world({ [name]: [dca] })), [dca, 'domain', 'path'], name);
    assert.deepEqual(await found(world({ [name]: [otherDca] })), ['none', 'mismatch'], name);
  }
});

test("RFC 3183 4.1: the authority of a domain above is looked for in the partner's own domains alone", async () => {
  const lookup = world({ [AT.authority]: [dca], [`${DCA}.example`]: [dca] });
  const clinic = parseMailbox('ann@clinic.bravo.example');
  assert.ok(clinic !== null);
  const foundIn = async (...domains: string[]): Promise<string> => {
    const rule = applied({ domains });
    return (await locateForRecipient(clinic, rule, lookup, NOW)).facts.kind;
  };
  assert.equal(await foundIn('*.bravo.example'), 'found');
  assert.equal(await foundIn('bravo.example', 'clinic.bravo.example'), 'found');
  assert.equal(await foundIn('clinic.bravo.example'), 'none');
});

test("a person's certificate is taken only where the rule names it, and only if it is the recipient's", async () => {
  const both = world({ [AT.bob]: [ann, bob], [AT.authority]: [dca] });
  const to = (...owners: string[]) => ({ outbound: { to: owners } });
  assert.deepEqual(await found(both), [dca, 'domain', 'path']);
  assert.deepEqual(await found(both, to('user')), [bob, 'user', 'path']);
  assert.deepEqual(await found(both, to('user', 'domain')), [bob, 'user', 'path']);
  assert.deepEqual(await found(both, to('domain', 'user')), [dca, 'domain', 'path']);
  const personal = world({ [AT.bob]: [ann, bob] });
  assert.deepEqual(await found(personal), ['none', 'mismatch']);
  assert.deepEqual(await found(personal, to('domain', 'user')), [bob, 'user', 'path']);
  const domain = world({ [AT.bob]: [ann, dca] });
  assert.deepEqual(await found(domain, to('user')), ['none', null]);
  assert.deepEqual(await found(domain, to('user', 'domain')), [dca, 'domain', 'path']);
});

test('CD-7: while it is not known that the first has none, the second does not stand in', async () => {
  const lookup = world({ [AT.bob]: 'servfail', [AT.authority]: [dca] });
  const outbound = { to: ['user', 'domain'] };
  assert.deepEqual(await found(lookup, { outbound }), ['unavailable', 'dns-failure']);
});

test('TM-1: what we encrypt to needs an anchor of that direction', async () => {
  const lookup = world({ [AT.authority]: [dca] });
  const apart = { anchors: [], signAnchors: [pem(ca)] };
  assert.deepEqual(await found(lookup, { trust: apart }), ['none', 'untrusted']);
  const own = { anchors: [], encryptAnchors: [pem(ca)] };
  assert.deepEqual(await found(lookup, { trust: own }), [dca, 'domain', 'path']);
});

test('a change of the pinned key waits, is told, and the pin stays in use; follow uses the new one', async () => {
  const lookup = world({ [AT.authority]: [newDca] });
  const outbound = { discovery: ['cert', 'pinned'] };
  const pinned = { pinned: [pem(dca)] };
  const waiting = await locate(lookup, { outbound, trust: pinned });
  assert.ok(waiting.facts.kind === 'found');
  assert.deepEqual([waiting.facts.certificate.certificate, waiting.facts.proof], [dca, 'pinned']);
  assert.deepEqual(
    waiting.keyChanges.map((change) => [change.outcome, change.door, change.certificate]),
    [['waits', 'cert', newDca]],
  );
  const trust = { ...pinned, keyChange: 'follow' };
  assert.deepEqual(await found(lookup, { outbound, trust }), [newDca, 'domain', 'path']);
  // A pin that has expired leaves nothing that may be used.
  const old = issue(DCA, `${DCA}@bravo.example`, { days: 5 });
  const expired = { outbound, trust: { pinned: [pem(old)] } };
  assert.deepEqual(await found(lookup, expired), ['none', 'key-changed']);
});

test('while the pin comes first and serves, a look behind the doors still tells of the change', async () => {
  const rule = applied({ trust: { pinned: [pem(dca)] } });
  const lookup = world({ [AT.authority]: [newDca] });
  const first = await locateForRecipient(mailbox('bob@bravo.example'), rule, lookup, NOW);
  assert.deepEqual([first.facts.kind, first.keyChanges.length], ['found', 0]);
  const changes = await lookForKeyChange(mailbox('bob@bravo.example'), rule, lookup, NOW);
  assert.deepEqual(
    changes.map(({ certificate }) => certificate),
    [newDca],
  );
  const same = await lookForKeyChange(
    mailbox('bob@bravo.example'),
    rule,
    world({ [AT.authority]: [dca] }),
    NOW,
  );
  assert.deepEqual(same, []);
});

test('TM-3: what is not as agreed is passed over, and the next find that is serves', async () => {
  const weak = issue(DCA, `${DCA}@bravo.example`, {
    spki: generateKeyPairPem('rsa-2048').spki,
    keyUsage: ['keyEncipherment'],
  });
  const trust = { certificates: { encrypt: { keys: { rsaBits: 3072 } } } };
  const lookup = world({ [AT.authority]: [weak] });
  assert.deepEqual(await found(lookup, { trust }), ['none', 'unfit']);
  const { trace } = await locate(lookup, { trust });
  const reasons = trace.map(({ reason }) => reason).join('\n');
  assert.match(reasons, /trust\.certificates\.encrypt\.keys: its key is RSA 2048/);
  const both = world({ [AT.authority]: [weak, dca] });
  assert.deepEqual(await found(both, { trust }), [dca, 'domain', 'path']);
});

test('hard mode without a list is no knowledge; with one that revokes, the next find serves', async () => {
  const put = async (
    lookup: LookupPorts,
    revoked: readonly Certificate[],
  ): Promise<LookupPorts> => {
    const key = createPrivateKey(caKey);
    const identities = revoked.map((certificate) => ({ certificate, key }));
    return await withList(lookup, { certificate: ca, key }, identities);
  };
  const [hard, soft] = [{ trust: { revocation: 'hard' } }, { trust: { revocation: 'soft' } }];
  const zone = { [AT.authority]: [dca] };
  assert.deepEqual(await found(world(zone), hard), ['unavailable', 'revocation-unavailable']);
  assert.deepEqual(await found(world(zone), soft), [dca, 'domain', 'path']);
  assert.deepEqual(await found(await put(world(zone), []), hard), [dca, 'domain', 'path']);
  const revoked = await put(world(zone), [dca]);
  assert.deepEqual(await found(revoked, hard), ['none', 'revoked']);
  assert.deepEqual(await found(revoked, soft), ['none', 'revoked']);
  const both = await put(world({ [AT.authority]: [dca, newDca] }), [dca]);
  for (const rule of [hard, soft]) {
    assert.deepEqual(await found(both, rule), [newDca, 'domain', 'path'], 'CD-4');
  }
});
