import {
  constants,
  diffieHellman,
  encapsulate,
  generateKeyPairSync,
  type KeyObject,
  publicEncrypt,
} from 'node:crypto';
import { der, OID } from '@sallyport/der';
import type { FaultId } from '@sallyport/faults';
import { never } from '@sallyport/mail';
import type { KeyBytes } from './algorithms-content.ts';
import {
  CURVES,
  type CurveName,
  KEMS,
  type KemName,
  WRAP_BY_KEY_BYTES,
  WRAPS,
} from './algorithms-keys.ts';
import {
  aesWrap,
  agreedKek,
  HKDF_SHA256_IDENTIFIER,
  kemKek,
  WRAP_OVERHEAD_BYTES,
  wrapIdentifier,
} from './key-derivation.ts';
import { encodeOaep, OAEP_SHA256, type OaepParameters, oaepIdentifier } from './oaep.ts';
import { type PublicKeyFacts, publicKeyFacts } from './public-key.ts';
import { issuerAndSerial } from './signed-writer.ts';
import type { CmsCertificate } from './views.ts';

/**
 * `auto` is PKCS#1 v1.5 for RSA keys: NSS and gpgsm read no OAEP. Keys of curves always agree on a
 * key. ML-KEM is used only where it is named, and then curve and RSA keys may not stand beside.
 */
export type KeyTransportName = 'rsa-pkcs1v15' | 'rsa-oaep' | 'ecdh' | 'ml-kem' | 'auto';

/** How content-encryption keys are to travel to the recipients of one message. */
export interface RecipientOptions {
  readonly keyTransport: KeyTransportName;
  /** How OAEP is to be done; SHA-256 for both hashes and no label if absent. */
  readonly oaep?: OaepParameters;
  /** How a certificate is named; its issuer and serial number if absent. */
  readonly identifier?: 'issuerAndSerial' | 'subjectKeyId';
  /** With `auto`: ML-KEM keys may take part, beside keys of other kinds (RFC 9629 section 2). */
  readonly allowMlKem?: boolean;
}

/** A place for each recipient's key: its length is known before the key is drawn. */
export interface RecipientPlan {
  /** What it asks of the version of EnvelopedData (RFC 5652 section 6.1). */
  readonly envelopeVersion: 0 | 2 | 3;
  /** Length of the RecipientInfo. */
  readonly sizeBytes: number;
  /** The RecipientInfo with the content-encryption key for it. */
  encrypt(cek: Buffer): Buffer;
}

export type RecipientKeyCheck =
  | { readonly kind: 'usable'; readonly keyType: 'rsa' | CurveName | KemName }
  | { readonly kind: 'unusable'; readonly fault: FaultId; readonly reason: string };

/** Says whether we can encrypt for the key of this certificate. Ask before `envelopedData`. */
export function checkRecipientKey(
  certificate: CmsCertificate,
  options: RecipientOptions = { keyTransport: 'auto' },
): RecipientKeyCheck {
  const facts = publicKeyFacts(certificate.spki);
  const unusable = (reason: string, fault: FaultId = 'algorithm-unsupported') =>
    ({ kind: 'unusable', fault, reason }) as const;
  if (options.identifier === 'subjectKeyId' && certificate.subjectKeyId === null) {
    return unusable('the certificate has no subject key identifier');
  }
  const { keyTransport } = options;
  const differs = unusable(`the key does not fit the key transport ${keyTransport}`);
  switch (facts.kind) {
    case 'refused':
      return unusable(facts.reason, facts.fault);
    case 'rsa':
      if (facts.key.asymmetricKeyType !== 'rsa') return unusable('the RSA key is for signatures');
      return keyTransport === 'ecdh' || keyTransport === 'ml-kem'
        ? differs
        : { kind: 'usable', keyType: 'rsa' };
    case 'agreement':
      return keyTransport === 'ml-kem' ? differs : { kind: 'usable', keyType: facts.curve };
    case 'kem':
      if (keyTransport === 'ml-kem' || (keyTransport === 'auto' && options.allowMlKem === true)) {
        return { kind: 'usable', keyType: facts.set };
      }
      return unusable('ML-KEM keys are used only where the rule names ml-kem');
    case 'signing':
      return unusable('the key is for signatures');
    default:
      return never(facts);
  }
}

/** @throws RangeError if the key cannot take part (see `checkRecipientKey`). */
export function planRecipient(
  certificate: CmsCertificate,
  options: RecipientOptions,
  keyBytes: KeyBytes,
): RecipientPlan {
  const check = checkRecipientKey(certificate, options);
  if (check.kind === 'unusable') throw new RangeError(check.reason);
  const facts = publicKeyFacts(certificate.spki);
  if (facts.kind === 'rsa') return planTransport(certificate, facts, options, keyBytes);
  if (facts.kind === 'agreement') return planAgreement(certificate, facts, options, keyBytes);
  if (facts.kind === 'kem') return planKem(certificate, facts, options, keyBytes);
  throw new RangeError('the key cannot take part');
}

const VERSION_0 = der.integer(0);
const VERSION_2 = der.integer(2);
const VERSION_3 = der.integer(3);
const RSA_V15 = der.sequence(der.oid(OID.rsaEncryption), der.null());

/** RecipientIdentifier (RFC 5652 section 6.2.1). */
function recipientIdentifier(certificate: CmsCertificate, options: RecipientOptions): Buffer {
  const keyId = options.identifier === 'subjectKeyId' ? certificate.subjectKeyId : null;
  return keyId === null ? issuerAndSerial(certificate) : der.implicit(0, der.octetString(keyId));
}

// RFC 5652 section 6.2.1
function planTransport(
  certificate: CmsCertificate,
  { key, modulusBytes }: Extract<PublicKeyFacts, { kind: 'rsa' }>,
  options: RecipientOptions,
  keyBytes: KeyBytes,
): RecipientPlan {
  const isKeyId = options.identifier === 'subjectKeyId';
  const rid = recipientIdentifier(certificate, options);
  const version = isKeyId ? VERSION_2 : VERSION_0;
  const oaep = options.keyTransport === 'rsa-oaep' ? (options.oaep ?? OAEP_SHA256) : null;
  const algorithm = oaep === null ? RSA_V15 : oaepIdentifier(oaep);
  // Says early that a key is too short for a hash.
  if (oaep !== null) encodeOaep(Buffer.alloc(keyBytes), modulusBytes, oaep);
  const info = (encryptedKey: Buffer): Buffer =>
    der.sequence(version, rid, algorithm, der.octetString(encryptedKey));
  return {
    envelopeVersion: isKeyId ? 2 : 0,
    sizeBytes: info(Buffer.alloc(modulusBytes)).length,
    encrypt: (cek) => {
      if (oaep === null) {
        return info(publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, cek));
      }
      const encoded = encodeOaep(cek, modulusBytes, oaep);
      return info(publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, encoded));
    },
  };
}

// RFC 5652 section 6.2.2, RFC 5753 section 3.1, RFC 8418 section 3.2: an ephemeral key for each recipient
function planAgreement(
  certificate: CmsCertificate,
  { key, curve }: Extract<PublicKeyFacts, { kind: 'agreement' }>,
  options: RecipientOptions,
  keyBytes: KeyBytes,
): RecipientPlan {
  const { keyAlgorithm, kdf, publicKeyBytes } = CURVES[curve];
  const wrap = WRAP_BY_KEY_BYTES[keyBytes];
  const isKeyId = options.identifier === 'subjectKeyId' && certificate.subjectKeyId !== null;
  // RecipientKeyIdentifier is a SEQUENCE, unlike the one of key transport.
  const rid = isKeyId
    ? der.implicit(0, der.sequence(der.octetString(certificate.subjectKeyId)))
    : issuerAndSerial(certificate);
  const info = (ephemeral: Buffer, encryptedKey: Buffer): Buffer =>
    der.implicit(
      1,
      der.sequence(
        VERSION_3,
        der.explicit(0, der.implicit(1, der.sequence(keyAlgorithm, der.bitString(ephemeral)))),
        der.sequence(der.oid(kdf.oid), wrapIdentifier(wrap)),
        der.sequence(der.sequence(rid, der.octetString(encryptedKey))),
      ),
    );
  const [ephemeralBytes] = publicKeyBytes;
  const wrapped = Buffer.alloc(keyBytes + WRAP_OVERHEAD_BYTES);
  return {
    envelopeVersion: 2,
    sizeBytes: info(Buffer.alloc(ephemeralBytes), wrapped).length,
    encrypt: (cek) => {
      const { privateKey, publicKey } = generateEphemeral(curve);
      const shared = diffieHellman({ privateKey, publicKey: key });
      const kek = agreedKek(kdf, { shared, wrap, ukm: null });
      return info(octetsOf(publicKey), aesWrap(wrap, kek, cek));
    },
  };
}

function generateEphemeral(curve: CurveName): { privateKey: KeyObject; publicKey: KeyObject } {
  switch (curve) {
    case 'p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' });
    case 'p521':
      return generateKeyPairSync('ec', { namedCurve: 'P-521' });
    case 'x25519':
      return generateKeyPairSync('x25519');
    default:
      return never(curve);
  }
}

const UNCOMPRESSED = Buffer.from([4]); // SEC 1 section 2.3.3

/** A public key as it travels: the point, or the octets of X25519. JWK is Node's quickest form. */
function octetsOf(publicKey: KeyObject): Buffer {
  const { x = '', y } = publicKey.export({ format: 'jwk' });
  const first = Buffer.from(x, 'base64url');
  return y === undefined
    ? first
    : Buffer.concat([UNCOMPRESSED, first, Buffer.from(y, 'base64url')]);
}

// RFC 9629 section 3, RFC 9936 section 2.1: OtherRecipientInfo with KEMRecipientInfo
function planKem(
  certificate: CmsCertificate,
  { key, set }: Extract<PublicKeyFacts, { kind: 'kem' }>,
  options: RecipientOptions,
  keyBytes: KeyBytes,
): RecipientPlan {
  const { oid, ciphertextBytes } = KEMS[set];
  const needed = KEMS[set].wrap;
  // RFC 9936 section 2.2: no weaker than the set, nor than the key that is wrapped
  const wrap = WRAPS[needed].keyBytes >= keyBytes ? needed : WRAP_BY_KEY_BYTES[keyBytes];
  const rid = recipientIdentifier(certificate, options);
  const info = (ciphertext: Buffer, encryptedKey: Buffer): Buffer =>
    der.implicit(
      4,
      der.sequence(
        der.oid(OID.oriKem),
        der.sequence(
          VERSION_0,
          rid,
          der.sequence(der.oid(oid)),
          der.octetString(ciphertext),
          HKDF_SHA256_IDENTIFIER,
          der.integer(WRAPS[wrap].keyBytes),
          wrapIdentifier(wrap),
          der.octetString(encryptedKey),
        ),
      ),
    );
  const wrapped = Buffer.alloc(keyBytes + WRAP_OVERHEAD_BYTES);
  return {
    envelopeVersion: 3,
    sizeBytes: info(Buffer.alloc(ciphertextBytes), wrapped).length,
    encrypt: (cek) => {
      const { sharedKey, ciphertext } = encapsulate(key);
      const kek = kemKek('sha256', { shared: Buffer.from(sharedKey), wrap, ukm: null });
      return info(Buffer.from(ciphertext), aesWrap(wrap, kek, cek));
    },
  };
}
