import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { DEFAULT_HASH_PARAMETERS, type PasswordHash } from './password-file.ts';

const SALT_BYTES = 16;
const TAG_BYTES = 32;

function computeTag(password: string, hash: Omit<PasswordHash, 'tag'>, octets: number) {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const parameters = {
    message: Buffer.from(password, 'utf8'),
    nonce: hash.salt,
    parallelism: hash.parallelism,
    memory: hash.memoryKib,
    passes: hash.passes,
    tagLength: octets,
  };
  argon2('argon2id', parameters, (error, tag) => (error === null ? resolve(tag) : reject(error)));
  return promise;
}

/** Hashes a new password (RFC 9106), off the event loop. */
export async function hashPassword(
  password: string,
  cost: Pick<PasswordHash, 'memoryKib' | 'passes' | 'parallelism'> = DEFAULT_HASH_PARAMETERS,
): Promise<PasswordHash> {
  const salted = { ...cost, salt: randomBytes(SALT_BYTES) };
  return { ...salted, tag: await computeTag(password, salted, TAG_BYTES) };
}

/** Compares in constant time. */
export async function matchesPassword(password: string, hash: PasswordHash): Promise<boolean> {
  const tag = await computeTag(password, hash, hash.tag.length);
  return timingSafeEqual(tag, hash.tag);
}

/** Lets so many run at once and so many wait; each hash takes 64 MiB and a quarter of a second. */
export class HashSlots {
  readonly #atOnce: number;
  readonly #maxWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: { readonly atOnce: number; readonly maxWaiting: number }) {
    this.#atOnce = options.atOnce;
    this.#maxWaiting = options.maxWaiting;
  }

  /** Runs the work when there is a slot; null, at once, if too many wait already. */
  async run<T>(work: () => Promise<T>): Promise<T | null> {
    if (this.#running >= this.#atOnce) {
      if (this.#waiting.length >= this.#maxWaiting) return null;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await promise; // whoever ends hands its slot over
    } else {
      this.#running += 1;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
