import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import {
  KeyFileFault,
  type KeyFiles,
  type KeyRecord,
  type KeyState,
  keyAlgorithmOf,
  keyFileReason,
  type QuarantinedKey,
  REJECTION_SECRET_FILE,
  readPrivateFile,
} from '@sallyport/ipc';
import { type Logger, Secret } from '@sallyport/log';
import { type PrivateKey, publicKeyOf } from './private-key.ts';
import type { Token } from './token/token.ts';
import { TokenFault } from './token/token-fault.ts';
import { TokenKey } from './token/token-key.ts';

const MAX_KEYS = 1_000;
const MAX_SECRET_BYTES = 64 * 1024;
const MIN_SECRET_BYTES = 32;

/** A key that may be used. */
export interface LoadedKey {
  readonly record: KeyRecord;
  readonly privateKey: PrivateKey;
  /** DER of its own certificate; null for a key without one. */
  readonly certificate: Buffer | null;
  readonly chain: readonly Buffer[];
}

export type KeyRing = ReadonlyMap<string, LoadedKey>;

/** Where private keys are. `token` is null if the config names none. */
export interface KeyStores {
  readonly files: KeyFiles;
  readonly token: Token | null;
}

/**
 * Reads the keys that are in use. One that is broken is quarantined: left out and named, so that one
 * bad file never takes the others away.
 */
export async function loadKeys(
  stores: KeyStores,
  logger: Logger,
): Promise<{ readonly ring: KeyRing; readonly quarantined: readonly QuarantinedKey[] }> {
  const ring = new Map<string, LoadedKey>();
  const { records, quarantined } = await stores.files.records();
  const left = [...quarantined];
  const inUse = records.filter(isServed);
  for (const record of inUse.slice(0, MAX_KEYS)) {
    try {
      ring.set(record.keyId, await loadKey(stores, record, logger));
    } catch (error) {
      const file = stores.files.pathOf(record) ?? join(stores.files.folder, `${record.keyId}.json`);
      left.push({ keyId: record.keyId, file, reason: keyFileReason(error) });
    }
  }
  for (const { keyId, file, reason } of left) {
    logger.error('key.quarantined', { keyId, path: file, reason });
  }
  if (inUse.length > MAX_KEYS) logger.error('key.too-many', { limit: MAX_KEYS });
  return { ring, quarantined: left };
}

/** A key that has a certificate to be asked for, in use or not; or why there is none. */
export async function loadKeyForRequest(
  stores: KeyStores,
  keyId: string,
  logger: Logger,
): Promise<LoadedKey | { readonly refusal: string }> {
  try {
    const record = await stores.files.record(keyId);
    if (!CERTIFIABLE.has(record.state)) return { refusal: `key ${keyId} is in no use any more` };
    return await loadKey(stores, record, logger);
  } catch (error) {
    return { refusal: keyFileReason(error) };
  }
}

// A pending confidentiality key opens mail already: partners may find its certificate before every
// worker has heard that it is active.
function isServed({ state, class: keyClass, certificate }: KeyRecord): boolean {
  if (state === 'pending') return keyClass === 'domain-confidentiality' && certificate !== null;
  return IN_USE.has(state);
}

const IN_USE: ReadonlySet<KeyState> = new Set(['active', 'decrypt-only']);
const CERTIFIABLE: ReadonlySet<KeyState> = new Set(['generated', 'pending', ...IN_USE]);

/** @throws KeyFileFault */
async function loadKey(stores: KeyStores, record: KeyRecord, logger: Logger): Promise<LoadedKey> {
  const certificate = record.certificate === null ? null : new X509Certificate(record.certificate);
  const recorded = certificate?.publicKey ?? dkimPublicKey(record);
  const privateKey =
    record.token === undefined
      ? await openFile(stores.files, record, logger)
      : await openOnToken(stores.token, record.token, recorded);
  const publicKey = publicKeyOf(privateKey);
  if (keyAlgorithmOf(publicKey) !== record.algorithm) {
    throw new KeyFileFault(`the key is no ${record.algorithm} key, as its record says`);
  }
  if (recorded !== null && !recorded.equals(publicKey)) {
    const what = certificate === null ? 'published key' : 'certificate';
    throw new KeyFileFault(`the ${what} is that of another key`);
  }
  return {
    record,
    privateKey,
    certificate: certificate?.raw ?? null,
    chain: record.chain.map((pem) => new X509Certificate(pem).raw),
  };
}

function dkimPublicKey({ dkimPublicKey: spki }: KeyRecord): KeyObject | null {
  if (spki === undefined) return null;
  return createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' });
}

async function openFile(files: KeyFiles, record: KeyRecord, logger: Logger): Promise<PrivateKey> {
  const { privateKey, isSealed } = await files.open(record);
  if (!isSealed) {
    const advice = 'the key lies in clear; seal it: sallyport key seal';
    logger.warn('key.unsealed', { keyId: record.keyId, advice });
  }
  return privateKey;
}

/**
 * The key need not answer now: a token that is unplugged makes its mail wait, and is no broken file.
 * Only a key of which no public half is on record has to be asked for it.
 */
async function openOnToken(
  token: Token | null,
  uri: string,
  recorded: KeyObject | null,
): Promise<TokenKey> {
  if (token === null) {
    throw new KeyFileFault('the key is on a token, and the config has no keys.token');
  }
  const publicKey = recorded ?? (await publicKeyOnToken(token, uri));
  return new TokenKey({ token, uri, publicKey });
}

async function publicKeyOnToken(token: Token, uri: string): Promise<KeyObject> {
  try {
    return await token.publicKeyOf(uri);
  } catch (cause) {
    if (!(cause instanceof TokenFault)) throw cause;
    throw new KeyFileFault(cause.message, { cause });
  }
}

/**
 * Reads the secret that wrong content keys come from.
 *
 * @throws Error with path and reason if it is not there, short, or open to others.
 */
export async function loadRejectionSecret(folder: string): Promise<Secret> {
  const path = join(folder, REJECTION_SECRET_FILE);
  const bytes = await readPrivateFile(path, MAX_SECRET_BYTES);
  if (bytes.length < MIN_SECRET_BYTES) {
    throw new KeyFileFault(`${path} is shorter than ${MIN_SECRET_BYTES} bytes`);
  }
  return new Secret(bytes);
}
