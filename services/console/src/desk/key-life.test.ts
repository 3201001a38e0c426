import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KeyClass, KeyState } from '@sallyport/ipc';
import { keyFacts } from '../testing-keys.ts';
import { daysUntil, lifeLinesOf, rolloverOf } from './key-life.ts';
import type { KeyView } from './keys.ts';

function key(keyId: string, of: Partial<KeyView> = {}): KeyView {
  return { ...keyFacts(keyId, { class: 'domain-confidentiality' }), quarantined: null, ...of };
}

const open = (one: KeyView, keys: readonly KeyView[] = [one]): readonly string[] | null =>
  rolloverOf(one, keys)?.steps.flatMap(({ step, state }) => (state === 'open' ? [step] : [])) ??
  null;

test('each state of a key opens its own steps, and a key that was in use is on no way into it', () => {
  const cases: readonly (readonly [KeyClass, KeyState, readonly string[] | null])[] = [
    ['domain-signing', 'generated', ['request', 'certificate']],
    ['domain-signing', 'pending', ['publish', 'take-over']],
    ['domain-signing', 'active', []],
    ['domain-signing', 'retired', null],
    ['domain-confidentiality', 'decrypt-only', null],
    ['domain-confidentiality', 'destroyed', null],
    ['dkim', 'generated', ['publish', 'take-over']],
    ['dkim', 'active', []],
    ['statement', 'active', null],
  ];
  for (const [keyClass, state, steps] of cases) {
    assert.deepEqual(open(key('one', { class: keyClass, state })), steps, `${keyClass} ${state}`);
  }
});

test('the last step is open as long as a former key of the same class and domain opens mail', () => {
  const active = key('new');
  const former = key('old', { state: 'decrypt-only' });
  const others = [
    key('elsewhere', { state: 'decrypt-only', domain: 'other.example' }),
    key('signs', { class: 'domain-signing' }),
    key('gone', { state: 'retired' }),
  ];
  assert.deepEqual(open(active, [active, ...others]), []);
  assert.deepEqual(open(active, [active, former, ...others]), ['retire']);
  assert.deepEqual(
    rolloverOf(active, [active, former, ...others])?.former.map(({ keyId }) => keyId),
    ['old'],
  );
  const done = rolloverOf(active, [active])?.steps.every(({ state }) => state === 'done');
  assert.equal(done, true);
});

test('what comes before an open step is done, what comes after it is later', () => {
  const states = rolloverOf(key('one', { state: 'pending' }), [])?.steps.map(({ state }) => state);
  assert.deepEqual(states, ['done', 'done', 'done', 'open', 'open', 'later']);
});

test('a life line has the keys of its class in their places, the last former one first', () => {
  const keys = [
    key('a', { state: 'retired', retiredAt: '2024-01-01T00:00:00Z' }),
    key('b', { state: 'decrypt-only', retiredAt: '2026-01-01T00:00:00Z' }),
    key('c'),
    key('d', { state: 'pending' }),
    key('e', { state: 'generated' }),
    key('f', { state: 'destroyed' }),
    key('x', { domain: 'other.example' }),
  ];
  const [signing, encryption] = lifeLinesOf('acme.example', keys);
  assert.deepEqual(signing?.active, []);
  const names = (place: 'next' | 'active' | 'former' | 'destroyed') =>
    encryption?.[place].map(({ keyId }) => keyId);
  assert.deepEqual(
    [names('next'), names('active'), names('former'), names('destroyed')],
    [['d', 'e'], ['c'], ['b', 'a'], ['f']],
  );
});

test('days are whole ones, and negative once the time is over', () => {
  const now = new Date('2026-01-01T12:00:00Z');
  assert.equal(daysUntil('2026-01-02T11:00:00Z', now), 0);
  assert.equal(daysUntil('2026-01-31T12:00:00Z', now), 30);
  assert.equal(daysUntil('2025-12-31T12:00:00Z', now), -1);
});
