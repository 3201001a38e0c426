import {
  eventOf,
  headHash,
  leafHash,
  type MerkleTree,
  NO_PREVIOUS,
  parseLeaf,
  type RecordedEvent,
  type SignedHead,
  signedHeadSchema,
} from '@sallyport/audit-log';
import type { Position } from './position.ts';

/** Lines that no head covers yet; the recorder writes far fewer. */
const MAX_UNCOVERED = 100_000;
const MAX_UNCOVERED_BYTES = 128 * 1024 * 1024;

/** One event with its leaf hash and the place of its line. */
export interface ReadLeaf {
  readonly event: RecordedEvent;
  /** In ms. */
  readonly at: number;
  readonly hash: Buffer;
  readonly offset: number;
  readonly bytes: number;
}

/** Follows the lines of a log from a head on; what no head covers yet is kept back. */
export class LogWalk {
  #tree: MerkleTree;
  #head: SignedHead | null;
  #uncovered: ReadLeaf[] = [];
  #uncoveredBytes = 0;
  #covered: ReadLeaf[] = [];

  constructor({ tree, head }: Position) {
    this.#tree = tree.clone();
    this.#head = head;
  }

  get tree(): MerkleTree {
    return this.#tree;
  }

  get head(): SignedHead | null {
    return this.#head;
  }

  /** Events under a head that were not taken yet. */
  get coveredEvents(): number {
    return this.#covered.length;
  }

  /** Those events; the caller writes them. */
  takeCovered(): ReadLeaf[] {
    const covered = this.#covered;
    this.#covered = [];
    return covered;
  }

  /** Another reading of a file begins at the last head. */
  dropUncovered(): void {
    this.#uncovered = [];
    this.#uncoveredBytes = 0;
  }

  /** A segment of which only its root is left; the head before the next one is not known. */
  skip(root: Buffer, leaves: number): void {
    this.#tree.appendSubtree(root, leaves);
    this.#head = null;
  }

  /** Takes a line; `bad` if it does not follow from what is before it. */
  take(
    text: string,
    at: { readonly offset: number; readonly bytes: number },
  ): 'ok' | 'head' | 'bad' {
    const line = parseJson(text);
    if (line === null) return 'bad';
    if (typeof line['leaf'] === 'string') return this.#takeLeaf(line['leaf'], line['personal'], at);
    if (line['head'] !== undefined) return this.#takeHead(line['head']);
    return at.offset === 0 && this.#followsFrom(line['segment']) ? 'ok' : 'bad';
  }

  get #isFull(): boolean {
    return this.#uncovered.length >= MAX_UNCOVERED || this.#uncoveredBytes >= MAX_UNCOVERED_BYTES;
  }

  #followsFrom(start: unknown): boolean {
    if (typeof start !== 'object' || start === null || !('frontier' in start)) return false;
    const frontier = this.#tree.frontier.map((node) => node.toString('hex'));
    return JSON.stringify(start.frontier) === JSON.stringify(frontier);
  }

  #takeLeaf(
    leaf: string,
    personal: unknown,
    { offset, bytes }: { readonly offset: number; readonly bytes: number },
  ): 'ok' | 'bad' {
    const content = parseLeaf(leaf);
    const index = this.#tree.size + this.#uncovered.length;
    if (content?.index !== index || this.#isFull) return 'bad';
    const event = eventOf(content, leaf, valuesIn(personal));
    const at = Date.parse(content.time);
    if (Number.isNaN(at)) return 'bad';
    this.#uncoveredBytes += bytes;
    this.#uncovered.push({ event, at, hash: leafHash(leaf), offset, bytes });
    return 'ok';
  }

  #takeHead(value: unknown): 'head' | 'bad' {
    const head = signedHeadSchema.safeParse(value).data;
    if (head === undefined) return 'bad';
    const tree = this.#tree.clone();
    for (const { hash } of this.#uncovered) tree.append(hash);
    const fits = head.size === tree.size && head.root === tree.root().toString('hex');
    if (!fits || !this.#isNext(head)) return 'bad';
    this.#tree = tree;
    this.#head = head;
    for (const leaf of this.#uncovered) this.#covered.push(leaf);
    this.dropUncovered();
    return 'head';
  }

  /** After a removed segment nobody knows the head before. */
  #isNext(head: SignedHead): boolean {
    if (this.#head !== null) return head.previous === headHash(this.#head);
    return this.#tree.size > 0 || head.previous === NO_PREVIOUS;
  }
}

function parseJson(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}

/** The values beside a leaf by their names; null where there is none. */
function valuesIn(beside: unknown): (name: string) => string | null {
  const given = typeof beside === 'object' && beside !== null ? Object.entries(beside) : [];
  const known = new Map<string, unknown>(given);
  return (name) => {
    const one = known.get(name);
    const value = typeof one === 'object' && one !== null && 'value' in one ? one.value : null;
    return typeof value === 'string' ? value : null;
  };
}
