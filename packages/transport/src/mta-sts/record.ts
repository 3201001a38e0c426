import { readVersionedTxt } from '../txt-fields.ts';

/**
 * The id of the MTA-STS record among the TXT records of `_mta-sts.<domain>` (RFC 8461 section 3.1).
 *
 * @returns null if there is no usable one: the domain then has no policy to be fetched.
 */
export function readMtaStsId(records: readonly string[]): string | null {
  const id = readVersionedTxt(records, 'v=STSv1')?.get('id');
  return id !== undefined && /^[A-Za-z0-9]{1,32}$/.test(id) ? id : null;
}
