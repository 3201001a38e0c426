/** Orders of operators that come together, and what the log says of them. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { AuditEvent } from '@sallyport/audit-log';
import { newQueueId, type QueueId } from '@sallyport/mail';
import type { QueueFileHeader } from '@sallyport/spool';
import { HEADER, NOW, workerSpool } from './testing.ts';
import { outwardVerbs, type VerbPorts } from './verbs.ts';

const CONTEXT = { closed: new AbortController().signal };

async function bench(t: TestContext) {
  const { spool } = await workerSpool(t);
  const events: AuditEvent[] = [];
  const scheduled: string[] = [];
  const active = new Set<QueueId>();
  const ports = {
    spool,
    holdExpiryMs: 1,
    clock: { now: () => NOW },
    isActive: (id: QueueId) => active.has(id),
    recorder: {
      record: async (event: AuditEvent) => {
        events.push(event);
      },
    },
    schedule: {
      add: async ({ id }: { id: QueueId }) => {
        scheduled.push(`add ${id}`);
      },
      remove: async (id: QueueId) => {
        scheduled.push(`remove ${id}`);
      },
    },
    notifyDropped: async (_: string, id: QueueId) => {
      scheduled.push(`tell ${id}`);
      return false;
    },
  } as unknown as VerbPorts;
  const put = async (folder: 'hold' | 'incoming'): Promise<QueueId> => {
    const header: QueueFileHeader = { ...HEADER, id: newQueueId(NOW) };
    const writer = await spool.create('tmp', header, 'worker');
    await writer.write(Buffer.from('Subject: hi\r\n\r\ntext\r\n'));
    await writer.finish({ syncNow: true });
    await spool.commit(header.id, 'tmp', folder);
    return header.id;
  };
  return { verbs: outwardVerbs(ports), spool, events, scheduled, active, put };
}

test('two people release a message at once: one does, and it is on record once', async (t) => {
  const { verbs, events, put } = await bench(t);
  const id = await put('hold');
  const answers = await Promise.all(
    ['ann', 'bob'].map(async (by) => await verbs.release({ id, by }, CONTEXT)),
  );
  assert.deepEqual(answers.map(({ kind }) => kind).sort(), ['done', 'not-possible']);
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['released'],
  );
});

test('a message that is released and dropped at once comes to one end', async (t) => {
  const { verbs, events, put, spool } = await bench(t);
  const id = await put('hold');
  const answers = await Promise.all([
    verbs.release({ id, by: 'ann' }, CONTEXT),
    verbs.drop({ id, by: 'bob', notify: false }, CONTEXT),
  ]);
  assert.deepEqual(answers.map(({ kind }) => kind).sort(), ['done', 'not-possible']);
  assert.equal(events.length, 1);
  const isBack = (await spool.readHeader('incoming', id)).kind === 'ok';
  assert.equal(isBack, events[0]?.kind === 'released');
});

test('a drop takes the message off the schedule before its author is told', async (t) => {
  const { verbs, scheduled, put } = await bench(t);
  const id = await put('incoming');
  assert.deepEqual(await verbs.drop({ id, by: 'ann', notify: true }, CONTEXT), { kind: 'done' });
  assert.deepEqual(scheduled, [`remove ${id}`, `tell ${id}`]);
});

test('the log says that the author was told only where a report went out', async (t) => {
  const { verbs, events, put } = await bench(t);
  await verbs.drop({ id: await put('hold'), by: 'ann', notify: true }, CONTEXT);
  const [dropped] = events;
  assert.equal(dropped?.kind === 'dropped' && dropped.notified, false);
});

test('what is being worked on is not dropped', async (t) => {
  const { verbs, events, active, put } = await bench(t);
  const id = await put('incoming');
  active.add(id);
  const answer = await verbs.drop({ id, by: 'ann', notify: true }, CONTEXT);
  assert.equal(answer.kind, 'not-possible');
  assert.deepEqual(events, []);
});
