import type { Clock } from '@sallyport/mail';

const MINUTE_MS = 60_000;

interface Bucket {
  tokens: number;
  readAt: number;
}

/** So many uses a minute for each name; unused ones are kept for at most a minute. */
export class RateLimit {
  readonly #perMinute: number;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perMinute: number, clock: Clock) {
    this.#perMinute = perMinute;
    this.#clock = clock;
  }

  /** True if one more use is within the limit. Names must be of a bounded set. */
  take(name: string): boolean {
    const now = this.#clock.now().getTime();
    const bucket = this.#buckets.get(name) ?? { tokens: this.#perMinute, readAt: now };
    const elapsed = Math.max(0, now - bucket.readAt);
    const grown = bucket.tokens + (elapsed * this.#perMinute) / MINUTE_MS;
    bucket.tokens = Math.min(this.#perMinute, grown);
    bucket.readAt = now;
    this.#buckets.set(name, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
