import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import {
  publicKeyFromRaw,
  type ReaderPrivateKey,
  type ReaderPublicKey,
  rawPublicKey,
} from './reader-keys.ts';

/** Plaintext bytes of every chunk but the last. */
export const CHUNK_BYTES = 64 * 1024;
const TAG_BYTES = 16;
export const EPHEMERAL_BYTES = 32;

const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES;
const INFO = Buffer.from('sallyport spool v1');
const FIRST_BLOCK = Buffer.of(1);
const MAX_USES = 64;
const MAX_AGE_MS = 1_000;
const MAX_REMEMBERED = 32;

/** What seals or opens the chunks of one file. */
export interface FileKey {
  readonly key: KeyObject;
  /** SHA-256 of the header bytes: associated data of every chunk. */
  readonly headerDigest: Buffer;
}

interface Agreement {
  readonly ephemeral: Buffer;
  /** The pseudorandom key that HKDF extracts from the shared secret (RFC 5869 section 2.2). */
  readonly prk: KeyObject;
}

/**
 * Gives the sender's half of the key agreement for each new file.
 *
 * One agreement serves at most 64 files or one second, since it costs as much as the rest of a
 * small file; the header's nonce keeps the files' keys apart.
 *
 * Limits: a writer that is taken over can open what it wrote in the last second.
 */
export class SenderAgreements {
  readonly #current = new Map<string, Agreement & { uses: number }>();

  /** The ephemeral public key and shared secret to use for one file. */
  next(reader: ReaderPublicKey): Agreement {
    const known = this.#current.get(reader.keyId);
    if (known !== undefined && known.uses < MAX_USES) {
      known.uses += 1;
      return known;
    }
    const pair = generateKeyPairSync('x25519');
    const ephemeral = rawPublicKey(pair.publicKey);
    const secret = diffieHellman({ privateKey: pair.privateKey, publicKey: reader.key });
    const fresh = { ephemeral, prk: extract(secret, ephemeral, reader), uses: 1 };
    this.#current.set(reader.keyId, fresh);
    const forget = setTimeout(() => {
      if (this.#current.get(reader.keyId) === fresh) this.#current.delete(reader.keyId);
    }, MAX_AGE_MS);
    forget.unref();
    return fresh;
  }
}

/** Remembers the reader's half for the last few ephemeral keys. */
export class ReaderAgreements {
  readonly #known = new Map<string, Agreement>();

  /** @returns null if the ephemeral key is a point that agrees on nothing (RFC 7748 section 6.1). */
  with(ephemeral: Buffer, reader: ReaderPrivateKey): Agreement | null {
    const name = `${reader.keyId}${ephemeral.toString('base64')}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const secret = agree(ephemeral, reader);
    if (secret === null) return null;
    const agreement = { ephemeral, prk: extract(secret, ephemeral, reader) };
    if (this.#known.size >= MAX_REMEMBERED) {
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest);
        break;
      }
    }
    this.#known.set(name, agreement);
    return agreement;
  }
}

function agree(ephemeral: Buffer, reader: ReaderPrivateKey): Buffer | null {
  try {
    return diffieHellman({
      privateKey: reader.privateKey,
      publicKey: publicKeyFromRaw(ephemeral),
    });
  } catch {
    return null; // OpenSSL refuses the all-zero secret of a low-order point
  }
}

function extract(secret: Buffer, ephemeral: Buffer, reader: ReaderPublicKey): KeyObject {
  const salt = Buffer.concat([ephemeral, reader.raw]);
  return createSecretKey(createHmac('sha256', salt).update(secret).digest());
}

/**
 * HKDF-SHA256 over the shared secret, bound to both keys and to the header. One block of
 * HKDF-Expand (RFC 5869 section 2.3) is all that a key of 32 bytes takes.
 */
export function deriveFileKey(agreement: Agreement, headerBytes: Buffer): FileKey {
  const headerDigest = createHash('sha256').update(headerBytes).digest();
  const block = createHmac('sha256', agreement.prk).update(INFO).update(headerDigest);
  // A KeyObject: Node spends ten times as long on a cipher whose key is a Buffer.
  const key = createSecretKey(block.update(FIRST_BLOCK).digest());
  return { key, headerDigest };
}

/** STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015): an 11-byte counter and a last-chunk byte. */
function chunkNonce(index: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(index, 5, 6);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

/** Where a chunk stands in its file. */
export interface ChunkPlace {
  readonly index: number;
  readonly isLast: boolean;
}

/** The sealed form of one chunk: ciphertext and tag, as parts to be written in this order. */
export function sealChunk(file: FileKey, place: ChunkPlace, plain: Buffer): Buffer[] {
  const cipher = createCipheriv('aes-256-gcm', file.key, chunkNonce(place.index, place.isLast));
  cipher.setAAD(file.headerDigest);
  const body = cipher.update(plain);
  cipher.final();
  return [body, cipher.getAuthTag()];
}

/** @returns null unless the chunk is authentic at this place of this file. */
export function openChunk(file: FileKey, place: ChunkPlace, sealed: Buffer): Buffer | null {
  if (sealed.length < TAG_BYTES) return null;
  const nonce = chunkNonce(place.index, place.isLast);
  const decipher = createDecipheriv('aes-256-gcm', file.key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(file.headerDigest);
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const plain = decipher.update(sealed.subarray(0, -TAG_BYTES));
  try {
    decipher.final();
  } catch {
    return null;
  }
  return plain;
}

/** How a sealed body of a given length is cut into chunks. */
export interface BodyLayout {
  readonly chunks: number;
  readonly plainBytes: number;
}

/** @returns null if no writer makes a body of that length. */
export function layoutOf(bodyBytes: number): BodyLayout | null {
  if (bodyBytes < TAG_BYTES) return null;
  const chunks = Math.ceil(bodyBytes / SEALED_CHUNK_BYTES);
  const lastBytes = bodyBytes - (chunks - 1) * SEALED_CHUNK_BYTES;
  if (lastBytes < TAG_BYTES || (chunks > 1 && lastBytes === TAG_BYTES)) return null;
  return { chunks, plainBytes: bodyBytes - chunks * TAG_BYTES };
}

/** Where the sealed chunk lies in the body. */
export function chunkRange(bodyBytes: number, index: number): { offset: number; length: number } {
  const offset = index * SEALED_CHUNK_BYTES;
  return { offset, length: Math.min(SEALED_CHUNK_BYTES, bodyBytes - offset) };
}
