import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';

const SALT_BYTES = 16;
const TAG_BYTES = 32;

/** What one hash takes. */
export interface HashCost {
  readonly memoryKib: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** One argon2id hash, as the PHC form `$argon2id$v=19$m=…,t=…,p=…$salt$tag` holds it. */
export interface PasswordHash extends HashCost {
  readonly salt: Buffer;
  readonly tag: Buffer;
}

/** RFC 9106 section 4, the second recommended option. */
export const RECOMMENDED_COST: HashCost = { memoryKib: 65_536, passes: 3, parallelism: 4 };

const PHC =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;

/**
 * @param most what a hash may ask of the machine that compares with it.
 * @returns null if it is no argon2id hash, or one that would cost more.
 */
export function parsePasswordHash(text: string, most: HashCost): PasswordHash | null {
  const [, memory, passes, parallelism, salt, tag] = PHC.exec(text) ?? [];
  if (salt === undefined || tag === undefined) return null;
  const hash = {
    memoryKib: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  };
  if (hash.memoryKib > most.memoryKib || hash.passes > most.passes) return null;
  if (hash.parallelism > most.parallelism || hash.parallelism < 1 || hash.passes < 1) return null;
  // RFC 9106 section 3.1: a lane has eight blocks of a kibibyte at the least.
  return hash.memoryKib < 8 * hash.parallelism ? null : hash;
}

/** The PHC form of a hash; `parsePasswordHash` reads it back. */
export function formatPasswordHash(hash: PasswordHash): string {
  const text = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
  const cost = `m=${hash.memoryKib},t=${hash.passes},p=${hash.parallelism}`;
  return `$argon2id$v=19$${cost}$${text(hash.salt)}$${text(hash.tag)}`;
}

/** Hashes a new password (RFC 9106), off the event loop. */
export async function hashPassword(password: string, cost: HashCost): Promise<PasswordHash> {
  const salted = { ...cost, salt: randomBytes(SALT_BYTES) };
  return { ...salted, tag: await computeTag(password, salted, TAG_BYTES) };
}

/** Compares in constant time. */
export async function matchesPassword(password: string, hash: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await computeTag(password, hash, hash.tag.length), hash.tag);
}

function computeTag(
  password: string,
  { memoryKib, passes, parallelism, salt }: Omit<PasswordHash, 'tag'>,
  octets: number,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const parameters = {
    message: Buffer.from(password, 'utf8'),
    nonce: salt,
    parallelism,
    memory: memoryKib,
    passes,
    tagLength: octets,
  };
  argon2('argon2id', parameters, (error, tag) => (error === null ? resolve(tag) : reject(error)));
  return promise;
}
