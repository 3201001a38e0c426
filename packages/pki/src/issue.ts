import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { der } from '@sallyport/der';
import { never } from '@sallyport/mail';
import { whole } from './asn1.ts';
import type { UntrustedCertificate } from './certificate.ts';
import {
  encodeAltNames,
  encodeNameConstraints,
  encodeSubject,
  type NameConstraintsRequest,
  type SubjectRequest,
} from './encode-names.ts';
import { type KeyUsage, keyUsageBit } from './extensions.ts';
import { PKIX } from './oids.ts';
import { parsePublicKeyInfo } from './public-key.ts';

export type { NameConstraintsRequest, SubjectRequest } from './encode-names.ts';

const DAY_MS = 86_400_000;
const SERIAL_BYTES = 16;

/** Kinds of key pairs that are made here; the names are those of the key folder. */
export type KeyKind =
  | 'rsa-2048'
  | 'rsa-3072'
  | 'rsa-4096'
  | 'ec-p256'
  | 'ec-p384'
  | 'ec-p521'
  | 'ed25519'
  | 'x25519'
  | 'ml-dsa-65'
  | 'ml-dsa-87'
  | 'ml-kem-512'
  | 'ml-kem-768'
  | 'ml-kem-1024';

export interface KeyPairPem {
  /** PKCS#8. */
  readonly privateKeyPem: string;
  readonly publicKeyPem: string;
  /** DER SubjectPublicKeyInfo, for `issueCertificate`. */
  readonly spki: Buffer;
}

/** A private key as PEM text or loaded. */
export type PrivateKey = string | KeyObject;

const RSA_BITS = { 'rsa-2048': 2048, 'rsa-3072': 3072, 'rsa-4096': 4096 } as const;
const EC_CURVES = { 'ec-p256': 'P-256', 'ec-p384': 'P-384', 'ec-p521': 'P-521' } as const;

function generate(kind: KeyKind): { privateKey: KeyObject; publicKey: KeyObject } {
  switch (kind) {
    case 'rsa-2048':
    case 'rsa-3072':
    case 'rsa-4096':
      return generateKeyPairSync('rsa', { modulusLength: RSA_BITS[kind] });
    case 'ec-p256':
    case 'ec-p384':
    case 'ec-p521':
      return generateKeyPairSync('ec', { namedCurve: EC_CURVES[kind] });
    case 'ed25519':
      return generateKeyPairSync('ed25519');
    case 'x25519':
      return generateKeyPairSync('x25519');
    case 'ml-dsa-65':
      return generateKeyPairSync('ml-dsa-65');
    case 'ml-dsa-87':
      return generateKeyPairSync('ml-dsa-87');
    case 'ml-kem-512':
      return generateKeyPairSync('ml-kem-512');
    case 'ml-kem-768':
      return generateKeyPairSync('ml-kem-768');
    case 'ml-kem-1024':
      return generateKeyPairSync('ml-kem-1024');
    default:
      return never(kind);
  }
}

/** Makes a key pair. Blocks the event loop: for `init`, the sandbox and tests. */
export function generateKeyPairPem(kind: KeyKind): KeyPairPem {
  const { privateKey, publicKey } = generate(kind);
  return {
    privateKeyPem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    publicKeyPem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    spki: publicKey.export({ format: 'der', type: 'spki' }),
  };
}

interface RequestFields {
  readonly subject: SubjectRequest;
  readonly notBefore: Date;
  /** Either this or `days`. */
  readonly notAfter?: Date;
  readonly days?: number;
  /** Present for a CA; a path length of null does not limit. */
  readonly ca?: { readonly pathLength: number | null };
  readonly emails?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ips?: readonly string[];
  readonly keyUsage?: readonly KeyUsage[];
  /** Object identifiers. */
  readonly extendedKeyUsage?: readonly string[];
  readonly nameConstraints?: NameConstraintsRequest;
}

/** What to certify, and who signs: an issuer, or the subject's own key for a self-signed one. */
export type CertificateRequest = RequestFields &
  (
    | {
        readonly spki: Buffer;
        readonly issuer: {
          readonly certificate: UntrustedCertificate;
          readonly privateKey: PrivateKey;
        };
      }
    | { readonly issuer?: never; readonly privateKey: PrivateKey; readonly spki?: Buffer }
  );

interface Signer {
  readonly algorithm: Buffer;
  sign(bytes: Buffer): Buffer;
}

const EC_SIGNERS = {
  prime256v1: { oid: PKIX.ecdsaWithSha256, hash: 'sha256' },
  secp384r1: { oid: PKIX.ecdsaWithSha384, hash: 'sha384' },
  secp521r1: { oid: PKIX.ecdsaWithSha512, hash: 'sha512' },
} as const;

/** Keys that sign the bytes themselves; parameters are absent (RFC 8410 section 3). */
const PURE_SIGNERS: ReadonlyMap<string, string> = new Map([
  ['ed25519', PKIX.ed25519],
  ['ml-dsa-65', PKIX.mlDsa65],
  ['ml-dsa-87', PKIX.mlDsa87],
]);

function signerFor(key: KeyObject): Signer {
  const type = key.asymmetricKeyType ?? '';
  if (type === 'rsa') {
    return {
      algorithm: der.sequence(der.oid(PKIX.sha256WithRsa), der.null()),
      sign: (bytes) => sign('sha256', bytes, key),
    };
  }
  const pure = PURE_SIGNERS.get(type);
  if (pure !== undefined) {
    return { algorithm: der.sequence(der.oid(pure)), sign: (bytes) => sign(null, bytes, key) };
  }
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (curve === 'prime256v1' || curve === 'secp384r1' || curve === 'secp521r1') {
    const { oid, hash } = EC_SIGNERS[curve];
    return { algorithm: der.sequence(der.oid(oid)), sign: (bytes) => sign(hash, bytes, key) };
  }
  throw new RangeError('a key of this kind does not sign certificates here');
}

function loadKey(key: PrivateKey): KeyObject {
  return key instanceof KeyObject ? key : createPrivateKey(key);
}

/** RFC 7093 section 2 method 1: 160 bits of the SHA-256 of the key. */
function keyIdOf(spki: Buffer): Buffer {
  const { key } = parsePublicKeyInfo(whole(spki, 'public key'));
  return createHash('sha256').update(key).digest().subarray(0, 20);
}

function extension(oid: string, value: Buffer, criticality: 'critical' | 'plain'): Buffer {
  const flag = criticality === 'critical' ? [der.boolean(true)] : [];
  return der.sequence(der.oid(oid), ...flag, der.octetString(value));
}

function basicConstraints(ca: RequestFields['ca']): Buffer {
  if (ca === undefined) return der.sequence();
  const length = ca.pathLength === null ? [] : [der.integer(ca.pathLength)];
  return der.sequence(der.boolean(true), ...length);
}

function extensionsOf(request: RequestFields, ids: { spki: Buffer; issuerKeyId: Buffer | null }) {
  const list = [
    extension(PKIX.basicConstraints, basicConstraints(request.ca), 'critical'),
    extension(PKIX.subjectKeyIdentifier, der.octetString(keyIdOf(ids.spki)), 'plain'),
  ];
  if (ids.issuerKeyId !== null) {
    const value = der.sequence(der.implicit(0, der.octetString(ids.issuerKeyId)));
    list.push(extension(PKIX.authorityKeyIdentifier, value, 'plain'));
  }
  if (request.keyUsage !== undefined) {
    const bits = der.namedBits(request.keyUsage.map(keyUsageBit));
    list.push(extension(PKIX.keyUsage, bits, 'critical'));
  }
  if (request.extendedKeyUsage !== undefined) {
    const usages = der.sequence(...request.extendedKeyUsage.map((oid) => der.oid(oid)));
    list.push(extension(PKIX.extendedKeyUsage, usages, 'plain'));
  }
  const altNames = encodeAltNames(request);
  if (altNames !== null) {
    // RFC 5280 section 4.2.1.6: critical where the subject is empty.
    const isEmpty = Object.values(request.subject).every((value) => value === undefined);
    list.push(extension(PKIX.subjectAltName, altNames, isEmpty ? 'critical' : 'plain'));
  }
  const constraints = encodeNameConstraints(request.nameConstraints ?? {});
  if (constraints !== null) {
    const criticality = request.nameConstraints?.criticality ?? 'critical';
    list.push(extension(PKIX.nameConstraints, constraints, criticality));
  }
  return der.explicit(3, der.sequence(...list));
}

/** Positive and within 20 octets (RFC 5280 section 4.1.2.2), not to be guessed. */
function newSerial(): Buffer {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return der.integer(bytes);
}

function periodOf(request: RequestFields): Buffer {
  const { notBefore, notAfter, days } = request;
  const end = notAfter ?? new Date(notBefore.getTime() + (days ?? 0) * DAY_MS);
  if (end.getTime() <= notBefore.getTime()) throw new RangeError('the period of validity is empty');
  return der.sequence(der.time(notBefore), der.time(end));
}

/**
 * Issues an X.509 version 3 certificate (RFC 5280 section 4) and returns its DER.
 *
 * @throws RangeError if a name, the period or the signing key is not one that RFC 5280 allows.
 */
export function issueCertificate(request: CertificateRequest): Buffer {
  const key = loadKey(
    request.issuer === undefined ? request.privateKey : request.issuer.privateKey,
  );
  const ownSpki = (): Buffer => createPublicKey(key).export({ format: 'der', type: 'spki' });
  const spki = request.spki ?? ownSpki();
  const subject = encodeSubject(request.subject);
  const issuerKeyId =
    request.issuer === undefined ? keyIdOf(spki) : request.issuer.certificate.subjectKeyId;
  const signer = signerFor(key);
  const tbs = der.sequence(
    der.explicit(0, der.integer(2)),
    newSerial(),
    signer.algorithm,
    request.issuer === undefined ? subject : request.issuer.certificate.subject,
    periodOf(request),
    subject,
    spki,
    extensionsOf(request, { spki, issuerKeyId }),
  );
  return der.sequence(tbs, signer.algorithm, der.bitString(signer.sign(tbs)));
}

/**
 * Makes a PKCS#10 request (RFC 2986) for a CA outside; addresses go in extensionRequest. Returns DER.
 *
 * @throws RangeError if the key does not sign (X25519, ML-KEM): then it cannot ask for itself.
 */
export function makeCsr(request: {
  readonly subject: SubjectRequest;
  readonly privateKey: PrivateKey;
  readonly emails?: readonly string[];
  readonly dnsNames?: readonly string[];
}): Buffer {
  const key = loadKey(request.privateKey);
  const signer = signerFor(key);
  const altNames = encodeAltNames(request);
  const attributes =
    altNames === null
      ? []
      : [
          der.sequence(
            der.oid(PKIX.extensionRequest),
            der.setOf([der.sequence(extension(PKIX.subjectAltName, altNames, 'plain'))]),
          ),
        ];
  const body = der.sequence(
    der.integer(0),
    encodeSubject(request.subject),
    createPublicKey(key).export({ format: 'der', type: 'spki' }),
    der.implicit(0, der.setOf(attributes)),
  );
  return der.sequence(body, signer.algorithm, der.bitString(signer.sign(body)));
}
