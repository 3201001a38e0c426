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
const MINUTE_MS = 60_000;
const SETTLED_MS = 5 * MINUTE_MS;
const CHANNELS = ['mail', 'webhook'] as const;
const at = (ms: number): Date => new Date(START + ms);
const disk: Condition = { id: 'process recorder', kind: 'process', sentence: 'The disk is full.' };

interface Look {
  readonly conditions?: readonly Condition[];
  readonly notices?: Parameters<typeof observe>[1]['notices'];
  readonly isUnknown?: (id: string) => boolean;
  readonly leaves?: number;
  readonly ms?: number;
}

function look(state: AlertState, { conditions = [], notices = [], ...of }: Look): AlertState {
  const { isUnknown = () => false, leaves = null, ms = 0 } = of;
  return observe(state, { conditions, notices, isUnknown, leaves, now: at(ms) });
}

/** Nothing is wrong at that time, nor for as long as it takes to be over. */
function settle(state: AlertState, ms: number): AlertState {
  return look(look(state, { ms }), { ms: ms + SETTLED_MS });
}

const noticeOf = (index: number, kind = 'log-recovered') => {
  return { index, time: at(0).toISOString(), kind, sentence: 'Cut.' };
};

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
  state = settle(tellAll(state, DAY_MS), DAY_MS + 1);
  assert.deepEqual(due(state, 'mail', DAY_MS + 1), ['over process recorder']);
  state = tellAll(state, DAY_MS + 1);
  assert.deepEqual(state.incidents, []);
});

test('the end of what nobody heard is not told', () => {
  const state = look(look(NO_ALERTS, { conditions: [disk] }), { ms: 1 });
  assert.deepEqual(state.incidents, []);
});

test('a channel that was not told of the beginning is not told of the end', () => {
  const state = settle(tell(look(NO_ALERTS, { conditions: [disk] }), 'mail'), 1);
  assert.deepEqual(due(state, 'webhook', 1), []);
  assert.deepEqual(tell(state, 'mail', 1).incidents, []);
});

test('what comes back before its end was told goes on as if nothing had been', () => {
  const begun = tellAll(look(NO_ALERTS, { conditions: [disk] }));
  const state = look(settle(begun, 1), { conditions: [disk], ms: SETTLED_MS + 2 });
  assert.deepEqual(due(state, 'mail', SETTLED_MS + 2), []);
});

test('what comes and goes is one alert: it is over once it was gone for a while', () => {
  let state = tellAll(look(NO_ALERTS, { conditions: [disk] }));
  for (let minute = 1; minute < 120; minute += 1) {
    const conditions = minute % 5 === 0 ? [disk] : [];
    state = look(state, { conditions, ms: minute * MINUTE_MS });
    assert.deepEqual(due(state, 'mail', minute * MINUTE_MS), [], `minute ${minute}`);
  }
  // Gone since minute 116.
  state = look(state, { ms: 120 * MINUTE_MS + 59_999 });
  assert.deepEqual(due(state, 'mail'), []);
  state = look(state, { ms: 121 * MINUTE_MS });
  assert.deepEqual(due(state, 'mail'), ['over process recorder']);
});

test('what is gone for a moment is not told again in that moment', () => {
  const begun = tellAll(look(NO_ALERTS, { conditions: [disk] }));
  const state = look(begun, { ms: DAY_MS });
  assert.deepEqual(due(state, 'mail', DAY_MS), []);
});

test('what cannot be looked at is not over', () => {
  const begun = tellAll(look(NO_ALERTS, { conditions: [disk] }));
  const state = look(begun, { isUnknown: (id) => id === disk.id, ms: 1 });
  assert.deepEqual(due(state, 'mail', 1), []);
  assert.deepEqual(state, begun);
});

test('a notice is told once, in the order of the log, and never again', () => {
  let state = look(NO_ALERTS, { notices: [noticeOf(7)] });
  assert.equal(state.noticed, 7);
  assert.deepEqual(due(state, 'mail'), ['notice notice 7']);
  state = tell(state, 'mail');
  assert.deepEqual(due(state, 'mail'), []);
  state = tell(look(state, {}), 'webhook');
  assert.deepEqual(state.incidents, []);
  assert.equal(state.noticed, 7);
});

test('more of one kind wait for an hour: an alert that makes its own cause is no endless loop', () => {
  let state = tellAll(look(NO_ALERTS, { notices: [noticeOf(1, 'corrupt-found')] }));
  // Each mail of ours lands in corrupt, too.
  let mails = 1;
  for (let second = 15; second < 3_600; second += 15) {
    state = look(state, { notices: [noticeOf(mails + 1, 'corrupt-found')], ms: second * 1_000 });
    const told = due(state, 'mail', second * 1_000);
    if (told.length > 0) mails += 1;
    state = tellAll(state, second * 1_000);
  }
  assert.equal(mails, 1);
  const other = look(state, { notices: [noticeOf(900)], ms: 3_599_000 });
  assert.deepEqual(due(other, 'mail', 3_599_000), ['notice notice 900'], 'another kind does not');
  assert.ok(due(state, 'mail', 3_600_000).length > 0, 'they are gathered, not lost');
});

test('many notices are counted, and keep neither a condition nor another kind out', () => {
  const flood = Array.from({ length: 700 }, (_, index) => {
    return { ...noticeOf(index, 'duplicate-ciphertext'), sentence: 'x'.repeat(9_999) };
  });
  const full = look(NO_ALERTS, { notices: flood });
  assert.equal(full.noticed, 699);
  assert.equal(full.incidents.length, 21);
  assert.match(full.incidents.at(-1)?.sentence ?? '', /^680 more of duplicate-ciphertext are in/);
  const again = look(full, { notices: [noticeOf(700)], conditions: [disk] });
  const told = due(again, 'mail');
  assert.equal(told[0], `stands ${disk.id}`, 'it comes first');
  assert.equal(told.at(-1), 'notice notice 700');
  assert.ok(alertStateSchema.safeParse(again).success, 'it can be kept');
  assert.deepEqual(
    tellAll(again).incidents.map(({ id }) => id),
    [disk.id],
  );
});

test('a log that is shorter than it was is a notice, and what it holds from now on is heard', () => {
  const begun = look(NO_ALERTS, { notices: [noticeOf(70)], leaves: 71 });
  assert.equal(begun.leaves, 71);
  const same = look(begun, { leaves: 71 });
  assert.equal(same.incidents.length, 1);
  const away = look(same, {});
  assert.equal(away.leaves, 71, 'a recorder that does not answer says nothing of the log');
  const cut = look(tellAll(away), { leaves: 4, ms: DAY_MS });
  assert.deepEqual(
    cut.incidents.map(({ kind, state }) => [kind, state]),
    [['log-shorter', 'notice']],
  );
  assert.match(cut.incidents[0]?.sentence ?? '', /has 4 events, and had 71/);
  assert.deepEqual([cut.noticed, cut.leaves], [-1, 4]);
});

test('what was told by a channel that is there no more is forgotten', () => {
  const begun = tell(look(NO_ALERTS, { conditions: [disk] }), 'mail');
  assert.deepEqual(due(forChannels(begun, ['webhook']), 'webhook'), ['stands process recorder']);
  assert.deepEqual(forChannels(settle(begun, 1), ['webhook']).incidents, []);
});
