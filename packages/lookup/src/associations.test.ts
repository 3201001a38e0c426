import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { parseCertificate } from '@sallyport/pki';
import { isUsable, matcherFor, type ProvenAssociation, restrictionOn } from './associations.ts';
import type { AssociationRecord } from './dns/records.ts';
import type { Binding, Candidate } from './locate-types.ts';
import { makeCertificate } from './test-peers.ts';

const bob = makeCertificate('Bob', 'bob@bravo.example');
const eve = makeCertificate('Eve', 'bob@bravo.example');
const issuer = makeCertificate('Bravo CA', 'ca@bravo.example');
const parsed = parseCertificate(bob);
assert.ok(parsed.kind === 'certificate');
const { spki } = parsed.value;

const hash = (algorithm: string, bytes: Buffer): Buffer =>
  createHash(algorithm).update(bytes).digest();

const record = (
  [usage, selector, matchingType]: readonly [number, number, number],
  association: Buffer,
): AssociationRecord => ({ usage, selector, matchingType, association });

const proven = (
  association: AssociationRecord,
  binding: Binding = 'address',
): ProvenAssociation => ({ association, binding });

const candidate = (der: Buffer, binding: Candidate['binding'] = 'address'): Candidate => ({
  der,
  door: 'ldap',
  binding,
  source: 'ldap.bravo.example:636',
});

test('RFC 6698 2.1: every selector and matching type names its certificate and no other', () => {
  const forms: readonly (readonly [number, number, Buffer])[] = [
    [0, 0, bob],
    [0, 1, hash('sha256', bob)],
    [0, 2, hash('sha512', bob)],
    [1, 0, spki],
    [1, 1, hash('sha256', spki)],
    [1, 2, hash('sha512', spki)],
  ];
  for (const [selector, matchingType, association] of forms) {
    const one = record([3, selector, matchingType], association);
    assert.ok(!matcherFor(eve)(one), `${selector} ${matchingType}`);
    assert.ok(matcherFor(bob)(one), `${selector} ${matchingType}`);
    const cut = record([3, selector, matchingType], association.subarray(1));
    assert.ok(!matcherFor(bob)(cut), `${selector} ${matchingType} cut`);
  }
  assert.ok(!matcherFor(Buffer.from('no certificate'))(record([3, 1, 0], spki)));
});

test('RFC 6698 4.1: a record with an unknown usage, selector or matching type says nothing', () => {
  for (const fields of [
    [4, 0, 0],
    [255, 0, 0],
    [3, 2, 0],
    [3, 0, 3],
  ] as const) {
    assert.ok(!isUsable(record(fields, bob)), fields.join(' '));
  }
  assert.ok(isUsable(record([0, 1, 2], bob)));
});

test('RFC 6698 2.1.1: what the associations do not name may not be used, only usage 3 proves', () => {
  for (const usage of [1, 3]) {
    const [own] = [proven(record([usage, 0, 1], hash('sha256', bob)))];
    assert.deepEqual(restrictionOn(candidate(eve), [own]), { kind: 'contradicted' });
    const fit = restrictionOn(candidate(bob), [own]);
    assert.ok(fit.kind === 'none');
    assert.equal(fit.candidate.dnssec, usage === 3 ? true : undefined);
  }
  const either = [eve, bob].map((der) => proven(record([1, 0, 1], hash('sha256', der))));
  assert.equal(restrictionOn(candidate(bob), either).kind, 'none');
});

test('an association of one name restricts no other, and never what an admin pinned', () => {
  const own = proven(record([3, 0, 0], bob), 'address');
  assert.equal(restrictionOn(candidate(eve, 'authority'), [own]).kind, 'none');
  assert.equal(restrictionOn(candidate(eve, 'domain'), [own]).kind, 'none');
  assert.equal(restrictionOn(candidate(eve, 'pinned'), [own]).kind, 'none');
  const authority = proven(record([3, 0, 0], bob), 'authority');
  assert.equal(restrictionOn(candidate(eve, 'domain'), [authority]).kind, 'contradicted');
  const named = restrictionOn(candidate(bob, 'address'), [authority]);
  assert.ok(named.kind === 'none' && named.candidate.dnssec === true);
});

test('usage 0 and 2 name a CA: the path must show it, and only usage 2 makes it an anchor', () => {
  for (const usage of [0, 2]) {
    const limit = restrictionOn(candidate(bob), [proven(record([usage, 0, 0], issuer))]);
    assert.ok(limit.kind === 'path');
    assert.ok(!limit.allows([]));
    assert.ok(!limit.allows([issuer]), 'the end entity itself is no CA of its path');
    assert.ok(!limit.allows([bob, eve]));
    assert.ok(limit.allows([bob, issuer]));
    assert.deepEqual(limit.candidate.dnssecAnchors, usage === 2 ? [issuer] : undefined);
    assert.equal(limit.candidate.dnssec, undefined);
  }
  const hashed = restrictionOn(candidate(bob), [proven(record([2, 0, 1], hash('sha256', issuer)))]);
  assert.ok(hashed.kind === 'path' && hashed.candidate.dnssecAnchors === undefined);
  assert.ok(hashed.allows([bob, issuer]));
});
