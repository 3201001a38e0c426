import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AUDIT_EVENT_KINDS, auditEventSchema, leafOf, personalHash } from './index.ts';

const CONTRACT =
  'accepted refused abandoned committed decided key-intent key-outcome protected opened relayed deferred failed expired held released dropped dsn-created lookup policy-activated policy-proposed policy-approved policy-scheduled policy-rolled-back key-generated key-activated key-imported key-certified key-scheduled key-retired key-reopened key-destroyed certificate-revoked crl-issued key-quarantined service-started service-stopped log-recovered log-retained destination-paused destination-resumed login duplicate-ciphertext corrupt-found partner-key-changed certificate-harvested capabilities-learned capabilities-ignored console-signed-in console-sign-in-refused console-signed-out account-changed token-changed held-message-viewed audit-exported console-order';

test('the union holds every kind of the contract and no other', () => {
  assert.deepEqual([...AUDIT_EVENT_KINDS].sort(), CONTRACT.split(' ').sort());
});

test('an unknown kind, an unknown field and a personal field under a wrong key are refused', () => {
  const good = { kind: 'released', queueId: '0123456789abcdefghjk' };
  assert.equal(auditEventSchema.safeParse(good).success, true);
  assert.equal(auditEventSchema.safeParse({ ...good, kind: 'forgotten' }).success, false);
  assert.equal(auditEventSchema.safeParse({ ...good, from: 'a@b.example' }).success, false);
  assert.equal(auditEventSchema.safeParse({ ...good, personal: { 'a b': 'x' } }).success, false);
  assert.equal(auditEventSchema.safeParse({ ...good, queueId: '../x' }).success, false);
});

test('personal values enter the leaf as salted hashes only', () => {
  const event = auditEventSchema.parse({
    kind: 'released',
    queueId: '0123456789abcdefghjk',
    personal: { by: 'secadmin@acme.example' },
  });
  const salts = ['00', '01'];
  const leaf = leafOf(event, { index: 3, time: new Date(0), salt: () => salts.shift() ?? '' });
  assert.equal(leaf.leaf.includes('secadmin'), false);
  assert.equal(
    leaf.leaf,
    `{"index":3,"time":"1970-01-01T00:00:00.000Z","kind":"released","queueId":"0123456789abcdefghjk","personal":{"by":"${personalHash({ salt: '00', value: 'secadmin@acme.example' })}"}}`,
  );
});
