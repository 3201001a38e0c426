import { crc32 } from 'node:zlib';
import { parseJson } from '@sallyport/mail';
import { z } from 'zod';

/** The longest line that is written or read; a certificate of 64 KiB is 88 KiB of base64. */
export const MAX_LINE_BYTES = 128 * 1024;
export const MAX_ADDRESSES = 64;
export const MAX_NAMES = 16;
export const MAX_KEY_CHARACTERS = 1_024;
const CRC_DIGITS = 8;
const NEWLINE = 0x0a;

/** What a certificate's key is for: a mailbox has the newest certificate of each. */
const useSchema = z.enum(['encryption', 'signature']);
export type KeyUse = z.infer<typeof useSchema>;

const key = z.string().min(1).max(MAX_KEY_CHARACTERS);

const certificateSchema = z.strictObject({
  mail: z.array(z.string().min(3).max(320)).min(1).max(MAX_ADDRESSES),
  use: useSchema,
  notBefore: z.iso.datetime(),
  notAfter: z.iso.datetime(),
  keys: z.strictObject({
    certHash: z.array(key).length(1),
    iAndSHash: z.array(key).length(1),
    sHash: z.array(key).length(1),
    sKIDHash: z.array(key).max(1),
    name: z.array(key).max(MAX_NAMES),
  }),
  certificate: z.base64().min(4),
});

const removalSchema = z.strictObject({
  removed: z.string().min(3).max(320),
  at: z.iso.datetime(),
});

const lineSchema = z.union([certificateSchema, removalSchema]);

/** Search keys under which users' certificates are found: their issuer is none of them. */
export type UserKeys = z.infer<typeof certificateSchema>['keys'];

/** A published certificate of a user. */
export interface UserCertificate {
  readonly kind: 'certificate';
  /** Addresses in our domains, folded. */
  readonly mail: readonly string[];
  readonly use: KeyUse;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly keys: UserKeys;
  readonly der: Buffer;
}

/** From here on nothing earlier is published for the address. */
interface Removal {
  readonly kind: 'removal';
  readonly mail: readonly [string];
  readonly at: Date;
}

export type StoreRecord = UserCertificate | Removal;

/**
 * One line of the store: the CRC-32 of the rest in hexadecimal, a space, JSON, a line feed.
 *
 * @throws RangeError if it is longer than a line may be.
 */
export function formatRecord(record: StoreRecord): Buffer {
  const json = JSON.stringify(
    record.kind === 'removal'
      ? { removed: record.mail[0], at: record.at.toISOString() }
      : {
          mail: record.mail,
          use: record.use,
          notBefore: record.notBefore.toISOString(),
          notAfter: record.notAfter.toISOString(),
          keys: record.keys,
          certificate: record.der.toString('base64'),
        },
  );
  const line = Buffer.from(`${checksum(Buffer.from(json))} ${json}\n`);
  if (line.length > MAX_LINE_BYTES) throw new RangeError('the record is too long');
  return line;
}

/** What a record is found by. */
export interface RecordKeys {
  readonly mail: readonly string[];
  /** Null for a removal. */
  readonly keys: UserKeys | null;
}

/** Reads what the index needs of a line. Null if it is damaged. */
export function parseRecordKeys(line: Buffer): RecordKeys | null {
  const fields = parseFields(line);
  if (fields === null) return null;
  return 'removed' in fields
    ? { mail: [fields.removed], keys: null }
    : { mail: fields.mail, keys: fields.keys };
}

/** Reads a line with or without its line feed. Null if it is damaged. */
export function parseRecord(line: Buffer): StoreRecord | null {
  const fields = parseFields(line);
  if (fields === null) return null;
  if ('removed' in fields) {
    return { kind: 'removal', mail: [fields.removed], at: new Date(fields.at) };
  }
  return {
    kind: 'certificate',
    mail: fields.mail,
    use: fields.use,
    notBefore: new Date(fields.notBefore),
    notAfter: new Date(fields.notAfter),
    keys: fields.keys,
    der: Buffer.from(fields.certificate, 'base64'),
  };
}

function parseFields(line: Buffer): z.infer<typeof lineSchema> | null {
  const body = line.subarray(CRC_DIGITS + 1, line.at(-1) === NEWLINE ? -1 : line.length);
  if (line.toString('latin1', 0, CRC_DIGITS) !== checksum(body)) return null;
  // The checksum says that these are the bytes we wrote; the schema, that we knew how.
  return lineSchema.safeParse(parseJson(body.toString('utf8'))).data ?? null;
}

function checksum(bytes: Buffer): string {
  return crc32(bytes).toString(16).padStart(CRC_DIGITS, '0');
}
