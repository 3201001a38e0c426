import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { HashSlots } from './hash-slots.ts';

const SALT_BYTES = 16;
const TAG_BYTES = 32;
/** Above the least that OWASP asks for; more would let four people at once take half a gigabyte. */
const COST: Cost = { memoryKib: 65_536, passes: 3, parallelism: 1 };
/** What a hash in the file may ask for: the file is ours, but a slip must not stop the console. */
const MAX_MEMORY_KIB = 262_144;
const MAX_PASSES = 10;
const MAX_PARALLELISM = 4;

interface Cost {
  readonly memoryKib: number;
  readonly passes: number;
  readonly parallelism: number;
}

interface Stored extends Cost {
  readonly salt: Buffer;
  readonly tag: Buffer;
}

const PHC =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{22,86})$/;

function parseHash(text: string): Stored | null {
  const [, memory, passes, lanes, salt, tag] = PHC.exec(text) ?? [];
  if (salt === undefined || tag === undefined) return null;
  const stored = {
    memoryKib: Number(memory),
    passes: Number(passes),
    parallelism: Number(lanes),
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  };
  const { memoryKib, parallelism } = stored;
  if (memoryKib > MAX_MEMORY_KIB || stored.passes > MAX_PASSES) return null;
  if (parallelism > MAX_PARALLELISM || parallelism < 1 || stored.passes < 1) return null;
  return memoryKib < 8 * parallelism ? null : stored;
}

function formatHash({ memoryKib, passes, parallelism, salt, tag }: Stored): string {
  const text = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${parallelism}$${text(salt)}$${text(tag)}`;
}

async function computeTag(
  password: string,
  { memoryKib, passes, parallelism, salt }: Omit<Stored, 'tag'>,
  octets: number,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const parameters = {
    // One form for what the same keys give on different systems.
    message: Buffer.from(password.normalize('NFC'), 'utf8'),
    nonce: salt,
    parallelism,
    memory: memoryKib,
    passes,
    tagLength: octets,
  };
  argon2('argon2id', parameters, (error, tag) => (error === null ? resolve(tag) : reject(error)));
  return await promise;
}

/**
 * Hashes passwords with argon2id (RFC 9106), a few at a time: each takes 64 MiB and a tenth of a
 * second, which is also what a stranger can make us spend.
 */
export class PasswordHasher {
  readonly #slots: HashSlots;
  readonly #cost: Cost;
  readonly #decoy: Stored;

  constructor(options: { readonly atOnce?: number; readonly maxWaiting?: number } = {}) {
    const { atOnce = 2, maxWaiting = 32 } = options;
    this.#slots = new HashSlots({ atOnce, maxWaiting });
    this.#cost = COST;
    this.#decoy = { ...COST, salt: Buffer.alloc(SALT_BYTES), tag: Buffer.alloc(TAG_BYTES) };
  }

  /** A PHC string for a new password; null if too many wait. */
  async hash(password: string): Promise<string | null> {
    const salted = { ...this.#cost, salt: randomBytes(SALT_BYTES) };
    const tag = await this.#slots.run(() => computeTag(password, salted, TAG_BYTES));
    return tag === null ? null : formatHash({ ...salted, tag });
  }

  /**
   * Compares in constant time. An account that does not exist or has no password (null) takes as
   * long as any other: the time tells nobody who has one.
   */
  async matches(password: string, hash: string | null): Promise<boolean | 'busy'> {
    const stored = hash === null ? null : parseHash(hash);
    const { tag, ...salted } = stored ?? this.#decoy;
    const computed = await this.#slots.run(() => computeTag(password, salted, tag.length));
    if (computed === null) return 'busy';
    return timingSafeEqual(computed, tag) && stored !== null;
  }
}
