import type { Logger } from '@sallyport/log';
import type { Redis } from 'ioredis';

const POLL_MS = 1_000;
const BATCH = 200;

/**
 * The paused destinations, kept in Redis so that they outlive a restart and hold for every host.
 *
 * Each process follows the set once a second. One that finds Redis emptied writes back what it
 * knows: an emptied Redis must not let mail go that an operator stopped.
 */
export class RedisPauses {
  readonly #client: Redis;
  readonly #logger: Logger;
  readonly #pausedKey: string;
  readonly #epochKey: string;
  readonly #parkedKey: (destination: string) => string;
  readonly #release: (ids: readonly string[]) => Promise<void>;
  #known = new Set<string>();
  #timer: NodeJS.Timeout | null = null;
  #isFollowing = false;

  constructor(options: {
    readonly client: Redis;
    readonly logger: Logger;
    readonly keyPrefix: string;
    readonly release: (ids: readonly string[]) => Promise<void>;
  }) {
    this.#client = options.client;
    this.#logger = options.logger;
    this.#pausedKey = `${options.keyPrefix}:destinations:paused`;
    this.#epochKey = `${options.keyPrefix}:destinations:epoch`;
    this.#parkedKey = (destination) => `${options.keyPrefix}:destinations:parked:${destination}`;
    this.#release = options.release;
  }

  has(destination: string): boolean {
    return this.#known.has(destination);
  }

  /** Reads the set once, then follows it until `stop`. Waits for Redis if it is away. */
  async follow(): Promise<void> {
    this.#isFollowing = true;
    await this.#refresh();
    this.#again();
  }

  stop(): void {
    this.#isFollowing = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async add(destination: string): Promise<void> {
    await this.#client.sadd(this.#pausedKey, destination);
    await this.#client.set(this.#epochKey, '1');
    this.#known.add(destination);
  }

  async delete(destination: string): Promise<void> {
    await this.#client.srem(this.#pausedKey, destination);
    this.#known.delete(destination);
    await this.#releaseParked(destination);
  }

  async list(): Promise<string[]> {
    await this.#refresh();
    return [...this.#known];
  }

  /** Remembers that a job waits for the end of the pause. */
  async park(destination: string, id: string): Promise<void> {
    await this.#client.sadd(this.#parkedKey(destination), id);
    // The pause may have ended since it was looked up: then nobody else lets the job go.
    if (!this.#known.has(destination)) await this.#releaseParked(destination);
  }

  #again(): void {
    if (!this.#isFollowing) return;
    this.#timer = setTimeout(() => {
      this.#refresh()
        .catch((cause: unknown) => this.#logger.warn('redis.pauses-not-read', { cause }))
        .finally(() => this.#again());
    }, POLL_MS);
  }

  async #refresh(): Promise<void> {
    if ((await this.#client.exists(this.#epochKey)) === 0) {
      if (this.#known.size > 0) await this.#client.sadd(this.#pausedKey, ...this.#known);
      await this.#client.set(this.#epochKey, '1');
    }
    const before = this.#known;
    this.#known = new Set(await this.#client.smembers(this.#pausedKey));
    for (const destination of before) {
      if (!this.#known.has(destination)) await this.#releaseParked(destination);
    }
  }

  async #releaseParked(destination: string): Promise<void> {
    for (;;) {
      const ids = await this.#client.spop(this.#parkedKey(destination), BATCH);
      if (ids.length === 0) return;
      await this.#release(ids);
    }
  }
}
