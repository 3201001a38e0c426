import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { HashIndex } from './hash-index.ts';

const entry = (key: string): Buffer => {
  const hash = createHash('sha256').update(key).digest().subarray(0, 16);
  return Buffer.concat([hash, hash]);
};

test("a stranger's question costs the new entries, not all files again", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-growth-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const clock = { now: () => new Date('2026-01-10T12:00:00Z') };
  const [writer, reader] = ['w', 'r'].map(
    () => new HashIndex({ folder, name: 'sent', days: 3, clock }),
  ) as [HashIndex, HashIndex];
  await writer.open();
  await writer.add(Buffer.from('first'), Buffer.from('v'));
  await reader.open();
  const [name = ''] = readdirSync(folder);
  // What was read is not read again: another key in its place stays unknown.
  writeFileSync(join(folder, name), entry('put in later'));
  appendFileSync(join(folder, name), entry('appended'));
  assert.equal(await reader.has(Buffer.from('appended')), true);
  assert.equal(await reader.has(Buffer.from('put in later')), false);
  assert.equal(await reader.has(Buffer.from('first')), true);
});
