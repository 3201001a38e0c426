import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IpcRefused, IpcUnavailable } from '../errors.ts';
import type { QueueEntry } from '../protocols/hint.ts';
import { listQueue, orderQueued, type QueueClients, showQueued, takesOrder } from './ask-queue.ts';

const ID = '0'.repeat(20);
const ORDER = { verb: 'drop', id: ID, by: 'ann', notify: true } as const;

type Answer = unknown | Error;
type Asked = readonly [part: string, method: string, params: unknown];

/** Clients that answer every call alike, or throw. */
function clientsOf(answers: { readonly outward: Answer; readonly egress: Answer }) {
  const asked: Asked[] = [];
  const clientOf = (part: 'outward' | 'egress') => ({
    call: async (method: string, params: unknown) => {
      asked.push([part, method, params]);
      if (answers[part] instanceof Error) throw answers[part];
      return answers[part];
    },
  });
  const clients = { outward: clientOf('outward'), egress: clientOf('egress') };
  return { clients: clients as unknown as QueueClients, asked };
}

function entry(createdAt: string): QueueEntry {
  const dated = { createdAt, dueAt: null, sentence: '' };
  const paths = { reversePath: '', forwardPaths: ['b@b.example'], destination: null };
  const counts = { sizeBytes: 1, attempts: 0, fault: null };
  return { id: ID, state: 'waiting', folder: 'outgoing', ...dated, ...paths, ...counts };
}

const away = new IpcUnavailable('connect', 'nobody there');
const unknown = { kind: 'unknown-id' } as const;
const refused = { kind: 'not-possible', sentence: 'it is being worked on' } as const;
const listOf = (times: readonly string[], more: boolean) => ({ entries: times.map(entry), more });

test('both parts are one list, the oldest first, cut at the limit', async () => {
  const { clients } = clientsOf({
    outward: listOf(['2026-01-02', '2026-01-04'], false),
    egress: listOf(['2026-01-01', '2026-01-03'], false),
  });
  const listed = await listQueue(clients, { limit: 3 });
  const times = listed.entries.map(({ createdAt }) => createdAt);
  assert.deepEqual(times, ['2026-01-01', '2026-01-02', '2026-01-03']);
  assert.equal(listed.more, true);
  assert.deepEqual(listed.away, []);
});

test('a page ends where a part that has more ended, so that nothing is passed over', async () => {
  const page = (ids: readonly string[], more: boolean) => ({
    entries: ids.map((id) => ({ ...entry('2026-01-01'), id })),
    more,
  });
  const { clients } = clientsOf({
    outward: page(['1', '4'], true),
    egress: page(['2', '3', '5', '6'], false),
  });
  const listed = await listQueue(clients, { limit: 10 });
  assert.deepEqual(
    listed.entries.map(({ id }) => id),
    ['1', '2', '3', '4'],
  );
  assert.equal(listed.more, true);
});

test('a part that is away is named, and the other one is listed', async () => {
  const { clients } = clientsOf({ outward: away, egress: listOf(['2026-01-01'], false) });
  const listed = await listQueue(clients, { limit: 3 });
  assert.equal(listed.entries.length, 1);
  assert.deepEqual(listed.away, [{ part: 'outward', cause: away }]);
});

test('a refusal of a part is no absence', async () => {
  const { clients } = clientsOf({ outward: new IpcRefused(null, 'no'), egress: listOf([], false) });
  await assert.rejects(listQueue(clients, { limit: 3 }), IpcRefused);
});

test('a message that nobody has may be with the part that is away', async () => {
  const shown = await showQueued(clientsOf({ outward: unknown, egress: away }).clients, ID);
  assert.deepEqual(shown, { kind: 'unknown-id', away: [{ part: 'egress', cause: away }] });
  const none = await showQueued(clientsOf({ outward: unknown, egress: unknown }).clients, ID);
  assert.deepEqual(none, { kind: 'unknown-id', away: [] });
});

test('an order that is done is given to no second part', async () => {
  const { clients, asked } = clientsOf({ outward: { kind: 'done' }, egress: { kind: 'done' } });
  assert.deepEqual(await orderQueued(clients, ORDER), { kind: 'done' });
  assert.deepEqual(asked, [['outward', 'drop', { id: ID, by: 'ann', notify: true }]]);
});

test('an order goes on to the part that has the message', async () => {
  const { clients, asked } = clientsOf({ outward: unknown, egress: { kind: 'done' } });
  assert.deepEqual(await orderQueued(clients, { ...ORDER, verb: 'retry' }), { kind: 'done' });
  assert.deepEqual(asked.at(-1), ['egress', 'retry', { id: ID }]);
});

test('the first refusal is what the operator hears, even with a part away', async () => {
  const order = { ...ORDER, verb: 'release' } as const;
  const late = { kind: 'not-possible', sentence: 'use retry' };
  const both = clientsOf({ outward: refused, egress: late });
  assert.deepEqual(await orderQueued(both.clients, order), refused);
  const one = clientsOf({ outward: away, egress: refused });
  assert.deepEqual(await orderQueued(one.clients, order), refused);
  const none = clientsOf({ outward: away, egress: unknown });
  assert.equal((await orderQueued(none.clients, order)).kind, 'unknown-id');
});

test('held ones are released or dropped, others tried again or dropped, broken ones kept', () => {
  const verbsOf = (state: QueueEntry['state']) =>
    (['release', 'retry', 'drop'] as const).filter((verb) => takesOrder(state, verb));
  assert.deepEqual(verbsOf('held'), ['release', 'drop']);
  for (const state of ['waiting', 'active', 'paused'] as const) {
    assert.deepEqual(verbsOf(state), ['retry', 'drop']);
  }
  assert.deepEqual(verbsOf('corrupt'), []);
});
