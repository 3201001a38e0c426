import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '@sallyport/mail';
import { processClock } from './process-clock.ts';

const HOUR_MS = 3_600_000;

function clockFile(t: { after(end: () => void): void }, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-clock-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'now');
  writeFileSync(file, text);
  return file;
}

test('without a file it is the clock of the machine', () => {
  assert.equal(processClock(undefined), systemClock);
});

test('a file without an RFC 3339 time is refused at the start', (t) => {
  for (const text of ['', 'tomorrow', '2026-11-21', '2026-13-21T08:00:00Z']) {
    assert.throws(() => processClock(clockFile(t, text)), /holds no RFC 3339 time/);
  }
  assert.throws(() => processClock('/no/such/file'), /ENOENT/);
});

test('the time of the file runs on until another is written; half a time is none', async (t) => {
  const file = clockFile(t, '2026-11-21T08:00:00Z\n');
  const clock = processClock(file);
  const start = Date.parse('2026-11-21T08:00:00Z');
  assert.ok(clock.now().getTime() - start < HOUR_MS);
  writeFileSync(file, '2026-11-22T1');
  await sleep(20);
  assert.ok(clock.now().getTime() - start < HOUR_MS);
  writeFileSync(file, '2026-11-22T10:00:00+01:00');
  await sleep(20);
  const jumped = clock.now().getTime() - start;
  assert.ok(jumped >= 25 * HOUR_MS && jumped < 26 * HOUR_MS, String(jumped));
});
