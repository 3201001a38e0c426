import { isIPv6 } from 'node:net';
import type { Clock } from '@sallyport/mail';
import type { DirectoryLimits } from './options.ts';

const WINDOW_MS = 60_000;
const MAX_CLIENTS = 10_000;

interface ClientCount {
  connections: number;
  searches: number;
  windowStart: number;
}

const IPV6_GROUPS = 8;
const SITE_GROUPS = 4;
const MAPPED = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;

/**
 * Whom an address stands for: an IPv4 address, or the /64 of an IPv6 one, since whoever has one
 * address of such a network has them all.
 */
export function clientOf(address: string): string {
  const mapped = MAPPED.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [front, back] = [groups(head), groups(tail ?? '')];
  const zeros = Array.from({ length: IPV6_GROUPS - front.length - back.length }, () => '0');
  const all = tail === undefined ? front : [...front, ...zeros, ...back];
  return `${all
    .slice(0, SITE_GROUPS)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
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

  /** True if the client may ask for so many names more in this minute. */
  maySearch(client: string, names = 1): boolean {
    const count = this.#count(client);
    count.searches += names;
    return count.searches <= this.#limits.searchesPerMinute;
  }

  #count(client: string): ClientCount {
    const now = this.#clock.now().getTime();
    const known = this.#clients.get(client);
    if (known !== undefined && now - known.windowStart < WINDOW_MS) return known;
    if (known === undefined && this.#clients.size >= MAX_CLIENTS) this.#forget(now);
    const count = { connections: known?.connections ?? 0, searches: 0, windowStart: now };
    // Taken out first: so the map stays in the order in which minutes began.
    this.#clients.delete(client);
    this.#clients.set(client, count);
    return count;
  }

  /** Makes room: those whose minute is over, or else the longest known; never one that is connected. */
  #forget(now: number): void {
    for (const [client, { connections, windowStart }] of this.#clients) {
      const isOver = now - windowStart >= WINDOW_MS;
      if (!isOver && this.#clients.size < MAX_CLIENTS) return;
      if (connections === 0) this.#clients.delete(client);
    }
  }
}
