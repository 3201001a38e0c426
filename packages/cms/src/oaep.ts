import { createHash, randomBytes } from 'node:crypto';
import { der, OID } from '@sallyport/der';
import { OAEP_HASHES, type OaepHash } from './algorithms-keys.ts';

/** RSAES-OAEP-params (RFC 8017 section A.2.1). */
export interface OaepParameters {
  readonly hash: OaepHash;
  readonly mgf1Hash: OaepHash;
  readonly label: Buffer;
}

/** RFC 8551 section 2.3 and RFC 4055 section 4.1: SHA-256 for both, empty label. */
export const OAEP_SHA256: OaepParameters = {
  hash: 'sha256',
  mgf1Hash: 'sha256',
  label: Buffer.alloc(0),
};

/** AlgorithmIdentifier; what equals its default is left out, as DER wants it. */
export function oaepIdentifier({ hash, mgf1Hash, label }: OaepParameters): Buffer {
  const identifier = (name: OaepHash): Buffer =>
    der.sequence(der.oid(OAEP_HASHES[name].oid), der.null());
  const fields: Buffer[] = [];
  if (hash !== 'sha1') fields.push(der.explicit(0, identifier(hash)));
  if (mgf1Hash !== 'sha1') {
    fields.push(der.explicit(1, der.sequence(der.oid(OID.mgf1), identifier(mgf1Hash))));
  }
  if (label.length > 0) {
    const source = der.sequence(der.oid(OID.pSpecified), der.octetString(label));
    fields.push(der.explicit(2, source));
  }
  return der.sequence(der.oid(OID.rsaesOaep), der.sequence(...fields));
}

/**
 * EME-OAEP (RFC 8017 section 7.1.1 step 2): node:crypto knows only one hash for both places.
 *
 * @throws RangeError if the modulus is too short for the message.
 */
export function encodeOaep(
  message: Buffer,
  modulusBytes: number,
  { hash, mgf1Hash, label }: OaepParameters,
): Buffer {
  const labelHash = createHash(hash).update(label).digest();
  const paddingBytes = modulusBytes - message.length - 2 * labelHash.length - 2;
  if (paddingBytes < 0) throw new RangeError('the RSA key is too short for this OAEP hash');
  const block = Buffer.concat([labelHash, Buffer.alloc(paddingBytes), Buffer.of(1), message]);
  const seed = randomBytes(labelHash.length);
  const maskedBlock = xor(block, mgf1(seed, block.length, mgf1Hash));
  const maskedSeed = xor(seed, mgf1(maskedBlock, seed.length, mgf1Hash));
  return Buffer.concat([Buffer.of(0), maskedSeed, maskedBlock]);
}

/**
 * EME-OAEP decoding (RFC 8017 section 7.1.2 step 3) for whoever nobody measures: it takes no
 * constant time.
 *
 * @throws Error if the padding is not right.
 */
export function decodeOaep(encoded: Buffer, { hash, mgf1Hash, label }: OaepParameters): Buffer {
  const labelHash = createHash(hash).update(label).digest();
  const maskedSeed = encoded.subarray(1, 1 + labelHash.length);
  const maskedBlock = encoded.subarray(1 + labelHash.length);
  const seed = xor(maskedSeed, mgf1(maskedBlock, maskedSeed.length, mgf1Hash));
  const block = xor(maskedBlock, mgf1(seed, maskedBlock.length, mgf1Hash));
  const end = block.findIndex((octet, index) => index >= labelHash.length && octet !== 0);
  const isPadded =
    encoded[0] === 0 && block[end] === 1 && block.subarray(0, labelHash.length).equals(labelHash);
  if (!isPadded) throw new Error('the padding is not right');
  return block.subarray(end + 1);
}

/** RFC 8017 appendix B.2.1. */
function mgf1(seed: Buffer, length: number, hash: string): Buffer {
  const blocks: Buffer[] = [];
  for (let made = 0, counter = 0; made < length; counter += 1) {
    const octets = Buffer.alloc(4);
    octets.writeUInt32BE(counter);
    const block = createHash(hash).update(seed).update(octets).digest();
    blocks.push(block);
    made += block.length;
  }
  return Buffer.concat(blocks, length);
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((octet, index) => octet ^ (b[index] ?? 0)));
}
