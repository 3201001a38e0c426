import type { Clock } from '@sallyport/mail';
import { BoundedCache } from '../cache.ts';
import type { HttpVersion } from '../http/exchange.ts';

/** What came of one fetch. */
export type Fetched<Value> =
  | {
      readonly kind: 'fetched';
      readonly value: Value;
      /** Two values of one identity are the same. */
      readonly identity: string;
      readonly until: Date;
      readonly sizeBytes: number;
      readonly version: HttpVersion | null;
      readonly server: string;
    }
  /** RFC 9110 section 15.4.5: what was fetched before still stands. */
  | { readonly kind: 'unchanged'; readonly server: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly server?: string };

type Item<Value> = Extract<Fetched<Value>, { kind: 'fetched' }>;

interface Known<Value> {
  /** The last fetched first. */
  readonly items: readonly Item<Value>[];
  readonly fetchedAt: number;
  readonly failure: { readonly at: number; readonly reason: string } | null;
}

/** What is known of one place; `values` may be there although the last fetch failed. */
export interface Recalled<Value> {
  readonly values: readonly Value[];
  readonly how: 'fetched' | 'unchanged' | 'kept' | 'failed';
  /** Why the last fetch failed; null otherwise. */
  readonly failure: string | null;
  /** When `values` were last confirmed by their server; null if there are none. */
  readonly fetchedAt: Date | null;
  readonly server: string | null;
}

export interface FetchMemoryOptions {
  readonly clock: Clock;
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** How many of the last values of one place are told, as long as they are current. */
  readonly maxValues: number;
  /** What is older is fetched anew. */
  readonly refreshAfterMs: number;
  /** A place that failed is left alone for so long. */
  readonly retryAfterMs: number;
}

/**
 * Remembers what places on the net said. What is fetched stands in front of the older at once; what
 * cannot be fetched anew counts until it ends by its own word. Those who ask at once share one fetch.
 */
export class FetchMemory<Value> {
  readonly #options: FetchMemoryOptions;
  readonly #known: BoundedCache<Known<Value>>;
  readonly #running = new Map<string, Promise<Recalled<Value>>>();

  constructor(options: FetchMemoryOptions) {
    this.#options = options;
    this.#known = new BoundedCache(options);
  }

  /** `fetch` gets the version of what is known, and must never reject. */
  async recall(
    place: string,
    fetch: (version: HttpVersion | null) => Promise<Fetched<Value>>,
  ): Promise<Recalled<Value>> {
    const running = this.#running.get(place);
    if (running !== undefined) return running;
    const now = this.#now();
    const known = this.#known.get(place);
    if (known !== null) {
      const { refreshAfterMs, retryAfterMs } = this.#options;
      const { failure, fetchedAt } = known;
      if (failure !== null && isYounger(failure.at, now, retryAfterMs)) {
        return this.#tell(known, 'failed', null);
      }
      if (failure === null && isYounger(fetchedAt, now, refreshAfterMs)) {
        return this.#tell(known, 'kept', null);
      }
    }
    const started = fetch(known?.items[0]?.version ?? null)
      .then((fetched) => this.#learn(place, known, fetched))
      .finally(() => this.#running.delete(place));
    this.#running.set(place, started);
    return started;
  }

  clear(): void {
    this.#known.clear();
  }

  #now(): number {
    return this.#options.clock.now().getTime();
  }

  #learn(place: string, before: Known<Value> | null, fetched: Fetched<Value>): Recalled<Value> {
    const now = this.#now();
    const items = before?.items ?? [];
    switch (fetched.kind) {
      case 'fetched': {
        const others = items.filter(
          ({ identity, until }) => identity !== fetched.identity && until.getTime() > now,
        );
        const known = { items: this.#bounded([fetched, ...others]), fetchedAt: now, failure: null };
        this.#keep(place, known);
        return this.#tell(known, 'fetched', fetched.server);
      }
      case 'unchanged': {
        const known = { items, fetchedAt: now, failure: null };
        this.#keep(place, known);
        return this.#tell(known, 'unchanged', fetched.server);
      }
      case 'failed': {
        const failure = { at: now, reason: fetched.reason };
        const known = { items, fetchedAt: before?.fetchedAt ?? now, failure };
        this.#keep(place, known);
        return this.#tell(known, 'failed', fetched.server ?? null);
      }
    }
  }

  /** The first and as many more as take up no more than a quarter of all, so that one place fits. */
  #bounded(items: readonly Item<Value>[]): Item<Value>[] {
    const { maxValues, maxBytes } = this.#options;
    let left = maxBytes / 4;
    return items.slice(0, maxValues).filter(({ sizeBytes }, index) => {
      left -= sizeBytes;
      return index === 0 || left >= 0;
    });
  }

  #keep(place: string, known: Known<Value>): void {
    const ends = known.items.map(({ until }) => until.getTime());
    const { refreshAfterMs, retryAfterMs } = this.#options;
    const lifetimeMs = Math.max(refreshAfterMs, retryAfterMs, Math.max(0, ...ends) - this.#now());
    const sizeBytes = known.items.reduce((sum, item) => sum + item.sizeBytes, place.length + 500);
    this.#known.set(place, known, lifetimeMs, sizeBytes);
  }

  #tell(known: Known<Value>, how: Recalled<Value>['how'], server: string | null): Recalled<Value> {
    const now = this.#now();
    const items = known.items.filter(({ until }) => until.getTime() > now);
    return {
      values: items.map(({ value }) => value),
      how,
      failure: known.failure?.reason ?? null,
      fetchedAt: items.length === 0 ? null : new Date(known.fetchedAt),
      server: server ?? items[0]?.server ?? null,
    };
  }
}

/** A clock that was set back makes nothing younger. */
function isYounger(at: number, now: number, ageMs: number): boolean {
  return now >= at && now - at < ageMs;
}
