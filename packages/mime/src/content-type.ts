import { type Entity, fieldValues } from './entity.ts';
import { parseParameters } from './parameters.ts';

/** RFC 2045 section 5. */
export interface ContentType {
  /** Lower case. */
  readonly type: string;
  /** Lower case. */
  readonly subtype: string;
  /** Names in lower case, values as sent; RFC 2231 forms put together and decoded. */
  readonly parameters: ReadonlyMap<string, string>;
  /** True if the field is there but wrong, or is there twice; the default type is given then. */
  readonly malformed: boolean;
}

const MEDIA_TYPE =
  /^([!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+)[ \t]*\/[ \t]*([!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+)[ \t]*(?=[;(]|$)/;

/** What the entity says it is; text/plain in US-ASCII if it does not say (RFC 2045 section 5.2). */
export function contentType(entity: Entity): ContentType {
  const values = fieldValues(entity, 'content-type');
  const value = values[0];
  if (value === undefined) return defaultType(entity.defaultType, false);
  const parsed = values.length === 1 ? parseContentType(value) : null;
  return parsed ?? defaultType(undefined, true);
}

/** @returns null if the value has no type and subtype. */
export function parseContentType(value: string): ContentType | null {
  const match = MEDIA_TYPE.exec(value);
  const type = match?.[1];
  const subtype = match?.[2];
  if (match === null || type === undefined || subtype === undefined) return null;
  const { parameters, malformed } = parseParameters(value, match[0].length);
  return { type: type.toLowerCase(), subtype: subtype.toLowerCase(), parameters, malformed };
}

function defaultType(given: 'message/rfc822' | undefined, malformed: boolean): ContentType {
  return given === undefined
    ? { type: 'text', subtype: 'plain', parameters: new Map([['charset', 'us-ascii']]), malformed }
    : { type: 'message', subtype: 'rfc822', parameters: new Map(), malformed };
}

export type TransferEncoding =
  | '7bit'
  | '8bit'
  | 'binary'
  | 'quoted-printable'
  | 'base64'
  /** A word that RFC 2045 section 6.1 does not know, or the field twice. */
  | 'unknown';

const ENCODINGS: readonly TransferEncoding[] = [
  '7bit',
  '8bit',
  'binary',
  'quoted-printable',
  'base64',
];

/** The content transfer encoding; 7bit if the entity does not say (RFC 2045 section 6.1). */
export function transferEncoding(entity: Entity): TransferEncoding {
  const values = fieldValues(entity, 'content-transfer-encoding');
  const value = values[0];
  if (value === undefined) return '7bit';
  if (values.length > 1) return 'unknown';
  const word = value.replace(/[ \t(;].*$/s, '').toLowerCase();
  return ENCODINGS.find((encoding) => encoding === word) ?? 'unknown';
}
