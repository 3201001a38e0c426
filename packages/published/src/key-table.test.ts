import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyTable } from './key-table.ts';

test('every row is found by its key again, however the table grows', () => {
  const table = new KeyTable();
  const count = 20_000;
  for (let row = 0; row < count; row += 1) table.add(`mail user${row}@acme.example`, row);
  for (let row = 0; row < count; row += 1) {
    assert.ok(table.rowsOf(`mail user${row}@acme.example`).includes(row));
  }
  const strangers = Array.from({ length: count }, (_, i) => table.rowsOf(`name user${i}`).length);
  assert.ok(strangers.reduce((sum, one) => sum + one, 0) < 10);
  assert.ok(table.bytes / count < 16, `${table.bytes / count} bytes a key`);
});

test('of a key that many rows have the newest 64 are kept, and others are found beside it', () => {
  const table = new KeyTable();
  for (let row = 0; row < 50_000; row += 1) {
    table.add('name Employee', row);
    if (row % 1_000 === 0) table.add(`mail user${row}`, row);
  }
  const rows = table.rowsOf('name Employee');
  assert.deepEqual(
    rows,
    Array.from({ length: 64 }, (_, i) => 50_000 - 64 + i),
  );
  for (let row = 0; row < 50_000; row += 1_000) {
    assert.deepEqual(table.rowsOf(`mail user${row}`), [row]);
  }
});
