const MAX_KEYS = 20_000;
/** After so long without a failure the past is forgotten. */
const FORGET_MS = 60 * 60_000;

interface Entry {
  failures: number;
  lastAt: number;
  toldAt: number;
}

/** Makes whoever fails wait: a few tries are free, then each costs twice the time of the one before. */
export class Delays {
  readonly #free: number;
  readonly #longestMs: number;
  readonly #entries = new Map<string, Entry>();

  constructor(options: { readonly free: number; readonly longestMs: number }) {
    this.#free = options.free;
    this.#longestMs = options.longestMs;
  }

  /** How long this key must wait before it is listened to again; 0: not at all. */
  waitMs(key: string, now: Date): number {
    const entry = this.#entryOf(key, now);
    if (entry === null || entry.failures < this.#free) return 0;
    const delay = Math.min(1_000 * 2 ** (entry.failures - this.#free), this.#longestMs);
    return Math.max(0, entry.lastAt + delay - now.getTime());
  }

  /** Counts a try as failed: before it is looked at, so that many at once are not free. */
  failed(key: string, now: Date): void {
    const failures = (this.#entryOf(key, now)?.failures ?? 0) + 1;
    const toldAt = this.#entries.get(key)?.toldAt ?? 0;
    this.#entries.delete(key);
    this.#entries.set(key, { failures, lastAt: now.getTime(), toldAt });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > MAX_KEYS && oldest !== undefined) this.#entries.delete(oldest);
  }

  /** A try that was counted turned out not to be a failure. */
  forgive(key: string): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.failures = Math.max(0, entry.failures - 1);
  }

  succeeded(key: string): void {
    this.#entries.delete(key);
  }

  /** True once a minute: the log says that somebody is made to wait, not each of their tries. */
  isToTell(key: string, now: Date): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined || now.getTime() - entry.toldAt < 60_000) return false;
    entry.toldAt = now.getTime();
    return true;
  }

  #entryOf(key: string, now: Date): Entry | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    if (now.getTime() - entry.lastAt <= FORGET_MS) return entry;
    this.#entries.delete(key);
    return null;
  }
}

/** Whom an address counts for: one IPv4 host, or the /64 that one subscriber of IPv6 has whole. */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  const groups = [...front, ...Array.from({ length: zeros }, () => '0'), ...back];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
