import { createHash, timingSafeEqual } from 'node:crypto';

/** The key at the end of an encoded message, and 1 if all before it is as it must be, else 0. */
export interface Unpadded {
  readonly key: Buffer;
  readonly good: number;
}

/** 1 if the byte is zero, else 0, without a branch. */
function isZero(byte: number): number {
  return ((byte - 1) >>> 31) & 1;
}

/**
 * RFC 8017 section 7.2.2 step 3, for a message whose length is known: every byte is looked at, and
 * nothing depends on where the padding fails (RFC 3218 section 2.3.2).
 */
export function unpadPkcs1v15(encoded: Buffer, keyBytes: number): Unpadded {
  const separator = encoded.length - keyBytes - 1;
  let bad = (encoded[0] ?? 1) | ((encoded[1] ?? 0) ^ 2);
  for (let i = 2; i < separator; i += 1) bad |= isZero(encoded[i] ?? 0);
  bad |= encoded[separator] ?? 1;
  return { key: encoded.subarray(separator + 1), good: isZero(bad) };
}

/** How the message was encoded. */
export interface OaepParameters {
  readonly hash: string;
  readonly mgf1Hash: string;
  readonly label: Buffer;
}

/**
 * RFC 8017 section 7.1.2 step 3, for a message whose length is known. All checks are made together,
 * so that none can be told from another (Manger's attack).
 */
export function unpadOaep(encoded: Buffer, keyBytes: number, oaep: OaepParameters): Unpadded {
  const labelHash = createHash(oaep.hash).update(oaep.label).digest();
  const hashBytes = labelHash.length;
  const separator = encoded.length - 1 - hashBytes - keyBytes - 1; // within the data block
  if (separator < hashBytes) return { key: Buffer.alloc(keyBytes), good: 0 }; // a public fact
  const maskedSeed = encoded.subarray(1, 1 + hashBytes);
  const maskedBlock = encoded.subarray(1 + hashBytes);
  const seed = xor(maskedSeed, mgf1(maskedBlock, hashBytes, oaep.mgf1Hash));
  const block = xor(maskedBlock, mgf1(seed, maskedBlock.length, oaep.mgf1Hash));
  let bad = encoded[0] ?? 1;
  bad |= timingSafeEqual(block.subarray(0, hashBytes), labelHash) ? 0 : 1;
  for (let i = hashBytes; i < separator; i += 1) bad |= block[i] ?? 1;
  bad |= (block[separator] ?? 0) ^ 1;
  return { key: block.subarray(separator + 1), good: isZero(bad) };
}

/** RFC 8017 appendix B.2.1. */
function mgf1(seed: Buffer, length: number, hash: string): Buffer {
  const blocks: Buffer[] = [];
  for (let counter = 0, made = 0; made < length; counter += 1) {
    const octets = Buffer.alloc(4);
    octets.writeUInt32BE(counter);
    const block = createHash(hash).update(seed).update(octets).digest();
    blocks.push(block);
    made += block.length;
  }
  return Buffer.concat(blocks, length);
}

function xor(left: Buffer, right: Buffer): Buffer {
  const result = Buffer.allocUnsafe(left.length);
  for (let i = 0; i < left.length; i += 1) result[i] = (left[i] ?? 0) ^ (right[i] ?? 0);
  return result;
}

/** `right` where good is 1, `wrong` where it is 0, without a branch. Both have one length. */
export function choose(good: number, right: Buffer, wrong: Buffer): Buffer {
  const mask = -good & 0xff;
  const chosen = Buffer.allocUnsafe(wrong.length);
  for (let i = 0; i < wrong.length; i += 1) {
    chosen[i] = ((right[i] ?? 0) & mask) | ((wrong[i] ?? 0) & ~mask & 0xff);
  }
  return chosen;
}
