import type { Clock } from '@sallyport/mail';
import type { DirectoryLimits } from './options.ts';

const WINDOW_MS = 60_000;
const MAX_CLIENTS = 10_000;

interface ClientCount {
  connections: number;
  searches: number;
  windowStart: number;
}

/** Bounds per client address, so that nobody can read the directory out by guessing. */
export class ClientLimiter {
  readonly #limits: DirectoryLimits;
  readonly #clock: Clock;
  readonly #clients = new Map<string, ClientCount>();
  #open = 0;

  constructor(limits: DirectoryLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** True if the client may connect; then `disconnected` must follow once. */
  connected(client: string): boolean {
    const count = this.#count(client);
    if (this.#open >= this.#limits.connections) return false;
    if (count.connections >= this.#limits.connectionsPerClient) return false;
    count.connections += 1;
    this.#open += 1;
    return true;
  }

  disconnected(client: string): void {
    const count = this.#clients.get(client);
    if (count !== undefined) count.connections -= 1;
    this.#open -= 1;
  }

  /** True if the client may search once more in this minute. */
  maySearch(client: string): boolean {
    const count = this.#count(client);
    count.searches += 1;
    return count.searches <= this.#limits.searchesPerMinute;
  }

  #count(client: string): ClientCount {
    const now = this.#clock.now().getTime();
    const known = this.#clients.get(client);
    if (known === undefined) {
      if (this.#clients.size >= MAX_CLIENTS) this.#forget(now);
      const fresh = { connections: 0, searches: 0, windowStart: now };
      this.#clients.set(client, fresh);
      return fresh;
    }
    if (now - known.windowStart >= WINDOW_MS) {
      known.windowStart = now;
      known.searches = 0;
    }
    return known;
  }

  /** Makes room: first those whose minute is over, then the longest known; never one that is connected. */
  #forget(now: number): void {
    for (const [client, { connections, windowStart }] of this.#clients) {
      if (connections > 0) continue;
      if (now - windowStart >= WINDOW_MS || this.#clients.size >= MAX_CLIENTS) {
        this.#clients.delete(client);
      }
    }
  }
}
