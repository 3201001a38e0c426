import { type KeyObject, randomBytes } from 'node:crypto';
import type { AuditEvent } from './event.ts';
import { headHash, NO_PREVIOUS, type SignedHead, signHead } from './head.ts';
import { leafOf } from './leaf.ts';
import { formatHeadLine, formatLeafLine, formatSegmentLine, MAX_LINE_BYTES } from './line.ts';
import { leafHash, type MerkleTree } from './tree.ts';

const SALT_BYTES = 16;

/** Where the log stands before a commit, and what signs it. */
export interface CommitBase {
  readonly tree: MerkleTree;
  readonly lastHead: SignedHead | null;
  readonly beginsSegment: boolean;
  readonly privateKey: KeyObject;
  readonly clock: { readonly now: () => Date };
}

/** The bytes of a commit, and where the log stands after it. */
export interface Commit {
  readonly tree: MerkleTree;
  readonly head: SignedHead;
  readonly bytes: Buffer;
}

/** Composes one commit: a leaf line for each event, then the signed head. */
export function composeCommit(events: readonly AuditEvent[], base: CommitBase): Commit {
  const { clock, privateKey, lastHead } = base;
  const tree = base.tree.clone();
  const first = tree.size;
  const previous = lastHead === null ? NO_PREVIOUS : headHash(lastHead);
  const frontier = tree.frontier.map((node) => node.toString('hex'));
  const lines = base.beginsSegment ? [formatSegmentLine({ first, frontier, previous })] : [];
  const salts = new SaltPool();
  for (const [i, event] of events.entries()) {
    const leaf = leafOf(event, { index: first + i, time: clock.now(), salt: () => salts.next() });
    const hash = leafHash(leaf.leaf);
    tree.append(hash);
    lines.push(formatLeafLine(leaf, hash));
  }
  const root = tree.root().toString('hex');
  const facts = { size: tree.size, root, time: clock.now().toISOString(), previous };
  const head = signHead(facts, privateKey);
  lines.push(formatHeadLine(head));
  return { tree, head, bytes: Buffer.from(lines.join('')) };
}

/** JSON within JSON at its longest: four bytes for a quotation mark, up to seven for a control character. */
const MOST_BYTES_A_CHAR = 8;
const MOST_FACTS = {
  index: Number.MAX_SAFE_INTEGER,
  time: new Date(0),
  salt: () => '00'.repeat(SALT_BYTES),
};

/** False if the line of the event would be longer than a line of a log may be. */
export function fitsLine(event: AuditEvent): boolean {
  if (JSON.stringify(event).length * MOST_BYTES_A_CHAR < MAX_LINE_BYTES) return true;
  return Buffer.byteLength(formatLeafLine(leafOf(event, MOST_FACTS))) <= MAX_LINE_BYTES;
}

/** Random bytes drawn for many salts at once. */
class SaltPool {
  #bytes = Buffer.alloc(0);
  #at = 0;

  next(): string {
    if (this.#at + SALT_BYTES > this.#bytes.length) {
      this.#bytes = randomBytes(SALT_BYTES * 64);
      this.#at = 0;
    }
    this.#at += SALT_BYTES;
    return this.#bytes.toString('hex', this.#at - SALT_BYTES, this.#at);
  }
}
