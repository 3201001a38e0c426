import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatSegmentLine, NO_PREVIOUS } from '@sallyport/audit-log';
import { START } from './position.ts';
import { LogWalk } from './walk.ts';

const MIB = 1024 * 1024;

test('what no head covers is held up to a bound, in lines and in bytes', () => {
  const walk = new LogWalk(START);
  const start = formatSegmentLine({ first: 0, frontier: [], previous: NO_PREVIOUS });
  assert.equal(walk.take(start, { offset: 0, bytes: start.length }), 'ok');
  const pad = 'x'.repeat(MIB - 1_000);
  let taken = 0;
  for (; taken < 200; taken += 1) {
    const leaf = JSON.stringify({ index: taken, time: '2026-11-21T04:00:00Z', kind: 'x', pad });
    const line = JSON.stringify({ leaf, hash: '' });
    if (walk.take(line, { offset: 1, bytes: line.length }) === 'bad') break;
  }
  assert.ok(taken > 100 && taken < 140, String(taken));
});
