import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureEngine } from '../bench/memory-engine.ts';
import { temporaryFolder } from '../harness/folder.ts';

const MEBIBYTE = 1024 * 1024;
const SIZE_BYTES = 25_000_000;
const MOST_MORE_BYTES = 64 * MEBIBYTE;

for (const form of [
  { profile: 'domsec', content: 'aes256-cbc' },
  { profile: 'compat', content: 'aes256-gcm' },
] as const) {
  test(`RFC 5652 5.2, 6.1: a message of 25 MB takes no more memory than a small one (${form.profile}, ${form.content})`, async () => {
    await using folder = await temporaryFolder('memory');
    const { seal, open, isSame } = await measureEngine(folder.path, SIZE_BYTES, form);
    assert.ok(isSame, 'the body came out as it went in');
    for (const { largePeakBytes, smallPeakBytes } of [seal, open]) {
      const more = largePeakBytes - smallPeakBytes;
      assert.ok(more < MOST_MORE_BYTES, `${(more / MEBIBYTE).toFixed(0)} MiB more`);
    }
  });
}
