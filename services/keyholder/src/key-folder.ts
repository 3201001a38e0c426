import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import {
  type KeyAlgorithm,
  type KeyRecord,
  keyAlgorithmSchema,
  keyRecordSchema,
  REJECTION_SECRET_FILE,
} from '@sallyport/ipc';
import { type Logger, Secret } from '@sallyport/log';
import { z } from 'zod';

const OTHERS = 0o077;
const MAX_KEYS = 1_000;
const MAX_FILE_BYTES = 1024 * 1024;
const MIN_SECRET_BYTES = 32;
const MIN_EXPONENT = 65_537n;

/** A key that may be used. */
export interface LoadedKey {
  readonly record: KeyRecord;
  readonly privateKey: KeyObject;
  /** DER of its own certificate; null for a key without one. */
  readonly certificate: Buffer | null;
  readonly chain: readonly Buffer[];
}

export type KeyRing = ReadonlyMap<string, LoadedKey>;

/** A file that is not as it must be; the message names it and says why. */
class KeyFault extends Error {}

/**
 * Reads the keys that are in use. One that is broken is left out and named in the log, so that one
 * bad file never takes the others away.
 */
export async function loadKeys(folder: string, logger: Logger): Promise<KeyRing> {
  const ring = new Map<string, LoadedKey>();
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  for (const name of names.slice(0, MAX_KEYS)) {
    const path = join(folder, name);
    try {
      const key = await loadKey(folder, name);
      if (key !== null) ring.set(key.record.keyId, key);
    } catch (error) {
      // Not the whole error: a parser's message may quote what it read.
      const reason = error instanceof KeyFault ? error.message : faultText(error);
      logger.error('key.refused', { path, reason });
    }
  }
  if (names.length > MAX_KEYS) logger.error('key.too-many', { limit: MAX_KEYS });
  return ring;
}

function faultText(error: unknown): string {
  if (error instanceof z.ZodError) return z.prettifyError(error);
  if (error instanceof SyntaxError) return 'is no JSON';
  const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
  return `cannot be read${code}`;
}

/** @returns null for a key that is in no use. */
async function loadKey(folder: string, name: string): Promise<LoadedKey | null> {
  const record = keyRecordSchema.parse(JSON.parse(await readSmall(join(folder, name))));
  if (`${record.keyId}.json` !== name) {
    throw new KeyFault(`the record is of key ${record.keyId}, so it must be its name`);
  }
  if (record.state !== 'active' && record.state !== 'decrypt-only') return null;
  const { privateKeyFile } = record;
  const keyPath = isAbsolute(privateKeyFile) ? privateKeyFile : join(folder, privateKeyFile);
  const privateKey = createPrivateKey(await readPrivate(keyPath));
  if (algorithmOf(privateKey) !== record.algorithm) {
    throw new KeyFault(`${keyPath} holds no ${record.algorithm} key`);
  }
  const certificate = record.certificate === null ? null : new X509Certificate(record.certificate);
  if (certificate?.checkPrivateKey(privateKey) === false) {
    throw new KeyFault(`the certificate is not that of ${keyPath}`);
  }
  return {
    record,
    privateKey,
    certificate: certificate?.raw ?? null,
    chain: record.chain.map((pem) => new X509Certificate(pem).raw),
  };
}

const CURVES: ReadonlyMap<string, KeyAlgorithm> = new Map([
  ['prime256v1', 'ec-p256'],
  ['secp384r1', 'ec-p384'],
  ['secp521r1', 'ec-p521'],
]);

function algorithmOf(key: KeyObject): KeyAlgorithm | null {
  const { modulusLength, namedCurve = '', publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return publicExponent < MIN_EXPONENT ? null : known(`rsa-${modulusLength}`);
    case 'ec':
      return CURVES.get(namedCurve) ?? null;
    default:
      return known(key.asymmetricKeyType); // kinds without parameters have our name in node:crypto
  }
}

function known(name: string | undefined): KeyAlgorithm | null {
  const parsed = keyAlgorithmSchema.safeParse(name);
  return parsed.success ? parsed.data : null;
}

async function readSmall(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > MAX_FILE_BYTES) throw new KeyFault(`${path} is longer than a key file can be`);
  return await readFile(path, 'utf8');
}

async function readPrivate(path: string): Promise<Buffer> {
  const { mode, size } = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new KeyFault(`${path} cannot be read (${error.code})`);
  });
  if ((mode & OTHERS) !== 0) {
    throw new KeyFault(`${path} is open to others: its mode must be 0600`);
  }
  if (size > MAX_FILE_BYTES) throw new KeyFault(`${path} is longer than a key file can be`);
  return await readFile(path);
}

/**
 * Reads the secret that wrong content keys come from.
 *
 * @throws Error with path and reason if it is not there, short, or open to others.
 */
export async function loadRejectionSecret(folder: string): Promise<Secret> {
  const path = join(folder, REJECTION_SECRET_FILE);
  const bytes = await readPrivate(path);
  if (bytes.length < MIN_SECRET_BYTES) {
    throw new KeyFault(`${path} is shorter than ${MIN_SECRET_BYTES} bytes`);
  }
  return new Secret(bytes);
}
