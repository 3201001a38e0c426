import { createHash } from 'node:crypto';
import type { ProblemId } from './problem.ts';

const MAX_KEYS = 2_000;
const KEPT_MS = 24 * 3_600_000;
/** Header field value: visible ASCII. */
const KEY = /^[\x21-\x7e]{1,128}$/;

/** An answer as it was sent. */
export interface SentAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface Entry {
  readonly digest: string;
  readonly at: number;
  answer: SentAnswer | null;
}

type Begun =
  | { readonly kind: 'new'; finish(answer: SentAnswer | null): void }
  | { readonly kind: 'again'; readonly answer: SentAnswer }
  | { readonly kind: 'problem'; readonly id: ProblemId };

/**
 * Answers to requests with an Idempotency-Key, for a day and at most 2,000 of them: one that comes
 * again (its answer was lost on the way) gets the first answer and does nothing.
 *
 * Limits: they are forgotten when the console starts again.
 */
export class IdempotencyKeys {
  readonly #entries = new Map<string, Entry>();

  /** @param of.request whatever makes two requests the same: who, method, address, body. */
  begin(of: { key: string; owner: string; request: string; now: Date }): Begun {
    const { key, owner, request, now } = of;
    if (!KEY.test(key)) return { kind: 'problem', id: 'bad-request' };
    this.#forget(now.getTime());
    const name = `${owner}\n${key}`;
    const digest = createHash('sha256').update(request).digest('hex');
    const found = this.#entries.get(name);
    if (found !== undefined) {
      if (found.digest !== digest) return { kind: 'problem', id: 'key-reused' };
      if (found.answer === null) return { kind: 'problem', id: 'key-in-use' };
      return { kind: 'again', answer: found.answer };
    }
    const entry: Entry = { digest, at: now.getTime(), answer: null };
    this.#entries.set(name, entry);
    return {
      kind: 'new',
      finish: (answer) => {
        if (answer === null) this.#entries.delete(name);
        else entry.answer = answer;
      },
    };
  }

  #forget(now: number): void {
    for (const [name, { at, answer }] of this.#entries) {
      const isOld = now - at > KEPT_MS;
      const isSpare = this.#entries.size >= MAX_KEYS && answer !== null;
      if (isOld || isSpare) this.#entries.delete(name);
      else if (this.#entries.size < MAX_KEYS) break;
    }
  }
}
