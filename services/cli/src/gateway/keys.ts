import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { AUTHORITY_NAMES } from '@sallyport/domsec';
import {
  type KeyAlgorithm,
  type KeyClass,
  type KeyRecord,
  keyAlgorithmSchema,
  keyRecordSchema,
} from '@sallyport/ipc';
import type { Domain } from '@sallyport/mail';
import { type Certificate, parsePemCertificates } from '@sallyport/pki';
import { writeWhole } from './files.ts';

/** The two key classes that have an authority's certificate (RFC 3183 sections 3.1.1 and 4.1). */
export type AuthorityClass = Extract<KeyClass, 'domain-signing' | 'domain-confidentiality'>;

export const AUTHORITY_OF = {
  'domain-signing': AUTHORITY_NAMES.domain,
  'domain-confidentiality': AUTHORITY_NAMES.confidentiality,
} as const;

const PREFIX: Readonly<Record<AuthorityClass, string>> = {
  'domain-signing': 'dsa',
  'domain-confidentiality': 'dca',
};
const MAX_KEY_ID_CHARS = 64;

/** A record of the key folder that is not as it must be. */
export class KeyFolderFault extends Error {}

/** Every record of the key folder, in the order of its names. @throws KeyFolderFault naming a broken one. */
export async function readKeyRecords(folder: string): Promise<readonly KeyRecord[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  const records: KeyRecord[] = [];
  for (const name of names) {
    const path = join(folder, name);
    try {
      records.push(keyRecordSchema.parse(JSON.parse(await readFile(path, 'utf8'))));
    } catch (cause) {
      throw new KeyFolderFault(`${path} is no valid key record`, { cause });
    }
  }
  return records;
}

/** Writes a record as a whole, readable by its owner alone. */
export async function writeKeyRecord(folder: string, record: KeyRecord): Promise<void> {
  const checked = keyRecordSchema.parse(record);
  const text = `${JSON.stringify(checked, null, 2)}\n`;
  await writeWhole(join(folder, `${record.keyId}.json`), text, 0o600);
}

/** Adds a pending key: the private key first, so that no record is ever without it. */
export async function addPendingKey(options: {
  readonly folder: string;
  readonly records: readonly KeyRecord[];
  readonly class: AuthorityClass;
  readonly domain: Domain;
  readonly algorithm: KeyAlgorithm;
  readonly privateKeyPem: string;
  readonly now: Date;
}): Promise<KeyRecord> {
  const { folder, now, domain, algorithm } = options;
  const keyId = newKeyId(options);
  const privateKeyFile = `${keyId}.key.pem`;
  await writeWhole(join(folder, privateKeyFile), options.privateKeyPem, 0o600);
  const record: KeyRecord = {
    keyId,
    class: options.class,
    domain,
    state: 'pending',
    algorithm,
    certificate: null,
    chain: [],
    privateKeyFile,
    signedAttributes: null,
    createdAt: now.toISOString(),
  };
  await writeKeyRecord(folder, record);
  return record;
}

function newKeyId(options: {
  readonly records: readonly KeyRecord[];
  readonly class: AuthorityClass;
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

/** The private key of a record. */
export async function readPrivateKey(folder: string, record: KeyRecord): Promise<KeyObject> {
  const { privateKeyFile } = record;
  const path = isAbsolute(privateKeyFile) ? privateKeyFile : join(folder, privateKeyFile);
  return createPrivateKey(await readFile(path));
}

/** The certificate of a record; null if it has none yet. */
export function certificateOf(record: KeyRecord): Certificate | null {
  const [parsed] = record.certificate === null ? [] : parsePemCertificates(record.certificate);
  return parsed?.kind === 'certificate' ? parsed.value : null;
}

/** The kind of a private key, or null if a gateway does not use that kind. */
export function algorithmOf(key: KeyObject): KeyAlgorithm | null {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return known(`rsa-${modulusLength}`);
    case 'ec':
      return namedCurve === undefined ? null : (CURVES.get(namedCurve) ?? null);
    default:
      return known(key.asymmetricKeyType); // the others have our name in node:crypto
  }
}

const CURVES: ReadonlyMap<string, KeyAlgorithm> = new Map([
  ['prime256v1', 'ec-p256'],
  ['secp384r1', 'ec-p384'],
  ['secp521r1', 'ec-p521'],
]);

function known(name: string | undefined): KeyAlgorithm | null {
  const parsed = keyAlgorithmSchema.safeParse(name);
  return parsed.success ? parsed.data : null;
}
