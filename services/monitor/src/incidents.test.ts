import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition } from './conditions.ts';
import {
  type AlertState,
  alertStateSchema,
  type Channel,
  dueFor,
  forChannels,
  NO_ALERTS,
  observe,
  told,
} from './incidents.ts';

const START = Date.parse('2026-03-01T12:00:00Z');
const DAY_MS = 86_400_000;
const CHANNELS = ['mail', 'webhook'] as const;
const at = (ms: number): Date => new Date(START + ms);
const disk: Condition = { id: 'process recorder', kind: 'process', sentence: 'The disk is full.' };

interface Look {
  readonly conditions?: readonly Condition[];
  readonly notices?: Parameters<typeof observe>[1]['notices'];
  readonly isUnknown?: (id: string) => boolean;
  readonly ms?: number;
}

function look(state: AlertState, { conditions = [], notices = [], ...of }: Look): AlertState {
  const { isUnknown = () => false, ms = 0 } = of;
  return observe(state, { conditions, notices, isUnknown, now: at(ms) });
}

function due(state: AlertState, channel: Channel, ms = 0): string[] {
  const repeatAfterMs = DAY_MS;
  return dueFor(state, channel, { now: at(ms), repeatAfterMs }).map(
    (one) => `${one.state} ${one.id}`,
  );
}

function tell(state: AlertState, channel: Channel, ms = 0): AlertState {
  const incidents = dueFor(state, channel, { now: at(ms), repeatAfterMs: DAY_MS });
  return told(state, { channel, incidents, channels: CHANNELS, now: at(ms) });
}

const tellAll = (state: AlertState, ms = 0): AlertState =>
  CHANNELS.reduce((before, channel) => tell(before, channel, ms), state);

test('what stands is told once to each channel, again a day later, and then its end', () => {
  let state = look(NO_ALERTS, { conditions: [disk] });
  assert.deepEqual(due(state, 'mail'), ['stands process recorder']);
  state = tell(state, 'mail');
  assert.deepEqual(due(state, 'mail'), []);
  assert.deepEqual(due(state, 'webhook'), ['stands process recorder'], 'the other one waits still');
  state = look(tell(state, 'webhook'), { conditions: [disk], ms: DAY_MS - 1 });
  assert.deepEqual(due(state, 'mail', DAY_MS - 1), []);
  assert.deepEqual(due(state, 'mail', DAY_MS), ['stands process recorder']);
  state = look(tellAll(state, DAY_MS), { ms: DAY_MS + 1 });
  assert.deepEqual(due(state, 'mail', DAY_MS + 1), ['over process recorder']);
  state = tellAll(state, DAY_MS + 1);
  assert.deepEqual(state.incidents, []);
});

test('the end of what nobody heard is not told', () => {
  const state = look(look(NO_ALERTS, { conditions: [disk] }), { ms: 1 });
  assert.deepEqual(state.incidents, []);
});

test('a channel that was not told of the beginning is not told of the end', () => {
  const state = look(tell(look(NO_ALERTS, { conditions: [disk] }), 'mail'), { ms: 1 });
  assert.deepEqual(due(state, 'webhook', 1), []);
  assert.deepEqual(tell(state, 'mail', 1).incidents, []);
});

test('what comes back before its end was told goes on as if nothing had been', () => {
  const begun = tellAll(look(NO_ALERTS, { conditions: [disk] }));
  const state = look(look(begun, { ms: 1 }), { conditions: [disk], ms: 2 });
  assert.deepEqual(due(state, 'mail', 2), []);
});

test('what cannot be looked at is not over', () => {
  const begun = tellAll(look(NO_ALERTS, { conditions: [disk] }));
  const state = look(begun, { isUnknown: (id) => id === disk.id, ms: 1 });
  assert.deepEqual(due(state, 'mail', 1), []);
  assert.deepEqual(state, begun);
});

test('a notice is told once, in the order of the log, and never again', () => {
  const notice = { index: 7, time: at(0).toISOString(), kind: 'log-recovered', sentence: 'Cut.' };
  let state = look(NO_ALERTS, { notices: [notice] });
  assert.equal(state.noticed, 7);
  assert.deepEqual(due(state, 'mail'), ['notice notice 7']);
  state = tell(state, 'mail');
  assert.deepEqual(due(state, 'mail'), []);
  state = tell(look(state, {}), 'webhook');
  assert.deepEqual(state.incidents, []);
  assert.equal(state.noticed, 7);
});

test('incidents are bounded, and notices beyond the bound come later', () => {
  const notices = Array.from({ length: 700 }, (_, index) => {
    return { index, time: at(0).toISOString(), kind: 'corrupt-found', sentence: 'x'.repeat(9_999) };
  });
  const state = look(NO_ALERTS, { notices, conditions: [disk] });
  assert.equal(state.incidents.length, 500);
  assert.equal(state.noticed, 499);
  assert.ok(alertStateSchema.safeParse(state).success, 'it can be kept');
});

test('what was told by a channel that is there no more is forgotten', () => {
  const begun = tell(look(NO_ALERTS, { conditions: [disk] }), 'mail');
  assert.deepEqual(due(forChannels(begun, ['webhook']), 'webhook'), ['stands process recorder']);
  assert.deepEqual(forChannels(look(begun, { ms: 1 }), ['webhook']).incidents, []);
});
