import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  type AuditEvent,
  composeCommit,
  MAX_LINE_BYTES,
  MerkleTree,
  type SignedHead,
  segmentName,
} from '@sallyport/audit-log';
import { createLogger } from '@sallyport/log';
import { newQueueId } from '@sallyport/mail';
import { CommitLog } from './commit-log.ts';
import { recoverLog } from './recover.ts';
import { openSegmentFile } from './segment-file.ts';

let root = '';
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'recover-'));
});
after(() => rm(root, { recursive: true }));

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const clock = { now: () => new Date('2026-11-21T04:00:00Z') };
const event: AuditEvent = { kind: 'service-started', service: 'egress' };

/** A segment of two commits, as a recorder wrote it; the bytes of each. */
async function written(): Promise<{ folder: string; path: string; commits: Buffer[] }> {
  const folder = await mkdtemp(join(root, 'log-'));
  let tree = new MerkleTree();
  let lastHead: SignedHead | null = null;
  const commits = [true, false].map((beginsSegment) => {
    const commit = composeCommit([event], { tree, lastHead, beginsSegment, privateKey, clock });
    ({ tree, head: lastHead } = commit);
    return commit.bytes;
  });
  const path = join(folder, segmentName(0));
  await writeFile(path, Buffer.concat(commits));
  return { folder, path, commits };
}

async function filesOf(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort();
  const texts = names.map(async (name) => [name, await readFile(join(folder, name), 'latin1')]);
  return Object.fromEntries(await Promise.all(texts)) as Record<string, string>;
}

test('a segment that ends without a head, with another begun behind it, is damage: nothing is cut, nothing goes', async () => {
  const { folder, path } = await written();
  await appendFile(path, '{"leaf":"torn');
  await writeFile(join(folder, segmentName(2)), '{"segment":{"first":2,');
  const before = await filesOf(folder);
  await assert.rejects(recoverLog(folder, publicKey), /ends without a signed head/);
  assert.deepEqual(await filesOf(folder), before);
});

test('a line that is too long hides no head behind it: nothing is cut', async () => {
  const { folder, path, commits } = await written();
  const [first, second] = commits;
  assert.ok(first && second);
  const long = `${'x'.repeat(2 * MAX_LINE_BYTES)}\n`;
  await writeFile(path, Buffer.concat([first, Buffer.from(long), second]));
  const before = await filesOf(folder);
  await assert.rejects(recoverLog(folder, publicKey), /damaged at line 4, before a signed head/);
  assert.deepEqual(await filesOf(folder), before);
});

test('a torn tail without an end, however long, is cut and told of', async () => {
  const { folder, path, commits } = await written();
  await appendFile(path, Buffer.alloc(3 * MAX_LINE_BYTES));
  const { cut, segment } = await recoverLog(folder, publicKey);
  assert.equal(cut?.cutBytes, 3 * MAX_LINE_BYTES);
  assert.equal(segment?.sizeBytes, Buffer.concat(commits).length);
  assert.equal((await readFile(path)).length, Buffer.concat(commits).length);
});

async function logOf(openSegment = openSegmentFile) {
  const folder = await mkdtemp(join(root, 'open-'));
  const recovered = await recoverLog(folder, publicKey);
  const logger = createLogger({ service: 'recorder', now: clock.now, write: () => {} });
  const parts = { folder, recovered, privateKey, openSegment, clock, logger };
  return { log: new CommitLog({ ...parts, commitDelayMs: 10, retryMs: 1 }), folder };
}

test('an event whose line nobody could read again is refused', async () => {
  const { log } = await logOf();
  const personal = Object.fromEntries(
    Array.from({ length: 64 }, (_, n) => [`forwardPath.${n}`, '\u0001'.repeat(4_096)]),
  );
  const queueId = newQueueId(clock.now());
  assert.throws(() => log.record({ kind: 'released', queueId, personal }, true), /invalid-event/);
  const [one = ''] = Object.values(personal);
  assert.equal(await log.record({ kind: 'released', queueId, personal: { one } }, true), 0);
  await log.close();
});

test('a use of a key whose outcome the disk did not take is closed as unknown when it takes events again', async () => {
  let isFull = false;
  const { log, folder } = await logOf(async (path) => {
    const file = await openSegmentFile(path);
    return {
      ...file,
      appendAt: async (offset, bytes) => {
        if (isFull) throw new Error('ENOSPC');
        await file.appendAt(offset, bytes);
      },
    };
  });
  const use = { queueId: newQueueId(clock.now()), keyId: 'k', operation: 'unwrap' } as const;
  const intent = await log.record({ kind: 'key-intent', ...use }, true);
  const outcome: AuditEvent = { kind: 'key-outcome', ...use, intent, outcome: 'done' };
  isFull = true;
  await assert.rejects(log.record(outcome, true), /cannot be written/);
  isFull = false;
  while (!log.isWritable) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.throws(() => log.record(outcome, true), /no-open-intent/);
  await log.close();
  const { openIntents } = await recoverLog(folder, publicKey);
  assert.equal(openIntents.size, 0);
  const text = await readFile(join(folder, segmentName(0)), 'utf8');
  assert.equal(text.match(/key-outcome[^\n]*unknown/g)?.length, 1);
});
