import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLogger } from '@sallyport/log';
import { newQueueId, type QueueId } from '@sallyport/mail';
import { createEmbeddedSchedule } from '@sallyport/queue';
import { generateReaderKey, Spool } from '@sallyport/spool';
import { restoreOutgoing } from './jobs.ts';
import { putOutgoing, TEXT } from './testing.ts';

test('one damaged state file does not keep the scan from the other messages', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-jobs-'));
  const clock = { now: () => new Date('2026-11-21T08:00:00Z') };
  const logger = createLogger({ service: 'test', now: clock.now, write: () => {} });
  const readerKeys = { egress: generateReaderKey().publicKeyPem };
  const spool = await Spool.open({ folder, readerKeys, logger });
  const schedule = createEmbeddedSchedule({ clock, logger, maxJobs: 10 });
  t.after(async () => {
    await schedule.close();
    await spool.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const put = async (): Promise<QueueId> => {
    const id = newQueueId(clock.now());
    await putOutgoing(spool, TEXT, { id, createdAt: clock.now().toISOString(), reversePath: '' });
    return id;
  };
  writeFileSync(join(folder, 'outgoing', `${await put()}.state`), '{"version":1,');
  await put();
  assert.equal(await restoreOutgoing(spool, schedule), 2);
});
