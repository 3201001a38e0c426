import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Cell } from './matrix.ts';
import type { PeerName } from './peer.ts';
import type { Row } from './rows.ts';

/** What the last `npm run interop` found: docs/reference/interop.md is made from it. */
export interface Recorded {
  readonly peers: Readonly<Partial<Record<PeerName, string>>>;
  readonly rows: readonly RecordedRow[];
}

interface RecordedRow {
  readonly id: string;
  readonly kind: Row['kind'];
  readonly title: string;
  readonly cells: Readonly<Partial<Record<PeerName, Cell>>>;
}

const FILE = fileURLToPath(new URL('./recorded.json', import.meta.url));

export function readRecorded(): Recorded {
  return JSON.parse(readFileSync(FILE, 'utf8')) as Recorded;
}

export function writeRecorded(recorded: Recorded): void {
  writeFileSync(FILE, `${JSON.stringify(recorded, null, 2)}\n`);
}

/**
 * What is wrong with a cell beside the recorded one; null if nothing. Another version of the peer
 * may do more than the recorded one did, never less.
 */
export function difference(
  recorded: Recorded,
  row: Row,
  peer: { readonly name: PeerName; readonly version: string },
  cell: Cell,
): string | null {
  const known = recorded.rows.find(({ id }) => id === row.id)?.cells[peer.name];
  if (known === undefined) return 'is not in the record: run npm run interop';
  const isSame = recorded.peers[peer.name] === peer.version;
  for (const direction of ['out', 'in'] as const) {
    const [was, is] = [known[direction], cell[direction]];
    const mayBe = is === was || (!isSame && was === 'no peer' && is === 'yes');
    if (!mayBe) return `${direction} is "${is}" and was "${was}" with ${recorded.peers[peer.name]}`;
  }
  return null;
}
