import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_FRAME_BYTES } from '../frames.ts';
import type { QueueEntry } from '../protocols/hint.ts';
import { type QueuePageQuery, queuePage } from './queue-page.ts';

const idOf = (n: number): string => String(n).padStart(20, '0');

function entry(n: number, more: Partial<QueueEntry> = {}): QueueEntry {
  const dated = { createdAt: '2026-01-01T00:00:00Z', dueAt: null, sentence: '' };
  const paths = { reversePath: '', forwardPaths: ['b@b.example'], destination: null };
  const counts = { sizeBytes: 1, attempts: 0, fault: null };
  const own = { id: idOf(n), state: 'waiting', folder: 'outgoing' } as const;
  return { ...own, ...dated, ...paths, ...counts, ...more };
}

/** A folder names its files in no order. */
async function pageOf(query: QueuePageQuery, all: readonly QueueEntry[]) {
  const names = async function* () {
    for (const { id } of all.toReversed()) yield { id };
  };
  const { entries, more } = await queuePage(query, names(), async ({ id }) => {
    return all.find((one) => one.id === id) ?? null;
  });
  return { ids: entries.map(({ id }) => Number(id)), more };
}

const ten = Array.from({ length: 10 }, (_, n) => entry(n + 1));

test('pages follow each other in the order of age, whatever order the folder has', async () => {
  assert.deepEqual(await pageOf({ limit: 4 }, ten), { ids: [1, 2, 3, 4], more: true });
  assert.deepEqual(await pageOf({ limit: 4, after: idOf(4) }, ten), {
    ids: [5, 6, 7, 8],
    more: true,
  });
  assert.deepEqual(await pageOf({ limit: 4, after: idOf(8) }, ten), { ids: [9, 10], more: false });
});

test('what is left out by state, place or recipient takes no room on a page', async () => {
  const held = [7, 9].map((n) => entry(n, { state: 'held', folder: 'hold' }));
  const all = [...ten.filter(({ id }) => !held.some((one) => one.id === id)), ...held];
  assert.deepEqual(await pageOf({ limit: 2, place: 'hold' }, all), { ids: [7, 9], more: false });
  const queue = await pageOf({ limit: 100, place: 'queue' }, all);
  assert.deepEqual(queue, { ids: [1, 2, 3, 4, 5, 6, 8, 10], more: false });
  assert.deepEqual((await pageOf({ state: 'held', limit: 1 }, all)).ids, [7]);
  assert.deepEqual((await pageOf({ selection: { recipient: 'c.example' } }, all)).ids, []);
});

test('messages with many recipients fill a page before it is longer than a frame', async () => {
  const forwardPaths = Array.from({ length: 1_000 }, (_, n) => `${'ä'.repeat(60)}${n}@b.example`);
  const all = ten.map(({ id }) => entry(Number(id), { forwardPaths }));
  const first = await pageOf({ limit: 1_000 }, all);
  assert.equal(first.more, true);
  assert.ok(first.ids.length > 1);
  const bytes = Buffer.byteLength(JSON.stringify(all.slice(0, first.ids.length)));
  assert.ok(bytes < MAX_FRAME_BYTES, `${bytes}`);
  const after = idOf(first.ids.at(-1) ?? 0);
  assert.equal((await pageOf({ limit: 1_000, after }, all)).ids[0], first.ids.length + 1);
});
