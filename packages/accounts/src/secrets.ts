import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const LINK_BYTES = 32;
const TOKEN_BYTES = 32;
/** 80 bits: no search of the hashes finds one, and people can still type it. */
const RECOVERY_CODE_BYTES = 10;
const TOKEN_PREFIX = 'spt_';
/** No 0, 1, 8 or 9: what people type off paper is not mistaken (the alphabet of RFC 4648 base32). */
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const MAX_SECRET_CHARS = 200;

/** A secret to be shown once, and what is kept of it. */
export interface NewSecret {
  readonly secret: string;
  readonly hash: string;
}

// The secrets hashed here are random and long: a fast hash gives nothing to a thief of the file.
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('hex');
}

function withHash(secret: string): NewSecret {
  return { secret, hash: hashSecret(secret) };
}

/** Where the console takes one-time links: their secret follows. */
export const LINK_PATH = '/welcome';

/** The address that the holder of a link opens. */
export function linkAddress(publicUrl: string, secret: string): string {
  return `${new URL(publicUrl).origin}${LINK_PATH}/${secret}`;
}

export function newLinkSecret(): NewSecret {
  return withHash(randomBytes(LINK_BYTES).toString('base64url'));
}

/** `spt_` and 256 random bits; the prefix lets scanners of published code find a leaked one. */
export function newToken(): NewSecret {
  return withHash(TOKEN_PREFIX + randomBytes(TOKEN_BYTES).toString('base64url'));
}

/** True for text that may be one of our tokens. */
export function isTokenLike(text: string): boolean {
  return text.startsWith(TOKEN_PREFIX) && text.length <= MAX_SECRET_CHARS;
}

/** `abcd-efgh-ijkl-mnop`. */
export function newRecoveryCode(): NewSecret {
  let bits = BigInt(`0x${randomBytes(RECOVERY_CODE_BYTES).toString('hex')}`);
  let text = '';
  for (let i = 0; i < (RECOVERY_CODE_BYTES * 8) / 5; i += 1) {
    text += ALPHABET[Number(bits & 31n)] ?? '';
    bits >>= 5n;
  }
  return { secret: text.replace(/(.{4})(?=.)/g, '$1-'), hash: hashSecret(text) };
}

/** The hash of a recovery code as somebody typed it: spaces, hyphens and case mean nothing. */
export function hashTypedCode(typed: string): string {
  return hashSecret(typed.slice(0, MAX_SECRET_CHARS).toLowerCase().replace(/[\s-]/g, ''));
}

/** Compares two hashes in constant time. */
export function sameHash(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one, 'utf8'), Buffer.from(other, 'utf8')];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** An id of an account or a token. */
export function newId(): string {
  return randomBytes(10).toString('hex');
}
