/** What becomes of mail whose signer is revoked, cannot be asked about, or changed its key. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { Resolver } from '@sallyport/lookup';
import { bufferContent, newQueueId, readContent } from '@sallyport/mail';
import { parsePolicyDocument } from '@sallyport/policy';
import type { LookupPorts } from '../shared/lookup-ports.ts';
import { silentLookup } from '../shared/test-lookup-ports.ts';
import {
  crlf,
  encryptTo,
  type Identity,
  issued,
  keyringOf,
  makeRoot,
  NOW,
  pem,
  sign,
  withList,
} from '../shared/test-signers.ts';
import { type Judgement, judgeMessage } from './judge.ts';

const BOB = 'bob@bravo.example';
/** RFC 8162 section 3. */
const SMIMEA_OF_BOB = `${createHash('sha256').update('bob').digest('hex').slice(0, 56)}._smimecert.bravo.example`;
const root = makeRoot('Bravo Root');
const bob = issued('Bob', BOB, root);
const bobAnew = issued('Bob', BOB, root);
const forger = issued('Bob', BOB, makeRoot('Nobody'));
const DCA = 'domain-confidentiality-authority';
const dca = issued(DCA, `${DCA}@our.example`, root, 'keyEncipherment');

const keyring = keyringOf(dca);

interface World extends LookupPorts {
  /** What the DNS was asked for. */
  readonly asked: string[];
}

/**
 * A DNS that knows these certificates at names, and says of all else that it is not there. `named`
 * stands as a hash in SMIMEA of bob, under DNSSEC.
 */
function world(
  published: Readonly<Record<string, readonly Identity[]>> = {},
  named?: Identity,
): World {
  const asked: string[] = [];
  const certs = { certType: 1, keyTag: 0, algorithm: 0 };
  const query = (name: string, type: string) => {
    asked.push(`${type} ${name}`);
    const answer = { kind: 'answer', ttl: 60, canonicalName: name };
    const found = type === 'CERT' ? published[name] : undefined;
    if (found !== undefined) {
      const records = found.map((who) => ({ ...certs, certificate: who.certificate.der }));
      return Promise.resolve({ ...answer, records, secure: false });
    }
    if (type !== 'SMIMEA' || name !== SMIMEA_OF_BOB || named === undefined) {
      return Promise.resolve({ kind: 'none', reason: 'nxdomain', secure: false });
    }
    const association = createHash('sha256').update(named.certificate.der).digest();
    const records = [{ usage: 3, selector: 0, matchingType: 1, association }];
    return Promise.resolve({ ...answer, records, secure: true });
  };
  const resolver = { query } as unknown as Resolver;
  return { ...silentLookup({ now: () => NOW }), resolver, asked };
}

async function judged(
  inner: string,
  { trust, lookup, inbound = {} }: { trust: object; lookup: LookupPorts; inbound?: object },
): Promise<Extract<Judgement, { kind: 'judged' }>> {
  const policy = parsePolicyDocument({
    partners: [
      {
        name: 'Bravo',
        domains: ['bravo.example'],
        outbound: { discovery: ['smimea', 'cert'] },
        inbound: { signature: 'any-required', encryption: 'when-present', ...inbound },
        trust: {
          anchors: [pem(root)],
          ...trust,
        },
      },
    ],
  });
  assert.ok(policy.kind === 'ok', JSON.stringify(policy));
  const judgement = await judgeMessage(
    {
      queueId: newQueueId(NOW),
      client: null,
      reversePath: BOB,
      content: bufferContent(crlf(`From: bob@bravo.example\nTo: us@our.example\n${inner}`)),
      released: false,
    },
    { version: 1, sha256: '', policy: policy.policy },
    {
      keyring,
      scanner: { scan: () => Promise.resolve({ kind: 'clean' }) },
      mayOpen: () => Promise.resolve(true),
      correlates: () => Promise.resolve(false),
      authservId: 'gw.our.example',
      lookup,
      now: NOW,
    },
  );
  assert.ok(judgement.kind === 'judged');
  return judgement;
}

function outcome({ decision }: Extract<Judgement, { kind: 'judged' }>): string {
  return 'fault' in decision ? `${decision.kind} ${decision.fault}` : decision.kind;
}

test('RFC 5280 6.3: a signer on the list of its CA is invalid and refused by name', async () => {
  const trust = { revocation: 'soft' };
  const good = await judged(sign(bob), { trust, lookup: await withList(world(), root, [bobAnew]) });
  assert.equal(outcome(good), 'deliver');
  assert.deepEqual(good.verdict.revocation, { mode: 'soft', status: 'good', reason: '' });
  const shown = String(await readContent(good.delivered)).replace(/\r\n\s+/g, ' ');
  assert.match(shown, /X-Sallyport-Verdict: signature=valid;.*revocation=soft-good;/);
  const lookup = await withList(world(), root, [bob]);
  const revoked = await judged(sign(bob), {
    trust,
    lookup,
    inbound: { signature: 'when-present' },
  });
  assert.equal(outcome(revoked), 'refuse signer-revoked');
  assert.equal(revoked.verdict.signature, 'invalid');
  const off = await judged(sign(bob), { trust: { revocation: 'off' }, lookup });
  assert.equal(outcome(off), 'deliver');
  assert.deepEqual(off.verdict.revocation?.mode, 'off');
});

test('without the list hard mode waits, soft mode takes the mail and says so', async () => {
  const hard = await judged(sign(bob), { trust: { revocation: 'hard' }, lookup: world() });
  assert.equal(outcome(hard), 'wait revocation-unavailable');
  assert.equal(hard.verdict.signature, 'unverifiable');
  const soft = await judged(sign(bob), { trust: { revocation: 'soft' }, lookup: world() });
  assert.equal(outcome(soft), 'deliver');
  assert.equal(soft.verdict.revocation?.status, 'unknown');
});

test('inside CBC encryption a revoked signer has the one reply; an outage is a temporary one', async () => {
  const inner = await encryptTo(dca, sign(bob));
  const trust = { revocation: 'hard' };
  const revoked = await judged(inner, { trust, lookup: await withList(world(), root, [bob]) });
  assert.equal(outcome(revoked), 'refuse decryption-failed');
  const away = await judged(inner, { trust, lookup: world() });
  assert.equal(outcome(away), 'wait revocation-unavailable');
  const forged = await judged(await encryptTo(dca, sign(forger)), { trust, lookup: world() });
  assert.equal(outcome(forged), 'refuse decryption-failed');
});

/** SPF and DMARC ask about what everybody sees on the outside, whatever is inside. */
const isOfSigner = (question: string): boolean => !/^TXT (_dmarc\.|bravo)/.test(question);

test('design 4: nobody is asked about a signer without path or whose signature does not verify', async () => {
  const broken = sign(bob).replace(/^[A-Za-z0-9+/]{60}/m, (line) => line.slice(4));
  const trust = { revocation: 'hard', senderLookup: 'require' };
  for (const inner of [sign(forger), broken, 'Content-Type: text/plain\n\nhello\n']) {
    for (const text of [inner, await encryptTo(dca, inner)]) {
      const lookup = world();
      const { decision } = await judged(text, { trust, lookup });
      assert.equal(decision.kind, 'refuse');
      assert.deepEqual(lookup.asked.filter(isOfSigner), []);
    }
  }
  const lookup = world();
  await judged(sign(bob), { trust, lookup });
  const [first] = lookup.asked.filter(isOfSigner);
  assert.equal(first, 'A crl.bravo.example', 'a good one is asked about');
});

test('TM-4: the domain publishes the certificate, another, none, or one that does not sign', async () => {
  const name = 'bob.bravo.example';
  const encryption = issued('Bob', BOB, root, 'keyEncipherment');
  const cases = [
    [{ [name]: [bob] }, 'match', 'deliver'],
    [{ [name]: [bobAnew, bob] }, 'match', 'deliver'],
    [{ [name]: [bobAnew] }, 'mismatch', 'refuse signer-not-published'],
    [{ [name]: [encryption] }, 'not-found', 'refuse signer-not-published'],
    [{}, 'not-found', 'refuse signer-not-published'],
  ] as const;
  for (const [published, word, required] of cases) {
    const trust = { revocation: 'off', senderLookup: 'compare' };
    const compared = await judged(sign(bob), { trust, lookup: world(published) });
    assert.deepEqual([compared.senderLookup, outcome(compared)], [word, 'deliver']);
    const demanding = { ...trust, senderLookup: 'require' };
    const demanded = await judged(sign(bob), { trust: demanding, lookup: world(published) });
    assert.equal(outcome(demanded), required);
  }
  const silent = silentLookup({ now: () => NOW });
  const trust = { revocation: 'off', senderLookup: 'require' };
  const unknown = await judged(sign(bob), { trust, lookup: silent });
  assert.deepEqual(
    [unknown.senderLookup, outcome(unknown)],
    ['unavailable', 'wait directory-unreachable'],
  );
  const off = await judged(sign(bob), { trust: { revocation: 'off' }, lookup: world() });
  assert.equal(off.senderLookup, null);
});

test('TM-4: DNSSEC may name the certificate that signs by its hash alone (RFC 8162 section 2)', async () => {
  const trust = { revocation: 'off', senderLookup: 'compare' };
  const word = async (lookup: World) => (await judged(sign(bob), { trust, lookup })).senderLookup;
  assert.equal(await word(world({}, bob)), 'match');
  assert.equal(await word(world({}, bobAnew)), 'mismatch');
  const contradicting = world({ 'bob.bravo.example': [bob] }, bobAnew);
  assert.equal(await word(contradicting), 'mismatch', 'DNSSEC outweighs CERT without it');
});

test('a signer other than the pinned one waits for approval, or is followed; either is told', async () => {
  const pinned = { revocation: 'off', pinned: [pem(bob)] };
  const lookup = world();
  assert.equal(outcome(await judged(sign(bob), { trust: pinned, lookup })), 'deliver');
  const waiting = await judged(sign(bobAnew), { trust: pinned, lookup });
  assert.equal(outcome(waiting), 'refuse signer-not-trusted');
  assert.match(waiting.verdict.reason, /waits for the approval of an admin/);
  assert.deepEqual(
    waiting.keyChanges.map((change) => [change.outcome, change.certificate]),
    [['waits', bobAnew.certificate]],
  );
  const trust = { ...pinned, keyChange: 'follow' };
  const followed = await judged(sign(bobAnew), { trust, lookup });
  assert.equal(outcome(followed), 'deliver');
  assert.deepEqual(
    followed.keyChanges.map(({ outcome: word }) => word),
    ['followed'],
  );
});
