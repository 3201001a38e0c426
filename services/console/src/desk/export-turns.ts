/** Each export is read, hashed and compressed for a while, in a process that others use. */
const MAX_RUNNING = 2;

/** Why there is no turn: the account has one already, or others have all. */
type NoTurn = 'busy-own' | 'busy-others';

/** One export at a time for an account, and so many in all. */
export class ExportTurns {
  readonly #owners = new Set<string>();

  /** @returns what gives the turn back; the second time it does nothing. */
  take(owner: string): (() => void) | NoTurn {
    if (this.#owners.has(owner)) return 'busy-own';
    if (this.#owners.size >= MAX_RUNNING) return 'busy-others';
    this.#owners.add(owner);
    let isHeld = true;
    return () => {
      if (isHeld) this.#owners.delete(owner);
      isHeld = false;
    };
  }
}

/**
 * The same pieces; `end` is called when they ended, failed, or nobody wants them any more, even if
 * none was read: a generator would not come to its `finally` then.
 */
export function untilEnd<T>(pieces: AsyncIterable<T>, end: () => void): AsyncIterable<T> {
  const source = pieces[Symbol.asyncIterator]();
  const iterator: AsyncIterator<T> = {
    next: async () => {
      try {
        const piece = await source.next();
        if (piece.done === true) end();
        return piece;
      } catch (error) {
        end();
        throw error;
      }
    },
    return: async () => {
      end();
      return (await source.return?.()) ?? { done: true, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}
