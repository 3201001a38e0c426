import { DerReader, OID, type Tlv } from '@sallyport/der';
import { OAEP_HASH_BY_OID, type OaepHash } from './algorithms-keys.ts';
import { readAlgorithm, stringValue } from './read-parts.ts';

/** How a key is transported under RSAES-OAEP. */
export interface OaepParameters {
  readonly hash: OaepHash;
  readonly mgf1Hash: OaepHash;
  readonly label: Buffer;
}

/** RFC 8017 section A.2.1: what parameters that are not there mean. */
export const OAEP_DEFAULTS: OaepParameters = {
  hash: 'sha1',
  mgf1Hash: 'sha1',
  label: Buffer.alloc(0),
};

/**
 * RSAES-OAEP-params (RFC 8017 section A.2.1).
 *
 * @returns null if they name what we do not know.
 * @throws DerError if they are malformed.
 */
export function readOaep(parameters: Tlv): OaepParameters | null {
  const reader = new DerReader(parameters.bytes).sequence();
  const hash = readHash(reader.optionalExplicit(0));
  const mgf = reader.optionalExplicit(1);
  const mgf1Hash = mgf === null ? 'sha1' : readMgf1(mgf);
  const source = reader.optionalExplicit(2);
  reader.end();
  const label = source === null ? Buffer.alloc(0) : readLabel(source);
  if (hash === null || mgf1Hash === null || label === null) return null;
  return { hash, mgf1Hash, label };
}

function readHash(reader: DerReader | null): OaepHash | null {
  return reader === null ? 'sha1' : (OAEP_HASH_BY_OID.get(readAlgorithm(reader).oid) ?? null);
}

function readMgf1(reader: DerReader): OaepHash | null {
  const { oid, parameters } = readAlgorithm(reader);
  if (oid !== OID.mgf1 || parameters === null) return null;
  return OAEP_HASH_BY_OID.get(new DerReader(parameters).oid()) ?? null;
}

function readLabel(reader: DerReader): Buffer | null {
  const { oid, parameters } = readAlgorithm(reader);
  return oid === OID.pSpecified && parameters?.tag === 4 ? stringValue(parameters) : null;
}
