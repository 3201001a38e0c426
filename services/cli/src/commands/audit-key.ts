import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { type SignedHead, signedHeadSchema, verifyHead } from '@sallyport/audit-log';
import { print } from './output.ts';
import { readTextFile } from './read-input.ts';
import { Complaint } from './run.ts';

/** Before anything is proven under it. */
export const HEAD_NOT_SIGNED = 'The last head is not signed by the log key.';

/** What to do where the index and the log do not agree. */
export const ASK_VERIFY =
  'Ask sallyport audit verify what was touched; if that finds nothing, make the index anew: sallyport audit index --rebuild.';

/** The public log key in a file. @throws Complaint if it is none. */
export async function logKey(path: string): Promise<KeyObject> {
  try {
    const key = createPublicKey(await readTextFile(path));
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ENOENT') {
      throw new Complaint(`${path} is not there: name an audit folder, or the log key with --key.`);
    }
  }
  throw new Complaint(`${path} holds no Ed25519 public key in PEM.`);
}

/**
 * A head as `--save-checkpoint` writes it, a head line out of a log, or a file with copies of many
 * heads as the shipper or a syslog server wrote it, also those of other logs: all that this key
 * signed, longest first. If it signed none, the longest as it is: to be told of as what it is.
 */
export async function readCheckpoints(path: string, key: KeyObject): Promise<SignedHead[]> {
  const text = await readTextFile(path);
  const lines = new Set([text, ...text.split('\n')]);
  const heads = [...lines].flatMap((line) => headIn(line) ?? []).sort((a, b) => b.size - a.size);
  const [longest] = heads;
  if (longest === undefined) {
    throw new Complaint(`${path} holds no checkpoint: a signed head in JSON is needed.`);
  }
  const own = heads.filter((head) => verifyHead(head, key));
  return own.length === 0 ? [longest] : own;
}

/** The longest that this key signed. @throws Complaint if it signed none. */
export async function readCheckpoint(path: string, key: KeyObject): Promise<SignedHead> {
  const [longest] = await readCheckpoints(path, key);
  if (longest !== undefined && verifyHead(longest, key)) return longest;
  throw new Complaint(`No checkpoint in ${path} is signed by this log key: it is of another log.`);
}

/** Null if the text is none; what a syslog server puts before the JSON is passed over. */
function headIn(text: string): SignedHead | null {
  const start = text.indexOf('{');
  if (start === -1) return null;
  try {
    const value: unknown = JSON.parse(text.slice(start));
    const head =
      typeof value === 'object' && value !== null && 'head' in value ? value.head : value;
    return signedHeadSchema.safeParse(head).data ?? null;
  } catch {
    return null;
  }
}

/** SHA-256 of the key as a certificate would hold it (SPKI, DER), in hex. */
export function fingerprintOf(key: KeyObject): string {
  const spki = key.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('hex');
}

/** Which key was used, and what that is worth. */
export interface UsedKey {
  readonly fingerprint: string;
  /** `folder`: from what was verified itself. */
  readonly keyFrom: 'folder' | 'file';
}

/** The sentences about the key that end each verdict. */
export function printKey({ fingerprint, keyFrom }: UsedKey, from: string): void {
  print(`Log key: SHA-256 ${fingerprint}`);
  if (keyFrom === 'file') return;
  print(
    `The key comes from this ${from}, so this proves consistency, not origin; name a key kept elsewhere with --key.`,
  );
}
