import { z } from 'zod';

const words = z.array(z.string().max(1_100)).max(1_100);

/** One certificate in words: all that an admin may want to compare. Every text is a stranger's. */
export const describedCertificateSchema = z.strictObject({
  version: z.int(),
  /** RFC 4514. */
  subject: z.string(),
  issuer: z.string(),
  /** Hexadecimal. */
  serial: z.string(),
  notBefore: z.iso.datetime(),
  notAfter: z.iso.datetime(),
  /** `RSA 3072`, `EC P-256`; why it is not accepted otherwise. */
  key: z.string(),
  isKeyAccepted: z.boolean(),
  signatureAlgorithm: z.string(),
  addresses: words,
  dnsNames: words,
  ipAddresses: words,
  otherNames: words,
  keyUsage: words.nullable(),
  extendedKeyUsage: words.nullable(),
  isCa: z.boolean(),
  pathLength: z.int().nullable(),
  policies: words.nullable(),
  hasNameConstraints: z.boolean(),
  subjectKeyId: z.string().nullable(),
  authorityKeyId: z.string().nullable(),
  crlPlaces: words,
  ocspPlaces: words,
  /** Critical extensions that nobody here understands, and rules of RFC 5280 that it breaks. */
  faults: words,
  /** RFC 3183 section 3.1.1: `domain-signing-authority` and the like. */
  roles: words,
  /** Fingerprints over the DER, hexadecimal. */
  sha256: z.string(),
  sha1: z.string(),
  /** SHA-256 over the SubjectPublicKeyInfo: what `tls.pins` holds. */
  spkiSha256: z.string(),
  pem: z.string(),
});
export type DescribedCertificate = z.infer<typeof describedCertificateSchema>;

/** One thing that was looked at when a certificate was judged. */
export const trustCheckSchema = z.strictObject({
  field: z.string(),
  /** What the certificate says. */
  value: z.string(),
  /** What the rule or the RFC asks. */
  asked: z.string(),
  outcome: z.enum(['met', 'not-met', 'let-pass', 'not-asked']),
});
export type TrustCheck = z.infer<typeof trustCheckSchema>;
