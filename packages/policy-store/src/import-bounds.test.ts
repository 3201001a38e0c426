import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readActivePolicy } from './read.ts';
import { importPolicy } from './write.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-policy-bounds-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const by = { author: 'admin', reason: 'first', now: new Date('2026-11-21T00:00:00Z') };

test('a version that no reader would take is refused, and the one in force stays', async () => {
  await importPolicy(folder, 'partners: []', by);
  for (const wrong of [{ reason: 'x'.repeat(1_001) }, { reason: '' }, { author: '' }]) {
    const result = await importPolicy(folder, 'partners: []', { ...by, ...wrong });
    assert.equal(result.kind, 'invalid', Object.keys(wrong).join());
  }
  assert.equal((await readActivePolicy(folder, by.now)).version, 1);
});
