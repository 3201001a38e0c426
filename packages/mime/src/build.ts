import { randomBytes } from 'node:crypto';
import { bufferContent, type Content, concatContent, MemoryContent } from '@sallyport/mail';
import { base64Content, base64Size, encodeBase64 } from './base64.ts';
import type { Entity } from './entity.ts';
import type { HeaderField } from './header.ts';

/** smime-type values of RFC 8551 section 3.2.2. */
export type SmimeType =
  | 'signed-data'
  | 'enveloped-data'
  | 'authEnveloped-data'
  | 'compressed-data'
  | 'certs-only';

export interface Pkcs7MimeOptions {
  readonly smimeType: SmimeType;
  /** File name for readers that go by it; `smime.p7m`, for certs-only `smime.p7c`. */
  readonly name?: string;
  /** RFC 8551 section 3.1.2: `binary` only where the receiver is known to read it. */
  readonly transferEncoding?: 'base64' | 'binary';
}

const FILE_NAME = /^[A-Za-z0-9._-]{1,64}$/;
const TOKEN = /^[A-Za-z0-9._+,-]{1,200}$/;
/** RFC 2046 section 5.1.1, without the characters that need care in regular use. */
const BOUNDARY = /^[A-Za-z0-9'()+_,\-./:=?]{1,70}$/;

/**
 * An application/pkcs7-mime entity around a CMS object (RFC 8551 section 3.2).
 *
 * @throws RangeError for a name that is not a plain file name.
 */
export function pkcs7MimeEntity(cms: Content, options: Pkcs7MimeOptions): Content {
  const { smimeType, transferEncoding = 'base64' } = options;
  const name = options.name ?? (smimeType === 'certs-only' ? 'smime.p7c' : 'smime.p7m');
  if (!FILE_NAME.test(name)) throw new RangeError('not a plain file name');
  const header = Buffer.from(
    `Content-Type: application/pkcs7-mime; smime-type=${smimeType};\r\n name=${name}\r\n` +
      `Content-Transfer-Encoding: ${transferEncoding}\r\n` +
      `Content-Disposition: attachment; filename=${name}\r\n\r\n`,
    'latin1',
  );
  return joinContent([
    new MemoryContent(header),
    transferEncoding === 'binary' ? cms : base64Content(cms),
  ]);
}

export interface MultipartSignedOptions {
  /** Digest names of RFC 8551 section 3.4.3.2, such as `sha-256`. */
  readonly micalg: string;
  readonly boundary: string;
}

/**
 * A multipart/signed entity (RFC 1847 section 2.1, RFC 8551 section 3.4.3). The payload's bytes
 * stand in it unchanged.
 *
 * @throws RangeError for a boundary or micalg that cannot stand in a header field.
 */
export function multipartSigned(
  payload: Content,
  signature: Buffer,
  options: MultipartSignedOptions,
): Content {
  const { micalg, boundary } = options;
  if (!BOUNDARY.test(boundary)) throw new RangeError('not a boundary');
  if (!TOKEN.test(micalg)) throw new RangeError('not a micalg');
  const head = Buffer.from(
    `Content-Type: multipart/signed; protocol="application/pkcs7-signature";\r\n` +
      ` micalg=${micalg.includes(',') ? `"${micalg}"` : micalg};\r\n boundary="${boundary}"\r\n\r\n` +
      `--${boundary}\r\n`,
    'latin1',
  );
  const between = Buffer.from(
    `\r\n--${boundary}\r\n` +
      `Content-Type: application/pkcs7-signature; name=smime.p7s\r\n` +
      `Content-Transfer-Encoding: base64\r\n` +
      `Content-Disposition: attachment; filename=smime.p7s\r\n\r\n`,
    'latin1',
  );
  // The CRLF before a delimiter belongs to the delimiter (RFC 2046 section 5.1.1); the signature's
  // last line keeps one of its own, as every other producer writes it.
  const tail = Buffer.concat([
    between,
    encodeBase64(signature),
    Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1'),
  ]);
  return joinContent([new MemoryContent(head), payload, new MemoryContent(tail)]);
}

/** A boundary that occurs nowhere by chance: 128 random bits, and `=_`, which no QP or base64 line has. */
export function newBoundary(): string {
  return `=_${randomBytes(16).toString('hex')}`;
}

/** Octets that `pkcs7MimeEntity` makes of a CMS object of that size. */
export function pkcs7MimeSize(cmsBytes: number, options: Pkcs7MimeOptions): number {
  const empty = pkcs7MimeEntity(bufferContent(Buffer.alloc(0)), options).sizeBytes;
  return empty + (options.transferEncoding === 'binary' ? cmsBytes : base64Size(cmsBytes));
}

/** What to change in a header section; all fields not named stay byte for byte and in order. */
export interface HeaderEdits {
  /** Names of fields that go. */
  readonly remove?: readonly string[];
  /** Fields that go by their value or place; asked for every field `remove` leaves. */
  readonly removeWhere?: (field: HeaderField) => boolean;
  /** Whole fields, made by `formatField`, at the top. */
  readonly prepend?: readonly Buffer[];
  /** Whole fields at the end of the section. */
  readonly append?: readonly Buffer[];
}

/** A new message: the fields chosen, raw, and the body's bytes untouched. */
export function replaceHeader(entity: Entity, edits: HeaderEdits): Content {
  const gone = new Set(edits.remove?.map((name) => name.toLowerCase()));
  const kept = entity.header.filter(
    (field) => !gone.has(field.name.toLowerCase()) && !(edits.removeWhere?.(field) ?? false),
  );
  const fields = [
    ...(edits.prepend ?? []),
    ...kept.map((field) => field.raw),
    ...(edits.append ?? []),
  ];
  const sectionBytes = entity.header.reduce((sum, field) => sum + field.raw.length, 0);
  const separated = entity.headerBytes > sectionBytes;
  return joinContent([fieldsContent(fields, separated || entity.body.sizeBytes > 0), entity.body]);
}

/** A message of the given outer fields and an entity, whose own header follows them directly. */
export function joinMessage(fields: readonly (HeaderField | Buffer)[], entity: Content): Content {
  const raw = fields.map((field) => (Buffer.isBuffer(field) ? field : field.raw));
  return joinContent([fieldsContent(raw, false), entity]);
}

const CRLF = Buffer.from('\r\n');

function fieldsContent(fields: readonly Buffer[], emptyLine: boolean): MemoryContent {
  const pieces: Buffer[] = [];
  for (const field of fields) {
    pieces.push(field);
    if (field.at(-1) !== 0x0a) pieces.push(CRLF);
  }
  if (emptyLine) pieces.push(CRLF);
  return new MemoryContent(Buffer.concat(pieces));
}

/** One after another; in memory if all of them are and they are few. */
export function joinContent(parts: readonly Content[]): Content {
  const filled = parts.filter((part) => part.sizeBytes > 0);
  const only = filled[0];
  return filled.length === 1 && only !== undefined ? only : concatContent(filled);
}
