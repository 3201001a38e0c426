import { Gate } from '@sallyport/mail';
import {
  formatPasswordHash,
  type HashCost,
  hashPassword,
  matchesPassword,
  type PasswordHash,
  parsePasswordHash,
} from '@sallyport/password';

/** Above the least that OWASP asks for; more would let four people at once take half a gigabyte. */
const COST: HashCost = { memoryKib: 65_536, passes: 3, parallelism: 1 };
/** What a hash in the file may ask for: the file is ours, but a slip must not stop the console. */
const MOST: HashCost = { memoryKib: 262_144, passes: 10, parallelism: 4 };
/** No password has it. */
const DECOY: PasswordHash = { ...COST, salt: Buffer.alloc(16), tag: Buffer.alloc(32) };

/**
 * Hashes passwords with argon2id (RFC 9106), a few at a time: each takes 64 MiB and a tenth of a
 * second, which is also what a stranger can make us spend.
 */
export class PasswordHasher {
  readonly #gate: Gate;

  constructor(options: { readonly atOnce?: number; readonly maxWaiting?: number } = {}) {
    const { atOnce = 2, maxWaiting = 32 } = options;
    this.#gate = new Gate({ atOnce, maxWaiting });
  }

  /** A PHC string for a new password; null if too many wait. */
  async hash(password: string): Promise<string | null> {
    const hash = await this.#gate.run(() => hashPassword(composed(password), COST));
    return hash === null ? null : formatPasswordHash(hash);
  }

  /**
   * Compares in constant time. An account that does not exist or has no password (null) takes as
   * long as the rest: the time tells nobody who has one.
   */
  async matches(password: string, hash: string | null): Promise<boolean | 'busy'> {
    const stored = hash === null ? null : parsePasswordHash(hash, MOST);
    const isMatch = await this.#gate.run(() =>
      matchesPassword(composed(password), stored ?? DECOY),
    );
    return isMatch === null ? 'busy' : isMatch && stored !== null;
  }
}

/** One form for what the same keys give on different systems. */
function composed(password: string): string {
  return password.normalize('NFC');
}
