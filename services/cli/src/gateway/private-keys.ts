import { createPublicKey, type KeyObject } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type KeyAlgorithm,
  type KeyClass,
  KeyFileFault,
  type KeyFiles,
  type KeyRecord,
} from '@sallyport/ipc';
import type { Domain } from '@sallyport/mail';
import { type Certificate, formatPemCertificate } from '@sallyport/pki';
import { certificateOf } from './keys.ts';
import type { GatewayLayout } from './layout.ts';
import { keyFilesOf, writePrivateKey } from './seal-keys.ts';

const PREFIX: Readonly<Record<KeyClass, string>> = {
  'domain-signing': 'dsa',
  'domain-confidentiality': 'dca',
  dkim: 'dkim',
  statement: 'statement',
};
const MAX_KEY_ID_CHARS = 64;

/** Where a private key is to be: sealed in a file of its own, or on a token already. */
export type NewKeyPlace = { readonly privateKeyPem: string } | { readonly token: string };

/**
 * Writes a new private key, sealed, unless it is on a token.
 *
 * @returns the record that is to be written for it: `pending` with a certificate, else `generated`.
 */
export async function storePrivateKey(options: {
  readonly layout: Pick<GatewayLayout, 'keys' | 'seal'>;
  readonly keyId: string;
  readonly class: KeyClass;
  readonly domain: Domain;
  readonly algorithm: KeyAlgorithm;
  readonly place: NewKeyPlace;
  readonly certificate?: Certificate;
  readonly chain?: readonly Certificate[];
  readonly now: Date;
}): Promise<KeyRecord> {
  const { layout, keyId, now, domain, algorithm, place, certificate, chain = [] } = options;
  const facts = { keyId, class: options.class, algorithm };
  // A record that cannot be read has its name too, and may be mended.
  if (existsSync(join(layout.keys, `${keyId}.json`))) {
    throw new KeyFileFault(`${keyId}.json is there already, and cannot be read: see key list`);
  }
  const where =
    'token' in place
      ? { token: place.token }
      : { privateKeyFile: await writePrivateKey(layout, facts, place.privateKeyPem) };
  return {
    ...facts,
    domain,
    state: certificate === undefined ? 'generated' : 'pending',
    certificate: certificate === undefined ? null : formatPemCertificate(certificate.der),
    chain: chain.map((one) => formatPemCertificate(one.der)),
    ...where,
    signedAttributes: null,
    createdAt: now.toISOString(),
  };
}

/** A name that no key of the folder has. */
export function newKeyId(options: {
  readonly records: readonly KeyRecord[];
  readonly class: KeyClass;
  readonly domain: string;
  readonly now: Date;
}): string {
  const taken = new Set(options.records.map((record) => record.keyId));
  const stamp = options.now.toISOString().slice(0, 10);
  for (let number = 1; ; number += 1) {
    const end = number === 1 ? `-${stamp}` : `-${stamp}-${number}`;
    const start = `${PREFIX[options.class]}-${options.domain}`;
    const keyId = `${start.slice(0, MAX_KEY_ID_CHARS - end.length)}${end}`;
    if (!taken.has(keyId)) return keyId;
  }
}

/** The private key of a record. @throws KeyFileFault if its file does not open, or it is on a token. */
export async function readPrivateKey(
  layout: Pick<GatewayLayout, 'keys' | 'seal'>,
  record: KeyRecord,
): Promise<KeyObject> {
  return (await keyFilesOf(layout).open(record)).privateKey;
}

/** DER of the public half. */
export function spkiOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: 'der', type: 'spki' });
}

/**
 * Why a key must not come into use: its private half does not open, or is another's than the public
 * one. Null where that cannot be told: on a token, or without what the files are sealed under.
 */
export async function unusable(
  layout: Pick<GatewayLayout, 'keys' | 'seal'>,
  record: KeyRecord,
  records: readonly KeyRecord[],
): Promise<string | null> {
  if (record.token !== undefined) return null;
  const files = keyFilesOf(layout);
  const reason = await faultOf(files, record);
  if (reason === null || !(await opensAnother(files, record, records))) return null;
  const [why = ''] = reason.replaceAll(`${layout.keys}/`, '').split('\n');
  return `The key ${record.keyId} cannot be used: ${why}.`;
}

async function faultOf(files: KeyFiles, record: KeyRecord): Promise<string | null> {
  try {
    const { privateKey } = await files.open(record);
    const known = publicHalfOf(record);
    const isOwn = known === null || spkiOf(privateKey).equals(known);
    return isOwn ? null : 'its private half is of another key';
  } catch (error) {
    if (error instanceof KeyFileFault) return error.message;
    throw error;
  }
}

function publicHalfOf(record: KeyRecord): Buffer | null {
  const { dkimPublicKey } = record;
  if (dkimPublicKey !== undefined) return Buffer.from(dkimPublicKey, 'base64');
  return certificateOf(record)?.spki ?? null;
}

async function opensAnother(
  files: KeyFiles,
  { keyId }: KeyRecord,
  records: readonly KeyRecord[],
): Promise<boolean> {
  for (const one of records) {
    if (one.keyId === keyId || files.pathOf(one) === null) continue;
    if ((await faultOf(files, one)) === null) return true;
  }
  return false;
}
