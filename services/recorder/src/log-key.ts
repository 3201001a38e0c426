import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LOG_KEY_FILE } from '@sallyport/audit-log';

const OTHERS = 0o077;
const PUBLIC_MODE = 0o644;

/** The key pair that signs heads. */
export interface LogKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** @throws Error with path and reason if the file is open to others or holds no Ed25519 key. */
export async function readLogKey(path: string): Promise<LogKey> {
  const { mode } = await stat(path);
  if ((mode & OTHERS) !== 0) throw new Error(`${path}: the log key must have mode 0600`);
  const privateKey = createPrivateKey(await readFile(path));
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw new Error(`${path}: the log key must be an Ed25519 key`);
  }
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

/**
 * Puts the public key beside the log, for auditors.
 *
 * @throws Error if another key lies there: a log has one key for its life.
 */
export async function publishLogKey(folder: string, publicKey: KeyObject): Promise<void> {
  const path = join(folder, LOG_KEY_FILE);
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  const present = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (present === null) await writeFile(path, pem, { mode: PUBLIC_MODE, flag: 'wx' });
  else if (!createPublicKey(present).equals(publicKey)) {
    throw new Error(`${path}: the log was begun with another key`);
  }
}
