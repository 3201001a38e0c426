import { createDecipheriv, createSecretKey, type Decipheriv } from 'node:crypto';
import {
  type Content,
  isRanged,
  openPieces,
  openRange,
  type RangedContent,
  readContent,
  sliceContent,
} from '@sallyport/mail';
import { CONTENT_ALGORITHMS } from './algorithms-content.ts';
import { type DecipherFacts, makeDecipher } from './content-cipher.ts';

const GCM_NONCE_BYTES = 12;
/** NIST SP 800-38D: counter 1 is the tag's, the content begins at 2. */
const GCM_FIRST_COUNTER = 2;
/** Counter 0 makes the key of the tag. */
const CHACHA_FIRST_COUNTER = 1;
const CHACHA_BLOCK_BYTES = 64;
const AES_BLOCK_BYTES = 16;

/**
 * Content that is decrypted anew at each read. Only for encrypted content whose tag or padding has
 * been checked, and whose plaintext has `sizeBytes`.
 */
export function decryptedContent(
  encrypted: Content,
  facts: DecipherFacts,
  sizeBytes: number,
): Content {
  const open = (): AsyncIterable<Uint8Array> => decrypted(encrypted, facts);
  if (!isRanged(encrypted) || !isSeekable(facts)) return { sizeBytes, open };
  const ranged: RangedContent = {
    sizeBytes,
    open,
    openRange: (start, length) => {
      const end = Math.min(start + length, sizeBytes);
      return start < end ? decryptedRange(encrypted, facts, start, end) : none();
    },
  };
  return ranged;
}

async function* none(): AsyncGenerator<Uint8Array> {}

async function* decrypted(encrypted: Content, facts: DecipherFacts): AsyncGenerator<Uint8Array> {
  const decipher = makeDecipher(facts);
  if (decipher === null) throw new Error('the key does not fit any more');
  for await (const piece of openPieces(encrypted)) {
    const plain = decipher.update(piece);
    if (plain.length > 0) yield plain;
  }
  // Checked once before; it throws if the bytes beneath are not the same any more.
  const last = decipher.final();
  if (last.length > 0) yield last;
}

// A nonce of another length is hashed into the counter, which is not worth repeating here.
function isSeekable({ contentEncryption: { name, iv } }: DecipherFacts): boolean {
  if (name === null || iv === null) return false;
  return CONTENT_ALGORITHMS[name].mode !== 'gcm' || iv.length === GCM_NONCE_BYTES;
}

async function* decryptedRange(
  encrypted: RangedContent,
  facts: DecipherFacts,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  const { name, iv } = facts.contentEncryption;
  if (name === null || iv === null) throw new Error('the algorithm is not known any more');
  const { mode, blockBytes } = CONTENT_ALGORITHMS[name];
  const unit = mode === 'cbc' ? blockBytes : mode === 'gcm' ? AES_BLOCK_BYTES : CHACHA_BLOCK_BYTES;
  const block = Math.floor(start / unit);
  const decipher =
    mode === 'cbc'
      ? cbcFrom(facts, await ivOfBlock(encrypted, block, unit, iv))
      : counterFrom(facts, mode, iv, block);
  const from = block * unit;
  const to = Math.min(Math.ceil(end / unit) * unit, encrypted.sizeBytes);
  let at = from;
  for await (const piece of openPieces(rangeOf(encrypted, from, to))) {
    const plain = decipher.update(piece);
    const first = Math.max(start - at, 0);
    const last = Math.min(end - at, plain.length);
    if (last > first) yield plain.subarray(first, last);
    at += plain.length;
  }
}

function rangeOf(encrypted: RangedContent, from: number, to: number): Content {
  return { sizeBytes: to - from, open: () => openRange(encrypted, from, to - from) };
}

/** In CBC each block's IV is the block before it. */
async function ivOfBlock(
  encrypted: RangedContent,
  block: number,
  blockBytes: number,
  iv: Buffer,
): Promise<Buffer> {
  if (block === 0) return iv;
  return await readContent(sliceContent(encrypted, (block - 1) * blockBytes, blockBytes));
}

function cbcFrom({ contentEncryption: { name }, cek }: DecipherFacts, iv: Buffer): Decipheriv {
  if (name === null) throw new Error('the algorithm is not known any more');
  const decipher = createDecipheriv(CONTENT_ALGORITHMS[name].cipher, createSecretKey(cek), iv);
  // The padding was checked; a range ends anywhere.
  return decipher.setAutoPadding(false);
}

function counterFrom(
  { cek }: DecipherFacts,
  mode: 'gcm' | 'chacha20-poly1305',
  nonce: Buffer,
  block: number,
): Decipheriv {
  const key = createSecretKey(cek);
  const counter = Buffer.alloc(4);
  if (mode === 'gcm') {
    counter.writeUInt32BE(GCM_FIRST_COUNTER + block);
    return createDecipheriv(`aes-${cek.length * 8}-ctr`, key, Buffer.concat([nonce, counter]));
  }
  counter.writeUInt32LE(CHACHA_FIRST_COUNTER + block);
  return createDecipheriv('chacha20', key, Buffer.concat([counter, nonce]));
}
