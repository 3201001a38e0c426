import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { openAuditIndex, rebuildIndex } from './index.ts';
import { accepted, delivered, newFolder, newId, protectedAs, TestLog } from './testing.ts';

const LEAVES = 256;

async function twoOf(log: TestLog) {
  const file = join(newFolder(), 'index.sqlite');
  const options = { auditFolder: log.folder, file, segmentLeaves: LEAVES };
  const [one, two] = [await openAuditIndex(options), await openAuditIndex(options)];
  return { file, options, one, two };
}

test('what another process noted of a message is not forgotten by the one that held it in memory', async () => {
  const log = new TestLog(LEAVES);
  const [id, out] = [newId(), newId()];
  const [first, second] = ['a@bravo.example', 'b@bravo.example'];
  log.add(accepted(id, first, second), ...protectedAs(id, out, 2));
  const { one, two } = await twoOf(log);
  await one.catchUp();
  await two.catchUp();
  log.add(delivered('relayed', out, first));
  await two.catchUp();
  log.add(delivered('relayed', out, second));
  await one.catchUp();
  const { summary } = one.message(id) ?? {};
  assert.deepEqual([summary?.outcome, summary?.recipients.relayed], ['relayed', 2]);
  one.close();
  two.close();
});

test('an index that is made anew while the console has it open serves the console as well', async () => {
  const log = new TestLog(LEAVES);
  const id = newId();
  log.add({ kind: 'service-started', service: 'egress' }, accepted(id, 'a@bravo.example'));
  const { file, options, one, two } = await twoOf(log);
  two.close();
  await one.catchUp();
  const again = await rebuildIndex(options);
  await again.catchUp();
  assert.equal(again.search({ limit: 10 }).events.length, 2);
  again.close();
  log.add(delivered('relayed', id, 'a@bravo.example'));
  assert.equal((await one.catchUp()).size, 3, file);
  assert.equal(one.messages({ outcome: 'relayed', limit: 10 }).messages.length, 1);
  const third = await openAuditIndex(options);
  assert.equal(third.search({ limit: 10 }).events.length, 3, 'it is the same file');
  third.close();
  one.close();
});

test('an index that was never made is made by making it anew', async () => {
  const log = new TestLog(LEAVES).add(accepted(newId(), 'a@bravo.example'));
  const { options, one, two } = await twoOf(log);
  one.close();
  two.close();
  const again = await rebuildIndex({ ...options, file: join(newFolder(), 'new.sqlite') });
  assert.equal((await again.catchUp()).size, 1);
  again.close();
});
