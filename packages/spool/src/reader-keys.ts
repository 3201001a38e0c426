import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import type { SpoolReader } from './header.ts';

const RAW_KEY_BYTES = 32;
// RFC 8410 section 4: SubjectPublicKeyInfo of X25519 is this prefix and the 32 key bytes.
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

/** A reader's key pair as the files of the key folder hold it. */
export interface ReaderKeyPem {
  readonly publicKeyPem: string;
  readonly privateKeyPem: string;
}

/** The public half: whoever has it can write for that reader and read nothing. */
export interface ReaderPublicKey {
  readonly name: SpoolReader;
  readonly keyId: string;
  readonly raw: Buffer;
  readonly key: KeyObject;
}

/** The private half. */
export interface ReaderPrivateKey extends ReaderPublicKey {
  readonly privateKey: KeyObject;
}

/** Draws a new X25519 key pair (RFC 7748 section 6.1). */
export function generateReaderKey(): ReaderKeyPem {
  const { publicKey, privateKey } = generateKeyPairSync('x25519', {
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return { publicKeyPem: publicKey, privateKeyPem: privateKey };
}

/** @throws TypeError if the PEM holds no X25519 public key. */
export function importPublicKey(name: SpoolReader, pem: string): ReaderPublicKey {
  return describe(name, createPublicKey(pem));
}

/** @throws TypeError if the PEM holds no X25519 private key. */
export function importPrivateKey(name: SpoolReader, pem: string): ReaderPrivateKey {
  const privateKey = createPrivateKey(pem);
  return { ...describe(name, createPublicKey(privateKey)), privateKey };
}

function describe(name: SpoolReader, key: KeyObject): ReaderPublicKey {
  if (key.asymmetricKeyType !== 'x25519') {
    throw new TypeError(`spool reader key of ${name} is ${key.asymmetricKeyType}, not x25519`);
  }
  const raw = rawPublicKey(key);
  const keyId = createHash('sha256').update(raw).digest('hex').slice(0, 16);
  return { name, keyId, raw, key };
}

/** The 32 bytes of an X25519 public key. */
export function rawPublicKey(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' }).subarray(-RAW_KEY_BYTES);
}

/** An X25519 public key from its 32 bytes. */
export function publicKeyFromRaw(raw: Buffer): KeyObject {
  return createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, raw]),
    format: 'der',
    type: 'spki',
  });
}
