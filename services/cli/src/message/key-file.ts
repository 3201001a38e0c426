import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { type Certificate, parseCertificate, parsePemCertificates } from '@sallyport/pki';
import { readBytes } from '../commands/read-input.ts';
import { Complaint } from '../commands/run.ts';
import { openPkcs12, type Pkcs12 } from './pkcs12.ts';

const PRIVATE_KEYS = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----[^-]+-----END \1-----/g;
const DER_SEQUENCE = 0x30;

/** A private key and, if its certificate is known, that. */
export interface KeyPair {
  /** Where it came from. */
  readonly file: string;
  readonly privateKey: KeyObject;
  readonly certificate: Certificate | null;
}

/**
 * Every private key of `FILE[:password]`, PEM or PKCS#12, with its certificate out of the same file or `others`.
 *
 * @throws Complaint if there is none or it cannot be opened.
 */
export async function readKeyPairs(
  spec: string,
  others: readonly Certificate[] = [],
): Promise<readonly KeyPair[]> {
  const { file, password } = await splitSpec(spec);
  const bytes = await readBytes(file);
  const pkcs12 = pkcs12In(bytes);
  if (pkcs12 !== null) return openBinary(pkcs12, file, password, others);
  const text = bytes.toString('latin1');
  const certificates = [...certificatesIn(text), ...others];
  const pems = [...text.matchAll(PRIVATE_KEYS)].map(([pem]) => pem);
  if (pems.length === 0) throw new Complaint(`${file} holds no private key in PEM.`);
  return pems.map((pem) => {
    const privateKey = openKey(pem, file, password);
    return { file, privateKey, certificate: certificateOf(privateKey, certificates) };
  });
}

/** All that one file holds: certificates and private keys, in PEM, PKCS#12 (RFC 7292) or DER. */
export interface KeyFile {
  readonly file: string;
  readonly certificates: readonly Certificate[];
  /** Opens the private keys; asked for a password only where one is needed. */
  readonly keys: readonly KeyObject[];
}

/**
 * Reads `FILE[:password]`; without a password `askPassword` is asked for it, once and only if the
 * file needs one.
 *
 * @throws Complaint if it holds no certificate or cannot be opened.
 */
export async function readKeyFile(
  spec: string,
  askPassword: (file: string) => Promise<string>,
): Promise<KeyFile> {
  const { file, password } = await splitSpec(spec);
  const bytes = await readBytes(file);
  const pkcs12 = pkcs12In(bytes);
  if (pkcs12 === null || parseCertificate(bytes).kind === 'certificate') {
    const certificates = await readCertificates(file);
    const pems = [...bytes.toString('latin1').matchAll(PRIVATE_KEYS)].map(([pem]) => pem);
    const needsOne = password === null && pems.some((pem) => pem.includes('ENCRYPTED'));
    const secret = needsOne ? await askPassword(file) : password;
    return { file, certificates, keys: pems.map((pem) => openKey(pem, file, secret)) };
  }
  const secret = password ?? (await askPassword(file));
  const { keys, certificates } = openedPkcs12(pkcs12, file, secret);
  if (certificates.length > 0) return { file, certificates, keys };
  throw new Complaint(`${file} holds no certificate.`);
}

function pkcs12In(bytes: Buffer): Buffer | null {
  if (bytes[0] === DER_SEQUENCE) return bytes;
  const [, body] = /-----BEGIN PKCS12-----([^-]+)-----END/.exec(bytes.toString('latin1')) ?? [];
  return body === undefined ? null : Buffer.from(body, 'base64');
}

function openBinary(
  bytes: Buffer,
  file: string,
  password: string | null,
  others: readonly Certificate[],
): readonly KeyPair[] {
  const { keys, certificates } = openedPkcs12(bytes, file, password ?? '');
  const all = [...certificates, ...others];
  return keys.map((key) => ({ file, privateKey: key, certificate: certificateOf(key, all) }));
}

function openedPkcs12(bytes: Buffer, file: string, password: string): Pkcs12 {
  try {
    return openPkcs12(bytes, password);
  } catch (error) {
    const scheme = error instanceof Error && /not supported/.test(error.message);
    const reason = scheme ? error.message : 'wrong password, or no PKCS#12 file';
    throw new Complaint(`${file} cannot be opened: ${reason}.`);
  }
}

/** A file name may hold colons: the shortest prefix that is a file ends before the password. */
async function splitSpec(spec: string): Promise<{ file: string; password: string | null }> {
  const isFile = async (path: string): Promise<boolean> =>
    (await stat(path).catch(() => null))?.isFile() === true;
  if (await isFile(spec)) return { file: spec, password: null };
  for (let at = spec.indexOf(':'); at > 0; at = spec.indexOf(':', at + 1)) {
    const file = spec.slice(0, at);
    if (await isFile(file)) return { file, password: spec.slice(at + 1) };
  }
  return { file: spec, password: null };
}

function openKey(pem: string, file: string, password: string | null): KeyObject {
  try {
    return createPrivateKey({ key: pem, ...(password === null ? {} : { passphrase: password }) });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    const reason =
      code === 'ERR_MISSING_PASSPHRASE'
        ? 'it is under a password: write FILE:password'
        : 'wrong password, or not a key of a known kind';
    throw new Complaint(`The private key in ${file} cannot be opened: ${reason}.`);
  }
}

function certificateOf(key: KeyObject, certificates: readonly Certificate[]): Certificate | null {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return certificates.find((one) => one.spki.equals(spki)) ?? null;
}

function certificatesIn(text: string): readonly Certificate[] {
  return parsePemCertificates(text).flatMap((one) =>
    one.kind === 'certificate' ? [one.value] : [],
  );
}

/** Certificates of a file, PEM or one in DER. @throws Complaint if it holds none. */
export async function readCertificates(file: string): Promise<readonly Certificate[]> {
  const bytes = await readBytes(file);
  if (bytes[0] === DER_SEQUENCE) {
    const parsed = parseCertificate(bytes);
    if (parsed.kind === 'certificate') return [parsed.value];
    throw new Complaint(`${file} holds no certificate that can be read: ${parsed.reason}.`);
  }
  const all = parsePemCertificates(bytes.toString('latin1'));
  const broken = all.find((one) => one.kind === 'malformed');
  const good = all.flatMap((one) => (one.kind === 'certificate' ? [one.value] : []));
  if (good.length > 0) return good;
  throw new Complaint(
    `${file} holds no certificate${broken === undefined ? ' in PEM or DER' : `: ${broken.reason}`}.`,
  );
}
