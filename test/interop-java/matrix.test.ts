import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rowDifference, skipColumn, startColumn } from '../interop/matrix/columns.ts';
import { ROWS } from '../interop/matrix/rows.ts';

const skip = skipColumn('bouncy-castle');
test('interop matrix, bouncy-castle: both directions are as the page says', { skip }, async (t) => {
  await using column = await startColumn('bouncy-castle');
  for (const row of ROWS) {
    await t.test(row.title, async () => assert.equal(await rowDifference(column, row), null));
  }
});
