import type { Clock } from '@sallyport/mail';
import { BoundedCache } from './cache.ts';
import type { Candidate, LookupFault } from './locate-types.ts';

const MAX_SEARCHES = 5_000;
const MAX_SEARCH_BYTES = 64 * 1024 * 1024;
const MAX_DEAD_SERVERS = 1_000;
const POSITIVE_MS = 60 * 60_000;
const NEGATIVE_MS = 5 * 60_000;
const UNAVAILABLE_MS = 30_000;
const DEAD_SERVER_MS = 60_000;

/** What a door once said. Certificates in it are judged again on each use (CD-7). */
export type RememberedSearch =
  | { readonly kind: 'candidates'; readonly candidates: readonly Candidate[] }
  | { readonly kind: 'nothing'; readonly candidates: readonly Candidate[] }
  | {
      readonly kind: 'unavailable';
      readonly candidates: readonly Candidate[];
      readonly fault: LookupFault;
    };

const LIFETIME_MS = {
  candidates: POSITIVE_MS,
  nothing: NEGATIVE_MS,
  unavailable: UNAVAILABLE_MS,
} as const;

/** The bounded memory of certificate searches: finds, blanks, and servers that were down. */
export class LookupMemory {
  readonly #searches: BoundedCache<RememberedSearch>;
  readonly #dead: BoundedCache<string>;
  readonly #identities = new WeakMap<object, number>();
  #lastIdentity = 0;

  constructor(clock: Clock) {
    this.#searches = new BoundedCache({
      clock,
      maxEntries: MAX_SEARCHES,
      maxBytes: MAX_SEARCH_BYTES,
    });
    this.#dead = new BoundedCache({ clock, maxEntries: MAX_DEAD_SERVERS });
  }

  recall(key: string): RememberedSearch | null {
    return this.#searches.get(key);
  }

  remember(key: string, search: RememberedSearch): void {
    const sizeBytes = search.candidates.reduce((sum, { der }) => sum + der.length + 200, 200);
    this.#searches.set(key, search, LIFETIME_MS[search.kind], sizeBytes);
  }

  /** A number that stands for one object as long as it lives; 0 for none. Part of keys. */
  identify(part: object | undefined): number {
    if (part === undefined) return 0;
    const known = this.#identities.get(part);
    if (known !== undefined) return known;
    this.#lastIdentity += 1;
    this.#identities.set(part, this.#lastIdentity);
    return this.#lastIdentity;
  }

  /** Why a server is left alone for now, or null: a broken directory must slow nobody twice. */
  whyDead(server: string): string | null {
    return this.#dead.get(server);
  }

  markDead(server: string, reason: string): void {
    this.#dead.set(server, reason, DEAD_SERVER_MS);
  }

  /** Forgets everything, for example when policy changed or an operator asks. */
  clear(): void {
    this.#searches.clear();
    this.#dead.clear();
  }
}
