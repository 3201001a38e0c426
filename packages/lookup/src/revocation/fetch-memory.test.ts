import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TestClock } from '../test-web.ts';
import { type Fetched, FetchMemory } from './fetch-memory.ts';

const START = Date.UTC(2026, 0, 1);

function memoryOf(clock: TestClock, limits: { maxEntries?: number; maxBytes?: number } = {}) {
  return new FetchMemory<string>({
    clock,
    maxEntries: 10,
    maxBytes: 1_000_000,
    maxValues: 2,
    refreshAfterMs: 60_000,
    retryAfterMs: 30_000,
    ...limits,
  });
}

function fetched(value: string, untilMs: number, sizeBytes = 0): Fetched<string> {
  const until = new Date(START + untilMs);
  const server = 'x:80';
  return { kind: 'fetched', value, identity: value, until, sizeBytes, version: null, server };
}

/** A place that yields these in turn. */
function placeOf(...answers: readonly Fetched<string>[]) {
  let asked = 0;
  return {
    asked: () => asked,
    fetch: (): Promise<Fetched<string>> => {
      asked += 1;
      return Promise.resolve(answers[asked - 1] ?? { kind: 'failed', reason: 'no more' });
    },
  };
}

describe('what is remembered of a place', () => {
  test('the newest stands first, those before it follow while they are current', async () => {
    const clock = new TestClock(START);
    const memory = memoryOf(clock);
    const hour = 3_600_000;
    const { fetch } = placeOf(fetched('a', hour), fetched('b', hour), fetched('c', hour));
    assert.deepEqual((await memory.recall('p', fetch)).values, ['a']);
    clock.time += 60_000;
    assert.deepEqual((await memory.recall('p', fetch)).values, ['b', 'a']);
    clock.time += 60_000;
    assert.deepEqual((await memory.recall('p', fetch)).values, ['c', 'b']);
    clock.time += hour;
    assert.deepEqual((await memory.recall('p', fetch)).values, []);
  });

  test('a value that has ended is not told, though its place is still remembered', async () => {
    const clock = new TestClock(START);
    const memory = memoryOf(clock);
    const { fetch } = placeOf(fetched('a', 70_000));
    await memory.recall('p', fetch);
    clock.time += 60_000;
    assert.deepEqual((await memory.recall('p', fetch)).values, ['a']);
    clock.time += 10_000;
    const { values, how } = await memory.recall('p', fetch);
    assert.deepEqual([values, how], [[], 'failed']);
  });

  test('a clock that is set back makes nothing young', async () => {
    const clock = new TestClock(START);
    const memory = memoryOf(clock);
    const place = placeOf(fetched('a', 3_600_000), fetched('b', 3_600_000));
    await memory.recall('p', place.fetch);
    clock.time -= 1;
    await memory.recall('p', place.fetch);
    assert.equal(place.asked(), 2);
  });

  test('entries and bytes are bounded, the least recently used goes first', async () => {
    const clock = new TestClock(START);
    const memory = memoryOf(clock, { maxEntries: 2 });
    for (const place of ['p', 'q', 'r']) {
      await memory.recall(place, placeOf(fetched('a', 3_600_000)).fetch);
    }
    const again = placeOf(fetched('b', 3_600_000));
    await memory.recall('r', again.fetch);
    assert.equal(again.asked(), 0);
    await memory.recall('p', again.fetch);
    assert.equal(again.asked(), 1);
  });

  test('large values stand alone, so that their place fits', async () => {
    const clock = new TestClock(START);
    const memory = memoryOf(clock, { maxBytes: 10_000 });
    const { fetch } = placeOf(fetched('a', 3_600_000, 2_000), fetched('b', 3_600_000, 2_000));
    await memory.recall('p', fetch);
    clock.time += 60_000;
    assert.deepEqual((await memory.recall('p', fetch)).values, ['b']);
    assert.equal((await memory.recall('p', fetch)).how, 'kept');
  });

  test('what is larger than all that may be kept is told and not kept', async () => {
    const memory = memoryOf(new TestClock(START), { maxBytes: 1_000 });
    const place = placeOf(fetched('a', 3_600_000, 2_000), fetched('b', 3_600_000, 2_000));
    assert.deepEqual((await memory.recall('p', place.fetch)).values, ['a']);
    assert.deepEqual((await memory.recall('p', place.fetch)).values, ['b']);
  });

  test('a fetch that throws is no answer for those who come later', async () => {
    const memory = memoryOf(new TestClock(START));
    await assert.rejects(memory.recall('p', () => Promise.reject(new Error('a surprise'))));
    const place = placeOf(fetched('a', 3_600_000));
    assert.deepEqual((await memory.recall('p', place.fetch)).values, ['a']);
  });
});
