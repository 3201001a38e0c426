import { createHash } from 'node:crypto';
import { AUTHORITY_NAMES, checkAuthorityName } from '@sallyport/domsec';
import type { DescribedCertificate } from '@sallyport/ipc';
import { never } from '@sallyport/mail';
import {
  type Certificate,
  formatName,
  formatPemCertificate,
  type GeneralName,
  type ParsedCertificate,
  PKIX,
  parseCertificate,
  parsePemCertificates,
  revocationPlaces,
} from '@sallyport/pki';

const MAX_WORDS = 100;
const MAX_CHARS = 1_000;

/** What a certificate says, in words that a page can show. Nobody has vouched for any of it. */
export function describeCertificate(certificate: Certificate): DescribedCertificate {
  const { extensions, subjectKeyId, authorityKeyId, extendedKeyUsage, keyUsage } = certificate;
  const places = revocationPlaces(certificate);
  const key = certificate.checkKey();
  return {
    version: certificate.version,
    subject: cut(formatName(certificate.subjectName)),
    issuer: cut(formatName(certificate.issuerName)),
    serial: certificate.serial.toString('hex'),
    notBefore: certificate.notBefore.toISOString(),
    notAfter: certificate.notAfter.toISOString(),
    key: key.kind === 'ok' ? key.description : key.reason,
    isKeyAccepted: key.kind === 'ok',
    signatureAlgorithm: nameOf(certificate.signatureAlgorithm.oid),
    addresses: few([...certificate.rfc822Names, ...certificate.smtpUtf8Names]),
    dnsNames: few(certificate.dnsNames),
    ipAddresses: few(certificate.ipAddresses),
    otherNames: few(certificate.subjectAltNames.flatMap(otherName)),
    keyUsage: keyUsage === null ? null : few([...keyUsage]),
    extendedKeyUsage: extendedKeyUsage === null ? null : few(extendedKeyUsage.map(nameOf)),
    isCa: certificate.isCa,
    pathLength: certificate.pathLength,
    policies: extensions.policies === null ? null : few(extensions.policies),
    hasNameConstraints: certificate.nameConstraints !== null,
    subjectKeyId: subjectKeyId?.toString('hex') ?? null,
    authorityKeyId: authorityKeyId?.toString('hex') ?? null,
    crlPlaces: few(places.crls),
    ocspPlaces: few(places.ocsp),
    faults: few([
      ...certificate.profileFaults,
      ...certificate.unknownCritical.map((oid) => `has the unknown critical extension ${oid}`),
    ]),
    roles: rolesOf(certificate),
    sha256: certificate.fingerprint,
    sha1: digestOf('sha1', certificate.der),
    spkiSha256: digestOf('sha256', certificate.spki),
    pem: formatPemCertificate(certificate.der),
  };
}

/** An answer is one frame of a megabyte, and strangers choose how much their certificates say. */
const MAX_ANSWER_CHARS = 600_000;

/** As many from the front as one answer holds. */
export function withinAnswer<T>(all: readonly T[]): T[] {
  let chars = 0;
  return all.filter((one) => {
    chars += JSON.stringify(one).length;
    return chars <= MAX_ANSWER_CHARS;
  });
}

type Described =
  | { readonly kind: 'certificate'; readonly value: DescribedCertificate }
  | { readonly kind: 'malformed'; readonly reason: string };

/** Describes what was uploaded: each text is PEM with any number of certificates, or DER in base64. */
export function describeTexts(texts: readonly string[], most: number): Described[] {
  const all: Described[] = [];
  let chars = 0;
  for (const text of texts) {
    const parsed = text.includes('-----BEGIN')
      ? parsePemCertificates(text)
      : [parseCertificate(Buffer.from(text, 'base64'))];
    for (const one of parsed) {
      if (all.length === most) return all;
      const described = describe(one);
      chars += JSON.stringify(described).length;
      all.push(chars > MAX_ANSWER_CHARS ? TOO_MUCH : described);
    }
  }
  return all;
}

const TOO_MUCH: Described = { kind: 'malformed', reason: 'there is too much to show at once' };

function describe(one: ParsedCertificate): Described {
  return one.kind === 'certificate'
    ? { kind: 'certificate', value: describeCertificate(one.value) }
    : { kind: 'malformed', reason: cut(one.reason) };
}

// SHA-1 only names the certificate, for people whose other tools still do.
function digestOf(hash: 'sha1' | 'sha256', bytes: Buffer): string {
  return createHash(hash).update(bytes).digest('hex');
}

/** RFC 3183 section 3.1.1 */
function rolesOf(certificate: Certificate): string[] {
  const roles = ['domain', 'review', 'attribute', 'confidentiality'] as const;
  return roles.flatMap((role) =>
    checkAuthorityName(certificate, role).kind === 'ok' ? [AUTHORITY_NAMES[role]] : [],
  );
}

function otherName(name: GeneralName): string[] {
  switch (name.kind) {
    case 'uri':
      return [`URI ${name.value}`];
    case 'directory':
      return [`name ${formatName(name.name)}`];
    case 'other':
      return [name.form];
    case 'rfc822':
    case 'smtp-utf8':
    case 'dns':
    case 'ip':
      return [];
    default:
      return never(name);
  }
}

const NAMES: ReadonlyMap<string, string> = new Map([
  [PKIX.sha256WithRsa, 'RSA with SHA-256'],
  [PKIX.sha384WithRsa, 'RSA with SHA-384'],
  [PKIX.sha512WithRsa, 'RSA with SHA-512'],
  [PKIX.rsassaPss, 'RSASSA-PSS'],
  [PKIX.ecdsaWithSha256, 'ECDSA with SHA-256'],
  [PKIX.ecdsaWithSha384, 'ECDSA with SHA-384'],
  [PKIX.ecdsaWithSha512, 'ECDSA with SHA-512'],
  [PKIX.ed25519, 'Ed25519'],
  [PKIX.ed448, 'Ed448'],
  [PKIX.mlDsa65, 'ML-DSA-65'],
  [PKIX.mlDsa87, 'ML-DSA-87'],
  [PKIX.sha1WithRsa, 'RSA with SHA-1'],
  [PKIX.md5WithRsa, 'RSA with MD5'],
  [PKIX.ecdsaWithSha1, 'ECDSA with SHA-1'],
  // RFC 5280 section 4.2.1.12
  ['2.5.29.37.0', 'any purpose'],
  ['1.3.6.1.5.5.7.3.1', 'TLS server'],
  ['1.3.6.1.5.5.7.3.2', 'TLS client'],
  ['1.3.6.1.5.5.7.3.3', 'code signing'],
  ['1.3.6.1.5.5.7.3.4', 'e-mail protection'],
  ['1.3.6.1.5.5.7.3.8', 'time stamping'],
  ['1.3.6.1.5.5.7.3.9', 'OCSP signing'],
]);

/** An algorithm or a purpose in words; its identifier where none is known. */
export function nameOf(oid: string): string {
  return NAMES.get(oid) ?? oid;
}

function few(texts: readonly string[]): string[] {
  return texts.slice(0, MAX_WORDS).map(cut);
}

function cut(text: string): string {
  return text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS)}…` : text;
}
