import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rowDifference, skipColumn, startColumn } from './matrix/columns.ts';
import { ROWS } from './matrix/rows.ts';

const skip = skipColumn('openssl');
test('interop matrix, openssl: both directions are as the page says', { skip }, async (t) => {
  await using column = await startColumn('openssl');
  for (const row of ROWS) {
    await t.test(row.title, async () => assert.equal(await rowDifference(column, row), null));
  }
});
