import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import {
  certificateExtension,
  der,
  encodeSubject,
  type SubjectRequest,
  signatureIdentifier,
} from '@sallyport/der';
import { never } from '@sallyport/mail';
import { whole } from './asn1.ts';
import type { UntrustedCertificate } from './certificate.ts';
import {
  encodeAltNames,
  encodeNameConstraints,
  type NameConstraintsRequest,
} from './encode-names.ts';
import { type KeyUsage, keyUsageBit } from './extensions.ts';
import { PKIX } from './oids.ts';
import { parsePublicKeyInfo } from './public-key.ts';
import {
  loadKey,
  type PrivateKey,
  structureSigner,
  type UnsignedStructure,
  unsignedStructure,
} from './structure-signer.ts';

export type { SubjectRequest } from '@sallyport/der';
export type { NameConstraintsRequest } from './encode-names.ts';

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
  /** Where the CRL of the issuer can be fetched (RFC 5280 section 4.2.1.13). */
  readonly crlUrls?: readonly string[];
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

/** RFC 7093 section 2 method 1: 160 bits of the SHA-256 of the key. */
export function keyIdOf(spki: Buffer): Buffer {
  const { key } = parsePublicKeyInfo(whole(spki, 'public key'));
  return createHash('sha256').update(key).digest().subarray(0, 20);
}

function basicConstraints(ca: RequestFields['ca']): Buffer {
  if (ca === undefined) return der.sequence();
  const length = ca.pathLength === null ? [] : [der.integer(ca.pathLength)];
  return der.sequence(der.boolean(true), ...length);
}

/** One point with all the places of the one list (RFC 5280 section 4.2.1.13). */
function distributionPoints(urls: readonly string[]): Buffer {
  const names = urls.map((url) => der.implicit(6, der.ia5String(url)));
  const fullName = der.implicit(0, der.sequence(...names));
  return der.sequence(der.sequence(der.explicit(0, fullName)));
}

function extensionsOf(request: RequestFields, ids: { spki: Buffer; issuerKeyId: Buffer | null }) {
  const list = [
    certificateExtension(PKIX.basicConstraints, basicConstraints(request.ca), 'critical'),
    certificateExtension(PKIX.subjectKeyIdentifier, der.octetString(keyIdOf(ids.spki)), 'plain'),
  ];
  if (ids.issuerKeyId !== null) {
    const value = der.sequence(der.implicit(0, der.octetString(ids.issuerKeyId)));
    list.push(certificateExtension(PKIX.authorityKeyIdentifier, value, 'plain'));
  }
  if (request.keyUsage !== undefined) {
    const bits = der.namedBits(request.keyUsage.map(keyUsageBit));
    list.push(certificateExtension(PKIX.keyUsage, bits, 'critical'));
  }
  if (request.extendedKeyUsage !== undefined) {
    const usages = der.sequence(...request.extendedKeyUsage.map((oid) => der.oid(oid)));
    list.push(certificateExtension(PKIX.extendedKeyUsage, usages, 'plain'));
  }
  const altNames = encodeAltNames(request);
  if (altNames !== null) {
    // RFC 5280 section 4.2.1.6: critical where the subject is empty.
    const isEmpty = Object.values(request.subject).every((value) => value === undefined);
    list.push(certificateExtension(PKIX.subjectAltName, altNames, isEmpty ? 'critical' : 'plain'));
  }
  const constraints = encodeNameConstraints(request.nameConstraints ?? {});
  if (constraints !== null) {
    const criticality = request.nameConstraints?.criticality ?? 'critical';
    list.push(certificateExtension(PKIX.nameConstraints, constraints, criticality));
  }
  const { crlUrls = [] } = request;
  if (crlUrls.length > 0) {
    list.push(
      certificateExtension(PKIX.crlDistributionPoints, distributionPoints(crlUrls), 'plain'),
    );
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
  return composeCertificate(request).sign().der;
}

/** As `issueCertificate`, up to the moment before the key is used. */
export function composeCertificate(request: CertificateRequest): UnsignedStructure {
  const key = loadKey(
    request.issuer === undefined ? request.privateKey : request.issuer.privateKey,
  );
  const ownSpki = (): Buffer => createPublicKey(key).export({ format: 'der', type: 'spki' });
  const spki = request.spki ?? ownSpki();
  const subject = encodeSubject(request.subject);
  const issuerKeyId =
    request.issuer === undefined ? keyIdOf(spki) : request.issuer.certificate.subjectKeyId;
  const signer = structureSigner(key);
  const tbs = der.sequence(
    der.explicit(0, der.integer(2)),
    newSerial(),
    signatureIdentifier(signer.name),
    request.issuer === undefined ? subject : request.issuer.certificate.subject,
    periodOf(request),
    subject,
    spki,
    extensionsOf(request, { spki, issuerKeyId }),
  );
  return unsignedStructure(tbs, signer);
}
