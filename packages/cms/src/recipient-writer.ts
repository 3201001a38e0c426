import { constants, createCipheriv, createECDH, createHash, publicEncrypt } from 'node:crypto';
import { der, OID } from '@sallyport/der';
import type { FaultId } from '@sallyport/faults';
import {
  CURVES,
  type CurveName,
  type KdfHash,
  type KeyBytes,
  WRAP_BY_KEY_BYTES,
  WRAPS,
} from './algorithms.ts';
import { type PublicKeyFacts, publicKeyFacts } from './public-key.ts';
import { issuerAndSerial } from './signed-writer.ts';
import type { CmsCertificate } from './views.ts';

/** `auto` is PKCS#1 v1.5 for RSA keys: NSS and gpgsm read no OAEP. EC keys always use ECDH. */
export type KeyTransportName = 'rsa-pkcs1v15' | 'rsa-oaep' | 'ecdh' | 'auto';

/** A place for each recipient's key: its length is known before the key is drawn. */
export interface RecipientPlan {
  readonly isKeyTransport: boolean;
  /** Length of the RecipientInfo. */
  readonly sizeBytes: number;
  /** The RecipientInfo with the content-encryption key for it. */
  encrypt(cek: Buffer): Buffer;
}

export type RecipientKeyCheck =
  | { readonly kind: 'usable'; readonly keyType: 'rsa' | CurveName }
  | { readonly kind: 'unusable'; readonly fault: FaultId; readonly reason: string };

/** Says whether we can encrypt for the key of this certificate. Ask before `envelopedData`. */
export function checkRecipientKey(certificate: CmsCertificate): RecipientKeyCheck {
  const facts = publicKeyFacts(certificate.spki);
  if (facts.kind === 'rsa') return { kind: 'usable', keyType: 'rsa' };
  if (facts.kind === 'ec' && facts.curve !== null) return { kind: 'usable', keyType: facts.curve };
  const fault = 'algorithm-unsupported';
  const reason = facts.kind === 'refused' ? facts.reason : 'P-521 is not supported for encryption';
  return { kind: 'unusable', fault, reason };
}

/** @throws RangeError if the key cannot take part (see `checkRecipientKey`). */
export function planRecipient(
  certificate: CmsCertificate,
  keyTransport: KeyTransportName,
  keyBytes: KeyBytes,
): RecipientPlan {
  const facts = publicKeyFacts(certificate.spki);
  if (facts.kind === 'ec' && facts.curve !== null) {
    return planAgreement(certificate, facts.curve, facts.point, keyBytes);
  }
  if (facts.kind === 'rsa' && keyTransport !== 'ecdh') {
    return planTransport(certificate, facts, keyTransport === 'rsa-oaep');
  }
  throw new RangeError(facts.kind === 'refused' ? facts.reason : 'key and key transport differ');
}

const VERSION_0 = der.integer(0);
const VERSION_3 = der.integer(3);
const RSA_V15 = der.sequence(der.oid(OID.rsaEncryption), der.null());
// RFC 8551 section 2.3 and RFC 4055 section 4.1: OAEP with SHA-256 for both, empty label
const SHA256 = der.sequence(der.oid(OID.sha256), der.null());
const OAEP_SHA256 = der.sequence(
  der.oid(OID.rsaesOaep),
  der.sequence(der.explicit(0, SHA256), der.explicit(1, der.sequence(der.oid(OID.mgf1), SHA256))),
);

// RFC 5652 section 6.2.1
function planTransport(
  certificate: CmsCertificate,
  facts: Extract<PublicKeyFacts, { kind: 'rsa' }>,
  isOaep: boolean,
): RecipientPlan {
  const rid = issuerAndSerial(certificate);
  const info = (encryptedKey: Buffer): Buffer =>
    der.sequence(VERSION_0, rid, isOaep ? OAEP_SHA256 : RSA_V15, der.octetString(encryptedKey));
  return {
    isKeyTransport: true,
    sizeBytes: info(Buffer.alloc(facts.modulusBytes)).length,
    encrypt: (cek) =>
      info(
        isOaep
          ? publicEncrypt(
              { key: facts.key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
              cek,
            )
          : publicEncrypt({ key: facts.key, padding: constants.RSA_PKCS1_PADDING }, cek),
      ),
  };
}

// RFC 5652 section 6.2.2 and RFC 5753 section 3.1: an ephemeral key for each recipient
function planAgreement(
  certificate: CmsCertificate,
  curve: CurveName,
  point: Buffer,
  keyBytes: KeyBytes,
): RecipientPlan {
  const { oid, node, fieldBytes, kdf } = CURVES[curve];
  const wrap = WRAPS[WRAP_BY_KEY_BYTES[keyBytes]];
  const wrapIdentifier = der.sequence(der.oid(wrap.oid));
  const keyAlgorithm = der.sequence(der.oid(OID.ecPublicKey), der.oid(oid));
  const rid = issuerAndSerial(certificate);
  const info = (ephemeral: Buffer, encryptedKey: Buffer): Buffer =>
    der.implicit(
      1,
      der.sequence(
        VERSION_3,
        der.explicit(0, der.implicit(1, der.sequence(keyAlgorithm, der.bitString(ephemeral)))),
        der.sequence(der.oid(kdf.oid), wrapIdentifier),
        der.sequence(der.sequence(rid, der.octetString(encryptedKey))),
      ),
    );
  return {
    isKeyTransport: false,
    sizeBytes: info(Buffer.alloc(1 + 2 * fieldBytes), Buffer.alloc(keyBytes + 8)).length,
    encrypt: (cek) => {
      const ephemeral = createECDH(node);
      const publicKey = ephemeral.generateKeys();
      const shared = ephemeral.computeSecret(point);
      const sharedInfo = eccSharedInfo(wrapIdentifier, keyBytes, null);
      const kek = x963Kdf({ hash: kdf.hash, shared, sharedInfo, keyBytes });
      return info(publicKey, aesWrap(wrap.cipher, kek, cek));
    },
  };
}

/** ECC-CMS-SharedInfo (RFC 5753 section 7.2). */
export function eccSharedInfo(wrap: Buffer, keyBytes: KeyBytes, ukm: Buffer | null): Buffer {
  const entityUInfo = ukm === null ? Buffer.alloc(0) : der.explicit(0, der.octetString(ukm));
  const bits = Buffer.alloc(4);
  bits.writeUInt32BE(keyBytes * 8);
  const keyBits = der.explicit(2, der.octetString(bits));
  return der.sequence(wrap, entityUInfo, keyBits);
}

/** The X9.63 key derivation function (RFC 5753 section 7.1.3, SEC 1 section 3.6.1). */
export function x963Kdf(input: {
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

const WRAP_IV = Buffer.alloc(8, 0xa6); // RFC 3394 section 2.2.3.1

function aesWrap(cipher: string, kek: Buffer, cek: Buffer): Buffer {
  const wrapping = createCipheriv(cipher, kek, WRAP_IV);
  return Buffer.concat([wrapping.update(cek), wrapping.final()]);
}
