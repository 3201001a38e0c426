import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diffPolicies } from './diff.ts';
import type { PolicyDocument } from './schema.ts';
import { policyOf } from './testing.ts';

function withPartner(more: object): PolicyDocument {
  return policyOf({ partners: [{ name: 'Bravo', domains: ['bravo.example'], ...more }] });
}

/** Field and effect of each change of one record. */
function effects(before: object, after: object): readonly (readonly [string, string])[] {
  return diffPolicies(withPartner(before), withPartner(after)).map(
    ({ field, effect }) => [field, effect] as const,
  );
}

test('the same policy in other words has no differences', () => {
  assert.deepEqual(
    effects({}, { outbound: { encrypt: 'required' }, tls: { level: 'secure' } }),
    [],
  );
});

const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const OTHER_PEM = PEM.replace('AAAA', 'BBBB');
const PIN = { spki: 'a'.repeat(64) };
const AGREEMENT = { id: 'A', asserts: 'x', validUntil: '2027-01-01', contact: 'x' };

const CASES = [
  ['outbound.encrypt', { outbound: { encrypt: 'none' } }, {}, 'stricter'],
  ['inbound.otherwise', {}, { inbound: { otherwise: 'flag' } }, 'looser'],
  ['tls.level', {}, { tls: { level: 'may' } }, 'looser'],
  ['tls.level', {}, { tls: { level: 'verify' } }, 'other'],
  ['tls.requireTls', {}, { tls: { requireTls: true } }, 'stricter'],
  ['tls.pins', {}, { tls: { pins: [PIN] } }, 'stricter'],
  ['trust.revocation', { trust: { revocation: 'hard' } }, {}, 'looser'],
  ['trust.anchors', {}, { trust: { anchors: [PEM] } }, 'looser'],
  ['trust.anchors', { trust: { anchors: [PEM] } }, {}, 'stricter'],
  ['trust.anchors', { trust: { anchors: [PEM] } }, { trust: { anchors: [OTHER_PEM] } }, 'other'],
  ['inbound.tls.clientName', {}, { inbound: { tls: { clientName: 'a.example' } } }, 'stricter'],
  [
    'agreement.validUntil',
    { agreement: AGREEMENT },
    { agreement: { ...AGREEMENT, validUntil: '2026-01-01' } },
    'stricter',
  ],
] as const;

for (const [field, before, after, effect] of CASES) {
  test(`${field} from ${JSON.stringify(before).slice(0, 60)} is ${effect}`, () => {
    assert.deepEqual(effects(before, after), [[field, effect]]);
  });
}

test('a certificate shows as its fingerprint, never as PEM', () => {
  const changes = diffPolicies(withPartner({}), withPartner({ trust: { anchors: [PEM] } }));
  assert.match(changes[0]?.to?.[0] ?? '', /^certificate SHA-256 [0-9a-f]{64}$/);
});

test('a partner that comes or goes shows with everything that it says', () => {
  const [none, one] = [policyOf({}), withPartner({})];
  const added = diffPolicies(none, one);
  assert.deepEqual([added[0]?.record, added[0]?.kind, added[0]?.field], ['Bravo', 'added', '']);
  assert.ok(added.some(({ field, to }) => field === 'domains' && to?.[0] === 'bravo.example'));
  const removed = diffPolicies(one, none);
  assert.ok(removed.every(({ kind, to }) => kind === 'removed' && to === null));
});

test('a change of a layer shows in each record that inherits it, and once', () => {
  const own = [{ names: ['acme.example'], outbound: { profile: 'compat' } }];
  const before = policyOf({ domains: own, partners: [{ name: 'B', domains: ['b.example'] }] });
  const after = policyOf({
    base: { tls: { level: 'encrypt' } },
    domains: own,
    partners: [{ name: 'B', domains: ['b.example'] }],
  });
  const changes = diffPolicies(before, after).map(({ record, field }) => `${record} ${field}`);
  assert.deepEqual(changes.sort(), ['B tls.level', 'default tls.level']);
});

test('people of a partner are known by name, wherever they stand in the list', () => {
  const [a, b] = ['a', 'b'].map((name) => ({ name, match: [`${name}@bravo.example`] }));
  assert.deepEqual(effects({ users: [a, b] }, { users: [b, a] }), []);
  const strict = { ...a, outbound: { encrypt: 'when-possible' } };
  assert.deepEqual(effects({ users: [a] }, { users: [strict] }), [
    ['users.a.outbound.encrypt', 'looser'],
  ]);
});
