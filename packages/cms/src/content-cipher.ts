import {
  type CipherChaCha20Poly1305Types,
  type CipherGCM,
  type CipherGCMTypes,
  type Cipheriv,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type Decipheriv,
} from 'node:crypto';
import { DerReader, der, type Tlv } from '@sallyport/der';
import { CONTENT_ALGORITHMS, type ContentName, contentByOid } from './algorithms-content.ts';
import type { AlgorithmView } from './read-parts.ts';
import type { ContentEncryptionView } from './views.ts';

const GCM_DEFAULT_TAG_BYTES = 12; // RFC 5084 section 3.2: aes-ICVlen DEFAULT 12
const GCM_MIN_TAG_BYTES = 12;
const GCM_MAX_TAG_BYTES = 16;
const GCM_MAX_NONCE_BYTES = 64;
const OCTET_STRING = 4;

/** Encrypts content piece by piece. After `final`, `tag` is the mac of AuthEnvelopedData; null for CBC. */
export interface ContentCipher {
  update(piece: Uint8Array): Buffer;
  final(): Buffer;
  tag(): Buffer | null;
}

/**
 * A cipher by its row.
 *
 * @throws RangeError for an algorithm that is only read, or a key or IV of another length.
 */
export function makeCipher(name: ContentName, key: Buffer, iv: Buffer): ContentCipher {
  const { isLegacy, keyBytes, ivBytes, tagBytes, cipher } = CONTENT_ALGORITHMS[name];
  if (isLegacy) throw new RangeError(`${name} is not used to encrypt`);
  if (key.length !== keyBytes || iv.length !== ivBytes) {
    throw new RangeError(`${name} takes a key of ${keyBytes} and an IV of ${ivBytes} bytes`);
  }
  const secret = createSecretKey(key);
  // The types of node:crypto know one name each; the table knows which row is which.
  const made: Cipheriv =
    tagBytes === 0
      ? createCipheriv(cipher, secret, iv)
      : createCipheriv(cipher as CipherGCMTypes, secret, iv, { authTagLength: tagBytes });
  return {
    update: (piece) => made.update(piece),
    final: () => made.final(),
    tag: () => (tagBytes === 0 ? null : (made as CipherGCM).getAuthTag()),
  };
}

/** What a decipher is made of: the content-encryption key and what the object says. */
export interface DecipherFacts {
  readonly contentEncryption: ContentEncryptionView;
  readonly cek: Buffer;
  /** Of AuthEnvelopedData; absent for EnvelopedData. */
  readonly mac?: Buffer;
  /** DER SET OF, tag 0x31: additional authenticated data. */
  readonly authAttrs?: Buffer | null;
  /** Without this no legacy algorithm is worked out. */
  readonly legacy?: boolean;
}

/**
 * A decipher by its row; null if algorithm, key, IV or tag cannot be right. A wrong key, tag or
 * padding shows in `final`, which throws.
 */
export function makeDecipher(facts: DecipherFacts): Decipheriv | null {
  const { cek, mac, authAttrs } = facts;
  const { name, iv, tagBytes } = facts.contentEncryption;
  if (name === null || iv === null) return null;
  const { cipher, keyBytes, isLegacy, mode } = CONTENT_ALGORITHMS[name];
  if (cek.length !== keyBytes || (isLegacy && facts.legacy !== true)) return null;
  // A KeyObject: to find out that a Buffer is none costs Node more than the rest of the call.
  const key = createSecretKey(cek);
  if (mode === 'cbc') return mac === undefined ? createDecipheriv(cipher, key, iv) : null;
  // A tag that is shorter than the object says is one that fewer guesses forge.
  if (mac === undefined || tagBytes === undefined || mac.length !== tagBytes) return null;
  const options = { authTagLength: tagBytes };
  const decipher =
    mode === 'gcm'
      ? createDecipheriv(cipher as CipherGCMTypes, key, iv, options)
      : createDecipheriv(cipher as CipherChaCha20Poly1305Types, key, iv, options);
  decipher.setAuthTag(mac);
  if (authAttrs !== undefined && authAttrs !== null) {
    decipher.setAAD(authAttrs, { plaintextLength: 0 });
  }
  return decipher;
}

/** AlgorithmIdentifier with the parameters that the row wants. */
export function contentAlgorithmIdentifier(name: ContentName, iv: Buffer): Buffer {
  const { oid, mode, tagBytes } = CONTENT_ALGORITHMS[name];
  const parameters =
    mode === 'gcm'
      ? der.sequence(der.octetString(iv), der.integer(tagBytes)) // RFC 5084 section 3.2
      : der.octetString(iv); // RFC 3565 section 4.1, RFC 8103 section 3
  return der.sequence(der.oid(oid), parameters);
}

/**
 * The algorithm and its parameters as an object of this form may use them.
 *
 * Whoever may choose the structure must not turn GCM into CBC (the attack that RFC 9709 tells of),
 * so each structure takes its own algorithms only.
 */
export function readContentEncryption(
  algorithm: AlgorithmView,
  form: 'enveloped' | 'auth-enveloped',
): ContentEncryptionView {
  const { oid, parameters } = algorithm;
  const name = contentByOid(oid);
  if (name === null) return { oid, name: null, iv: null, keyBytes: null };
  const { tagBytes, keyBytes, mode } = CONTENT_ALGORITHMS[name];
  const ownForm = tagBytes === 0 ? 'enveloped' : 'auth-enveloped';
  if (form !== ownForm) return { oid, name: null, iv: null, keyBytes: null };
  const base = { oid, name, keyBytes };
  if (mode === 'gcm') return { ...base, ...gcmParameters(parameters) };
  const iv = parameters === null ? null : fixedIv(name, parameters);
  return tagBytes === 0 ? { ...base, iv } : { ...base, iv, tagBytes };
}

function fixedIv(name: ContentName, parameters: Tlv): Buffer | null {
  const isString =
    parameters.tagClass === 'universal' &&
    parameters.tag === OCTET_STRING &&
    !parameters.constructed;
  const { ivBytes } = CONTENT_ALGORITHMS[name];
  return isString && parameters.value.length === ivBytes ? parameters.value : null;
}

function gcmParameters(parameters: Tlv | null): { iv: Buffer | null; tagBytes: number } {
  if (parameters === null) return { iv: null, tagBytes: GCM_DEFAULT_TAG_BYTES };
  const reader = new DerReader(parameters.bytes).sequence();
  const nonce = reader.octetString();
  const tagBytes = reader.isAtEnd ? GCM_DEFAULT_TAG_BYTES : reader.smallInteger();
  reader.end();
  const isSane = nonce.length > 0 && nonce.length <= GCM_MAX_NONCE_BYTES;
  const isTag = tagBytes >= GCM_MIN_TAG_BYTES && tagBytes <= GCM_MAX_TAG_BYTES;
  return { iv: isSane && isTag ? nonce : null, tagBytes };
}
