import type { KeyObject } from 'node:crypto';
import { type SignedHead, verifyHead } from './head.ts';

/** Heads that were kept elsewhere, compared one by one as the log is walked through. */
export class Checkpoints {
  readonly #roots = new Map<number, Set<string>>();
  #longest = -1;
  #comparison: 'none' | 'matches' | 'not-comparable' = 'none';

  constructor(heads: readonly SignedHead[]) {
    for (const { size, root } of heads) {
      this.#roots.set(size, (this.#roots.get(size) ?? new Set()).add(root));
      this.#longest = Math.max(this.#longest, size);
    }
  }

  /** Leaves of the longest; -1 if there is none. */
  get longest(): number {
    return this.#longest;
  }

  /** What came of the longest. */
  get comparison(): 'none' | 'matches' | 'not-comparable' {
    return this.#comparison;
  }

  /** False if one of this size has another root. */
  agree(size: number, rootOf: () => Buffer): boolean {
    const roots = this.#roots.get(size);
    if (roots === undefined) return true;
    if (roots.size > 1 || !roots.has(rootOf().toString('hex'))) return false;
    if (size === this.#longest) this.#comparison = 'matches';
    return true;
  }

  /** Nothing within these leaves can be compared any more. */
  skip(from: number, to: number): void {
    if (this.#longest > from && this.#longest < to) this.#comparison = 'not-comparable';
  }
}

/** The first of these heads that the log key did not sign; null if it signed all. */
export function foreignHead(heads: readonly SignedHead[], key: KeyObject): SignedHead | null {
  return heads.find((head) => !verifyHead(head, key)) ?? null;
}
