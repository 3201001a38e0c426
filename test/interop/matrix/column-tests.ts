import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { skipWithout } from '../../harness/install-peers.ts';
import { COMMON_PACKAGES, type Column, PACKAGES, startColumn } from './columns.ts';
import { tryRow } from './matrix.ts';
import type { PeerName } from './peer.ts';
import { difference, readRecorded } from './record.ts';
import { ROWS, type Row } from './rows.ts';

/** One test a row: what ours and theirs come to is what docs/reference/interop.md says. */
export function testColumn(name: PeerName, wanted: (row: Row) => boolean = () => true): void {
  const skip = skipWithout(...COMMON_PACKAGES, ...PACKAGES[name]);
  describe(`interop matrix, ${name}`, { skip }, () => {
    let column: Column;
    before(async () => {
      column = await startColumn(name);
    });
    after(() => column[Symbol.asyncDispose]());
    for (const row of ROWS.filter(wanted)) {
      test(`${row.title}: both directions are as the page says`, async () => {
        const cell = await tryRow(row, column.peer, column.world);
        assert.equal(difference(readRecorded(), row, column.peer, cell), null);
      });
    }
  });
}
