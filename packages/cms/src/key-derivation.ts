import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  hkdfSync,
} from 'node:crypto';
import { der, OID } from '@sallyport/der';
import { type HkdfHash, type Kdf, type KdfHash, WRAPS, type WrapName } from './algorithms-keys.ts';

const NOTHING = Buffer.alloc(0);
const WRAP_IV = Buffer.alloc(8, 0xa6); // RFC 3394 section 2.2.3.1
/** How much longer a wrapped key is. */
export const WRAP_OVERHEAD_BYTES = 8;

/** The wrap's AlgorithmIdentifier; parameters are absent unless a message wrote NULL. */
export function wrapIdentifier(wrap: WrapName, parameters: 'absent' | 'null' = 'absent'): Buffer {
  const oid = der.oid(WRAPS[wrap].oid);
  return parameters === 'null' ? der.sequence(oid, der.null()) : der.sequence(oid);
}

/** What both sides of a key agreement or of a KEM know besides the shared secret. */
export interface KekFacts {
  readonly shared: Buffer;
  readonly wrap: WrapName;
  readonly wrapParameters?: 'absent' | 'null';
  readonly ukm: Buffer | null;
}

/** The key-encryption key of a key agreement: RFC 5753 section 7.1.3 or RFC 8418 section 2.2. */
export function agreedKek(kdf: Kdf, facts: KekFacts): Buffer {
  const { shared, ukm } = facts;
  const { keyBytes } = WRAPS[facts.wrap];
  const sharedInfo = eccSharedInfo(facts, keyBytes);
  if (kdf.kind === 'x963') return x963Kdf({ hash: kdf.hash, shared, sharedInfo, keyBytes });
  return Buffer.from(hkdfSync(kdf.hash, shared, ukm ?? NOTHING, sharedInfo, keyBytes));
}

/** The key-encryption key of a KEM (RFC 9629 section 5, RFC 9936 section 2.2.1). */
export function kemKek(hash: HkdfHash, facts: KekFacts): Buffer {
  const { keyBytes } = WRAPS[facts.wrap];
  return Buffer.from(hkdfSync(hash, facts.shared, NOTHING, kemOtherInfo(facts), keyBytes));
}

/** ECC-CMS-SharedInfo (RFC 5753 section 7.2): the length in bits. */
function eccSharedInfo(facts: KekFacts, keyBytes: number): Buffer {
  const bits = Buffer.alloc(4);
  bits.writeUInt32BE(keyBytes * 8);
  const keyBits = der.explicit(2, der.octetString(bits));
  return der.sequence(wrapIdentifier(facts.wrap, facts.wrapParameters), ukmField(facts), keyBits);
}

/** CMSORIforKEMOtherInfo (RFC 9629 section 5): the length in octets. */
function kemOtherInfo(facts: KekFacts): Buffer {
  const { wrap, wrapParameters } = facts;
  const kekLength = der.integer(WRAPS[wrap].keyBytes);
  return der.sequence(wrapIdentifier(wrap, wrapParameters), kekLength, ukmField(facts));
}

function ukmField({ ukm }: KekFacts): Buffer {
  return ukm === null ? NOTHING : der.explicit(0, der.octetString(ukm));
}

/** The X9.63 key derivation function (RFC 5753 section 7.1.3, SEC 1 section 3.6.1). */
function x963Kdf(input: {
  readonly hash: KdfHash;
  readonly shared: Buffer;
  readonly sharedInfo: Buffer;
  readonly keyBytes: number;
}): Buffer {
  const blocks: Buffer[] = [];
  for (let length = 0, counter = 1; length < input.keyBytes; counter += 1) {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(counter);
    const hash = createHash(input.hash).update(input.shared).update(count);
    const block = hash.update(input.sharedInfo).digest();
    blocks.push(block);
    length += block.length;
  }
  return Buffer.concat(blocks).subarray(0, input.keyBytes);
}

// A KeyObject: to find out that a Buffer is none costs Node more than the wrap.
export function aesWrap(wrap: WrapName, kek: Buffer, cek: Buffer): Buffer {
  const wrapping = createCipheriv(WRAPS[wrap].cipher, createSecretKey(kek), WRAP_IV);
  return Buffer.concat([wrapping.update(cek), wrapping.final()]);
}

/** @throws Error if the wrapped key is not one of this key-encryption key. */
export function aesUnwrap(wrap: WrapName, kek: Buffer, wrapped: Buffer): Buffer {
  const unwrapping = createDecipheriv(WRAPS[wrap].cipher, createSecretKey(kek), WRAP_IV);
  return Buffer.concat([unwrapping.update(wrapped), unwrapping.final()]);
}

/** OID of a KDF as KEMRecipientInfo names it. */
export const HKDF_SHA256_IDENTIFIER = der.sequence(der.oid(OID.hkdfWithSha256));
