import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_MIME_LIMITS } from '@sallyport/mime';
import type { SubjectRequest } from '@sallyport/pki';
import { signMessage } from './outward.ts';
import type { SignatureTypeName } from './sign-layer.ts';
import {
  dsa,
  entity,
  type Identity,
  identity,
  judge,
  MESSAGE,
  messageAround,
  open,
  root,
  signerOf,
  validate,
} from './test-fixtures.ts';
import type { Verdict } from './verdict.ts';

const DSA = 'domain-signing-authority';
const authority = (above: SubjectRequest, emails: readonly string[] = []): Identity =>
  identity({ cn: DSA, above, emails, issuer: root });
const author = (above: SubjectRequest, issuer: Identity | null = root): Identity =>
  identity({
    cn: 'Alice',
    above,
    emails: ['alice@acme.example'],
    ...(issuer === null ? {} : { issuer }),
  });

async function sign(
  bytes: Buffer,
  who: Identity,
  types: readonly SignatureTypeName[],
): Promise<Buffer> {
  return await messageAround(
    await signMessage(entity(bytes), signerOf(who), {
      types,
      profile: 'domsec',
      protectHeaders: true,
      limits: DEFAULT_MIME_LIMITS,
    }),
  );
}

async function verdictOf(
  signer: Identity,
  inner: Identity | null,
  options: Parameters<typeof judge>[1] = {},
): Promise<Verdict> {
  const signed = inner === null ? MESSAGE : await sign(MESSAGE, inner, []);
  return judge(await open(await sign(signed, signer, ['domain'])), options);
}

const ACME = { c: 'US', o: 'acme' };

test('DS-N10: a signer with a subject only is a mismatch where no originator signature is', async () => {
  const verdict = await verdictOf(authority(ACME), null);
  assert.equal(verdict.mapping, 'mismatch');
  assert.equal(verdict.originator, 'unknown');
});

test('DS-N10: what the originator certificate says counts only if the signature proves it', async () => {
  const untrusted = await verdictOf(authority(ACME), author({ ...ACME, ou: 'x' }, null));
  assert.equal(untrusted.mapping, 'mismatch');
  const other = identity({
    cn: 'Bob',
    above: ACME,
    emails: ['bob@acme.example'],
    issuer: root,
  });
  assert.equal((await verdictOf(authority(ACME), other)).mapping, 'mismatch', 'another mailbox');
  const silent = await verdictOf(authority(ACME), author({ ...ACME, ou: 'x' }), {
    validate: (leaf, others) => {
      const found = validate(leaf, others);
      return found.kind === 'valid' ? { kind: 'valid' } : found;
    },
  });
  assert.equal(silent.mapping, 'mismatch', 'a validator that hands out no certificate');
});

test('RFC 3183 3.1.1 (DS-N8): subject over subject, X.500 and domain components', async () => {
  const rows: readonly (readonly [SubjectRequest, SubjectRequest, 'ok' | 'mismatch'])[] = [
    [ACME, { ...ACME, ou: 'marketing' }, 'ok'],
    [{ ...ACME, ou: 'defence' }, { ...ACME, ou: ['defence', 'marketing'] }, 'ok'],
    [{ ...ACME, ou: 'marketing' }, { ...ACME, ou: ['defence', 'marketing'] }, 'mismatch'],
    [{ c: 'US', o: 'evil' }, ACME, 'mismatch'],
    [{ dc: ['us', 'acme'] }, { dc: ['us', 'acme', 'marketing'] }, 'ok'],
    [{ dc: ['us'] }, { dc: ['us', 'acme', 'marketing'] }, 'mismatch'],
    [ACME, { dc: ['us', 'acme'] }, 'mismatch'],
  ];
  for (const [signer, originator, expected] of rows) {
    const verdict = await verdictOf(authority(signer), author(originator));
    assert.equal(verdict.mapping, expected, JSON.stringify([signer, originator]));
    assert.equal(verdict.signature, expected === 'ok' ? 'valid' : 'unverifiable');
    assert.equal(verdict.originator, expected === 'ok' ? 'authenticated' : 'unknown');
  }
});

test('DS-N10: an address that fits does not help a subject that does not', async () => {
  const named = authority({ c: 'US', o: 'evil' }, [`${DSA}@acme.example`]);
  assert.equal((await verdictOf(named, author(ACME))).mapping, 'mismatch');
  assert.equal((await verdictOf(named, null)).mapping, 'ok', 'nothing to compare it with');
  const both = authority(ACME, [`${DSA}@acme.example`]);
  assert.equal((await verdictOf(both, author(ACME))).mapping, 'ok');
  assert.equal((await verdictOf(dsa, author(ACME))).mapping, 'ok', 'no subject to compare');
});
