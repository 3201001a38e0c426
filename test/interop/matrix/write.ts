/**
 * `npm run interop`: tries every row with every peer that is installed, and records what came of
 * it. `npm run docs` makes docs/reference/interop.md of the record.
 */
import { skipColumn, startColumn } from './columns.ts';
import { type Cell, tryRow } from './matrix.ts';
import type { PeerName } from './peer.ts';
import { writeRecorded } from './record.ts';
import { ROWS } from './rows.ts';

const NAMES: readonly PeerName[] = ['openssl', 'node', 'gpgsm', 'nss', 'bouncy-castle'];

async function main(): Promise<number> {
  const peers: Partial<Record<PeerName, string>> = {};
  const cells = new Map<string, Partial<Record<PeerName, Cell>>>(ROWS.map(({ id }) => [id, {}]));
  let wrong = 0;
  for (const name of NAMES) {
    const missing = skipColumn(name);
    if (missing !== false) throw new Error(`${name} ${missing}`);
    await using column = await startColumn(name);
    peers[name] = column.peer.version;
    for (const row of ROWS) {
      try {
        const cell = await tryRow(row, column.peer, column.world);
        (cells.get(row.id) ?? {})[name] = cell;
        process.stdout.write(`${name} ${row.id}: ${cell.out}, ${cell.in}\n`);
      } catch (error) {
        wrong += 1;
        process.stdout.write(`${name} ${row.id}: ${String(error)}\n`);
      }
    }
  }
  if (wrong > 0) return 1;
  const rows = ROWS.map(({ id, kind, title }) => ({ id, kind, title, cells: cells.get(id) ?? {} }));
  writeRecorded({ peers, rows });
  return 0;
}

process.exitCode = await main();
