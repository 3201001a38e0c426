import {
  createDecipheriv,
  createHash,
  createPrivateKey,
  type KeyObject,
  pbkdf2Sync,
} from 'node:crypto';
import { DerError, DerReader, OID } from '@sallyport/der';
import { type Certificate, parseCertificate } from '@sallyport/pki';

/** What a PKCS#12 file holds (RFC 7292). */
export interface Pkcs12 {
  readonly keys: readonly KeyObject[];
  readonly certificates: readonly Certificate[];
}

const KEY_BAG = '1.2.840.113549.1.12.10.1.1';
const SHROUDED_KEY_BAG = '1.2.840.113549.1.12.10.1.2';
const CERT_BAG = '1.2.840.113549.1.12.10.1.3';
const PBES2 = '1.2.840.113549.1.5.13';
const PBE_SHA1_3DES = '1.2.840.113549.1.12.1.3';
const PRF_SHA1 = '1.2.840.113549.2.7';
const PRFS: ReadonlyMap<string, string> = new Map([
  [PRF_SHA1, 'sha1'],
  ['1.2.840.113549.2.9', 'sha256'],
  ['1.2.840.113549.2.10', 'sha384'],
  ['1.2.840.113549.2.11', 'sha512'],
]);
const CIPHERS: ReadonlyMap<string, { readonly name: string; readonly keyBytes: number }> = new Map([
  [OID.aes128Cbc, { name: 'aes-128-cbc', keyBytes: 16 }],
  [OID.aes192Cbc, { name: 'aes-192-cbc', keyBytes: 24 }],
  [OID.aes256Cbc, { name: 'aes-256-cbc', keyBytes: 32 }],
  ['1.2.840.113549.3.7', { name: 'des-ede3-cbc', keyBytes: 24 }],
]);
const MAX_ITERATIONS = 10_000_000;

/**
 * Opens a PKCS#12 file: PBES2 and the SHA-1/3DES scheme of old files. The MAC is not checked: the
 * file comes from whoever runs this, and a wrong password shows in the decryption.
 *
 * @throws Error if it is no such file, the password is wrong or the scheme is another one.
 */
export function openPkcs12(bytes: Buffer, password: string): Pkcs12 {
  const keys: KeyObject[] = [];
  const certificates: Certificate[] = [];
  const pfx = new DerReader(bytes).sequence();
  pfx.integer();
  const safes = new DerReader(contentOf(pfx.sequence(), password)).sequence();
  while (!safes.isAtEnd) {
    const bags = new DerReader(contentOf(safes.sequence(), password)).sequence();
    while (!bags.isAtEnd) {
      const bag = bags.sequence();
      const id = bag.oid();
      const value = explicit(bag);
      if (id === CERT_BAG) certificates.push(...certificateIn(value));
      if (id === KEY_BAG || id === SHROUDED_KEY_BAG) keys.push(keyIn(value.rest, password));
    }
  }
  return { keys, certificates };
}

function explicit(reader: DerReader): DerReader {
  const inner = reader.optionalExplicit(0);
  if (inner === null) throw new DerError('a value is missing');
  return inner;
}

/** The octets of a ContentInfo: plain, or decrypted. */
function contentOf(info: DerReader, password: string): Buffer {
  const type = info.oid();
  const value = explicit(info);
  if (type === OID.data) return value.octetString();
  if (type !== OID.encryptedData) throw new DerError('a part is of another kind');
  const encrypted = value.sequence();
  encrypted.integer();
  const content = encrypted.sequence();
  content.oid();
  const algorithm = content.sequence();
  const octets = content.next();
  const cipherText = octets.constructed
    ? Buffer.concat(new DerReader(octets).all().map((part) => part.value))
    : octets.value;
  return decrypt(algorithm, cipherText, password);
}

function certificateIn(value: DerReader): Certificate[] {
  const bag = value.sequence();
  bag.oid();
  const parsed = parseCertificate(explicit(bag).octetString());
  return parsed.kind === 'certificate' ? [parsed.value] : [];
}

// OpenSSL knows both forms of PKCS#8 and their schemes.
function keyIn(der: Buffer, password: string): KeyObject {
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8', passphrase: password });
}

function decrypt(algorithm: DerReader, cipherText: Buffer, password: string): Buffer {
  const scheme = algorithm.oid();
  const parameters = algorithm.sequence();
  const { name, key, iv } =
    scheme === PBES2
      ? pbes2(parameters, password)
      : scheme === PBE_SHA1_3DES
        ? pbeSha1(parameters, password)
        : unknownScheme(scheme);
  const decipher = createDecipheriv(name, key, iv);
  return Buffer.concat([decipher.update(cipherText), decipher.final()]);
}

function unknownScheme(oid: string): never {
  throw new Error(`encryption scheme ${oid} is not supported`);
}

interface CipherFacts {
  readonly name: string;
  readonly key: Buffer;
  readonly iv: Buffer;
}

// RFC 8018 sections 6.2 and A.2
function pbes2(parameters: DerReader, password: string): CipherFacts {
  const derivation = parameters.sequence();
  derivation.oid();
  const inner = derivation.sequence();
  const salt = inner.octetString();
  const iterations = iterationsOf(inner);
  if (inner.peek()?.tag === 2) inner.integer(); // keyLength: the cipher says it
  const prf = inner.isAtEnd ? PRF_SHA1 : inner.sequence().oid();
  const encryption = parameters.sequence();
  const cipher = CIPHERS.get(encryption.oid());
  const hash = PRFS.get(prf);
  if (cipher === undefined || hash === undefined) throw new Error('an algorithm is not supported');
  const key = pbkdf2Sync(password, salt, iterations, cipher.keyBytes, hash);
  return { name: cipher.name, key, iv: encryption.octetString() };
}

function pbeSha1(parameters: DerReader, password: string): CipherFacts {
  const salt = parameters.octetString();
  const iterations = iterationsOf(parameters);
  const make = (id: number, length: number): Buffer =>
    derivePkcs12({ password, salt, iterations, id, length });
  return { name: 'des-ede3-cbc', key: make(1, 24), iv: make(2, 8) };
}

function iterationsOf(reader: DerReader): number {
  const iterations = reader.smallInteger();
  if (iterations < 1 || iterations > MAX_ITERATIONS) throw new DerError('too many iterations');
  return iterations;
}

/** RFC 7292 appendix B.2 with SHA-1: blocks of 64 octets, digests of 20. */
function derivePkcs12(input: {
  readonly password: string;
  readonly salt: Buffer;
  readonly iterations: number;
  readonly id: number;
  readonly length: number;
}): Buffer {
  const block = 64;
  const bmp = Buffer.from(`${input.password}\0`, 'utf16le').swap16();
  const fill = (bytes: Buffer): Buffer =>
    Buffer.alloc(Math.ceil(bytes.length / block) * block, bytes);
  let state = Buffer.concat([fill(input.salt), fill(bmp)]);
  const made: Buffer[] = [];
  for (let length = 0; length < input.length; length += 20) {
    let digest = Buffer.concat([Buffer.alloc(block, input.id), state]);
    for (let i = 0; i < input.iterations; i += 1) {
      digest = createHash('sha1').update(digest).digest();
    }
    made.push(digest);
    state = addToBlocks(state, Buffer.alloc(block, digest));
  }
  return Buffer.concat(made).subarray(0, input.length);
}

/** Each block of `state` plus `addend` plus one, modulo 2^512. */
function addToBlocks(state: Buffer, addend: Buffer): Buffer<ArrayBuffer> {
  const sum = Buffer.from(state);
  for (let start = 0; start < sum.length; start += addend.length) {
    let carry = 1;
    for (let i = addend.length - 1; i >= 0; i -= 1) {
      carry += (sum[start + i] ?? 0) + (addend[i] ?? 0);
      sum[start + i] = carry & 0xff;
      carry >>= 8;
    }
  }
  return sum;
}
