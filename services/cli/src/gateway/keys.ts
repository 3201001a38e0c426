import { join } from 'node:path';
import { AUTHORITY_NAMES } from '@sallyport/domsec';
import { type KeyClass, KeyFiles, type KeyRecord, keyRecordSchema } from '@sallyport/ipc';
import { type Certificate, parsePemCertificates } from '@sallyport/pki';
import { writeWhole } from './files.ts';

/** The two key classes that have an authority's certificate (RFC 3183 sections 3.1.1 and 4.1). */
export type AuthorityClass = Extract<KeyClass, 'domain-signing' | 'domain-confidentiality'>;

export const AUTHORITY_OF = {
  'domain-signing': AUTHORITY_NAMES.domain,
  'domain-confidentiality': AUTHORITY_NAMES.confidentiality,
} as const;

/**
 * Every record of the key folder, in the order of its names. One that is broken is left out: `key
 * list` and the keyholder name it.
 */
export async function readKeyRecords(folder: string): Promise<readonly KeyRecord[]> {
  return (await new KeyFiles(folder, null).records()).records;
}

/** Writes a record as a whole, readable by its owner alone. */
export async function writeKeyRecord(folder: string, record: KeyRecord): Promise<void> {
  const checked = keyRecordSchema.parse(record);
  const text = `${JSON.stringify(checked, null, 2)}\n`;
  await writeWhole(join(folder, `${record.keyId}.json`), text, 0o600);
}

/** The certificate of a record; null if it has none yet. */
export function certificateOf(record: KeyRecord): Certificate | null {
  const [parsed] = record.certificate === null ? [] : parsePemCertificates(record.certificate);
  return parsed?.kind === 'certificate' ? parsed.value : null;
}
