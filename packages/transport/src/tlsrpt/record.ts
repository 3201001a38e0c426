import { readVersionedTxt } from '../txt-fields.ts';

const FIELD = /^([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=([\x20-\x3a\x3c-\x7e]+)$/;
const URI = /^(?:mailto|https):[\x22-\x2b\x2d-\x3a\x3c-\x7e]+$/i;
const MAX_URIS = 16;

/**
 * Where a domain wants TLS reports, from the TXT records of `_smtp._tls.<domain>` (RFC 8460 section 3):
 * `mailto:` and `https:` URIs in the order of the record.
 *
 * @returns null if the domain wants none.
 */
export function readReportUris(records: readonly string[]): readonly string[] | null {
  const rua = readVersionedTxt(records, 'v=TLSRPTv1', FIELD)?.get('rua');
  if (rua === undefined) return null;
  const uris = rua.split(/[ \t]*,[ \t]*/, MAX_URIS + 1).filter((uri) => URI.test(uri));
  return uris.length === 0 || uris.length > MAX_URIS ? null : uris;
}
