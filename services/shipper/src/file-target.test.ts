import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileTarget } from './file-target.ts';

const checkpoint = (size: number) => ({
  size,
  time: '2026-11-21T10:00:00.000Z',
  hash: 'ab'.repeat(32),
  text: JSON.stringify({ size }),
});

test('a copy is a line of its own, whatever a crash or a full disk left before it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'copies-'));
  try {
    const path = join(folder, 'heads.jsonl');
    await writeFile(path, '{"size":1}\n{"si');
    const target = fileTarget({ kind: 'file', path });
    for (const size of [2, 3]) {
      assert.deepEqual(await target.ship(checkpoint(size)), { kind: 'shipped' });
    }
    const lines = (await readFile(path, 'utf8')).split('\n');
    // An empty line is the price where nothing was torn.
    assert.deepEqual(lines, ['{"size":1}', '{"si', '{"size":2}', '{"size":3}', '']);
    const gone = fileTarget({ kind: 'file', path: join(folder, 'gone', 'heads.jsonl') });
    assert.equal((await gone.ship(checkpoint(4))).kind, 'away');
    const full = fileTarget({ kind: 'file', path: '/dev/full' });
    assert.match(JSON.stringify(await full.ship(checkpoint(4))), /ENOSPC/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
