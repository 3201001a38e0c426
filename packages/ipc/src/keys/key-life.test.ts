import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type KeyClass, type KeyRecord, keyStateSchema } from '../protocols/key-record.ts';
import { checkKeyStep, KEY_TRANSITIONS, type KeyStep, stepKey } from './key-life.ts';

const NOW = new Date('2026-05-01T00:00:00Z');
const STEPS: readonly KeyStep[] = [
  'generate',
  'certify',
  'activate',
  'retire',
  'reopen',
  'destroy',
];
const CLASSES: readonly KeyClass[] = [
  'domain-signing',
  'domain-confidentiality',
  'dkim',
  'statement',
];

function keyIn(state: KeyRecord['state'], keyClass: KeyClass = 'domain-signing'): KeyRecord {
  return {
    keyId: 'k1',
    class: keyClass,
    domain: 'acme.example',
    state,
    algorithm: 'rsa-3072',
    certificate: 'PEM',
    chain: [],
    privateKeyFile: 'k1.key.sealed',
    signedAttributes: null,
  };
}

/** Written by hand, not out of the table: state, class, step, and the state that it leads to. */
const LEGAL = [
  'generated * certify pending',
  'generated * destroy destroyed',
  'generated dkim activate active',
  'pending * activate active',
  'pending * retire retired',
  'pending * destroy destroyed',
  'active domain-signing retire retired',
  'active dkim retire retired',
  'active statement retire retired',
  'active domain-confidentiality retire decrypt-only',
  'decrypt-only * activate active',
  'decrypt-only * retire retired',
  'retired domain-signing activate active',
  'retired dkim activate active',
  'retired statement activate active',
  'retired domain-confidentiality reopen decrypt-only',
  'retired * destroy destroyed',
];

test('every pair of state and step is legal as written down, and refused with a sentence otherwise', () => {
  for (const state of keyStateSchema.options) {
    for (const keyClass of CLASSES) {
      for (const step of STEPS) {
        const row = LEGAL.find((line) =>
          [`${state} * ${step} `, `${state} ${keyClass} ${step} `].some((one) =>
            line.startsWith(one),
          ),
        );
        const result = stepKey(keyIn(state, keyClass), step, NOW);
        const name = `${state} ${keyClass} ${step}`;
        if (row === undefined) {
          assert.equal(result.kind, 'refused', name);
          if (result.kind !== 'refused') continue;
          assert.equal(result.fault, 'key-step-illegal', name);
          assert.match(result.sentence, /^The key k1 is [^.]+\.$/, name);
        } else {
          assert.equal(result.kind, 'moved', name);
          if (result.kind === 'moved') assert.equal(result.record.state, row.split(' ')[3], name);
        }
      }
    }
  }
});

test('nothing leaves the state destroyed, and an active key is never destroyed in one step', () => {
  assert.deepEqual(
    KEY_TRANSITIONS.filter(({ from }) => from === 'destroyed'),
    [],
  );
  assert.deepEqual(
    KEY_TRANSITIONS.filter(({ to }) => to === 'destroyed').map(({ from }) => from),
    ['generated', 'pending', 'retired'],
  );
});

test('a key without a certificate is not activated', () => {
  for (const state of ['generated', 'pending'] as const) {
    const refusal = checkKeyStep({ ...keyIn(state), certificate: null }, 'activate');
    assert.ok('fault' in refusal);
    assert.equal(refusal.fault, 'key-certificate-missing');
  }
});

test('a DKIM key, of which the DNS speaks, needs no certificate to be activated', () => {
  const step = checkKeyStep({ ...keyIn('generated', 'dkim'), certificate: null }, 'activate');
  assert.ok('to' in step);
  assert.equal(step.to, 'active');
});

test('a key whose certificate is revoked is never activated again', () => {
  for (const state of ['pending', 'decrypt-only', 'retired'] as const) {
    const refusal = checkKeyStep({ ...keyIn(state), isRevoked: true }, 'activate');
    assert.ok('fault' in refusal);
    assert.equal(refusal.fault, 'key-certificate-revoked');
  }
  const retire = checkKeyStep({ ...keyIn('decrypt-only'), isRevoked: true }, 'retire');
  assert.ok('to' in retire, 'what is left of its life goes on');
});

test('a step writes when it happened, and takes a planned activation away', () => {
  const planned = { ...keyIn('pending'), activateAt: '2026-06-01T00:00:00.000Z' };
  const active = stepKey(planned, 'activate', NOW);
  assert.ok(active.kind === 'moved');
  assert.equal(active.record.activatedAt, NOW.toISOString());
  assert.equal(active.record.activateAt, undefined);
  const retired = stepKey(active.record, 'retire', NOW);
  assert.ok(retired.kind === 'moved');
  assert.equal(retired.record.retiredAt, NOW.toISOString());
  const gone = stepKey(retired.record, 'destroy', NOW);
  assert.ok(gone.kind === 'moved');
  assert.equal(gone.record.destroyedAt, NOW.toISOString());
});
