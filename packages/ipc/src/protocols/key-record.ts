import { z } from 'zod';
import { tokenUriSchema } from '../keys/token-uri.ts';
import { base64Schema, keyIdSchema, timeSchema } from './values.ts';

const MAX_CERTIFICATE_BYTES = 64 * 1024;
const MAX_CHAIN = 16;

/** What a key is for. A method of the keyholder takes keys of its own class and no others. */
export const keyClassSchema = z.enum([
  'domain-signing',
  'domain-confidentiality',
  'dkim',
  'statement',
]);
export type KeyClass = z.infer<typeof keyClassSchema>;

/**
 * generated: made, without a certificate. pending: has its certificate, not in use yet. active: in
 * use. decrypt-only: opens old mail (confidentiality). retired: in no use, kept. destroyed: the
 * private key is gone, the record stays.
 */
export const keyStateSchema = z.enum([
  'generated',
  'pending',
  'active',
  'decrypt-only',
  'retired',
  'destroyed',
]);
export type KeyState = z.infer<typeof keyStateSchema>;

/** The kinds of key pair that the key folder holds. */
export const keyAlgorithmSchema = z.enum([
  'rsa-2048',
  'rsa-3072',
  'rsa-4096',
  'ec-p256',
  'ec-p384',
  'ec-p521',
  'ed25519',
  'x25519',
  'ml-dsa-65',
  'ml-dsa-87',
  'ml-kem-512',
  'ml-kem-768',
  'ml-kem-1024',
]);
export type KeyAlgorithm = z.infer<typeof keyAlgorithmSchema>;

/** Keys that only sign, and keys that only receive content keys; RSA and the EC curves do either. */
const SIGNING_ONLY: ReadonlySet<KeyAlgorithm> = new Set(['ed25519', 'ml-dsa-65', 'ml-dsa-87']);
const RECEIVING_ONLY: ReadonlySet<KeyAlgorithm> = new Set([
  'x25519',
  'ml-kem-512',
  'ml-kem-768',
  'ml-kem-1024',
]);

/** RFC 8301 section 3.2, RFC 8463 section 3: what verifiers know. */
const DKIM_KINDS: ReadonlySet<KeyAlgorithm> = new Set([
  'rsa-2048',
  'rsa-3072',
  'rsa-4096',
  'ed25519',
]);

const ON_TOKENS: ReadonlySet<KeyAlgorithm> = new Set([
  'rsa-2048',
  'rsa-3072',
  'rsa-4096',
  'ec-p256',
  'ec-p384',
  'ec-p521',
]);

/** True if the keyholder can use a key of this kind on a PKCS#11 token. */
export function canBeOnToken(algorithm: KeyAlgorithm): boolean {
  return ON_TOKENS.has(algorithm);
}

/** True if a key of this kind can do what the class is for. */
export function fitsKeyClass(algorithm: KeyAlgorithm, keyClass: KeyClass): boolean {
  if (keyClass === 'dkim') return DKIM_KINDS.has(algorithm);
  return keyClass === 'domain-confidentiality'
    ? !SIGNING_ONLY.has(algorithm)
    : !RECEIVING_ONLY.has(algorithm);
}

/** In the key folder, mode 0600: at least 32 random bytes that wrong content keys are derived from. */
export const REJECTION_SECRET_FILE = 'rejection-secret';

/** RFC 6376 section 3.1, as one or more labels of host names, in lower case. */
export const dkimSelectorSchema = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/, 'no DKIM selector');

const attributeDer = base64Schema(8 * 1024).min(4);
const certificatePem = z.string().max(MAX_CERTIFICATE_BYTES * 2);

/** Attribute values fixed when the key is activated (RFC 8551 section 2.5, RFC 5035): DER in base64. */
export const fixedAttributesSchema = z.strictObject({
  /** SigningCertificateV2 (RFC 5035 section 3), the attribute's value. */
  signingCertificateV2: attributeDer,
  /** SMIMECapabilities (RFC 8551 section 2.5.2), the attribute's value. */
  smimeCapabilities: attributeDer,
  /** SMIMEEncryptionKeyPreference (RFC 8551 section 2.5.3), the attribute's value. */
  encryptionKeyPreference: attributeDer.nullable(),
});

/**
 * One `<keyId>.json` of the key folder. The private key is a sealed file of its own, mode 0600, or an
 * object on a token.
 */
export const keyRecordSchema = z
  .strictObject({
    keyId: keyIdSchema,
    class: keyClassSchema,
    domain: z.string().min(1).max(255).describe('lower-case A-labels'),
    state: keyStateSchema,
    algorithm: keyAlgorithmSchema,
    certificate: certificatePem.nullable().describe('PEM; null until the CA has issued it'),
    chain: z.array(certificatePem).max(MAX_CHAIN).describe('PEM, next issuer first, no anchor'),
    privateKeyFile: z
      .string()
      .min(1)
      .optional()
      .describe('sealed, or PKCS#8 PEM; relative to the key folder'),
    token: tokenUriSchema.optional().describe('the private key on a PKCS#11 token (RFC 7512)'),
    signedAttributes: fixedAttributesSchema.nullable().describe('domain-signing only'),
    createdAt: timeSchema.optional(),
    /** A pending key comes into use at this time, when a gateway is running or is started. */
    activateAt: timeSchema.optional(),
    activatedAt: timeSchema.optional(),
    retiredAt: timeSchema.optional().describe('when it ceased to be the one in use'),
    destroyedAt: timeSchema.optional(),
    isRevoked: z.literal(true).optional().describe('our CA revoked its certificate'),
    dkimSelector: dkimSelectorSchema.optional().describe('dkim only, and there always'),
    dkimPublicKey: base64Schema(4 * 1024)
      .optional()
      .describe('dkim only, and there always: DER of its SubjectPublicKeyInfo'),
  })
  .superRefine((key, context) => {
    const inUse = key.state === 'active' || key.state === 'decrypt-only';
    const certified = key.class === 'domain-signing' || key.class === 'domain-confidentiality';
    const fault = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    const places = [key.privateKeyFile, key.token].filter((place) => place !== undefined);
    if (key.state !== 'destroyed' && places.length !== 1) {
      fault('privateKeyFile', 'the private key is either in a file or on a token');
    }
    if (key.token !== undefined && !canBeOnToken(key.algorithm)) {
      fault('token', `a ${key.algorithm} key cannot be used on a token`);
    }
    if (!fitsKeyClass(key.algorithm, key.class)) {
      fault('algorithm', `a ${key.algorithm} key cannot serve ${key.class}`);
    }
    for (const field of misplacedDkimFields(key)) {
      fault(field, 'keys of class dkim have it, and no others');
    }
    if (inUse && certified && key.certificate === null) {
      fault('certificate', `a key that is ${key.state} needs its certificate`);
    }
    if (key.state === 'active' && key.class === 'domain-signing' && key.signedAttributes === null) {
      fault('signedAttributes', 'an active signing key needs its fixed attributes');
    }
    if (key.state === 'decrypt-only' && key.class !== 'domain-confidentiality') {
      fault('state', 'decrypt-only is for domain-confidentiality keys');
    }
  });
export type KeyRecord = z.infer<typeof keyRecordSchema>;

function misplacedDkimFields(key: {
  readonly class: KeyClass;
  readonly dkimSelector?: string | undefined;
  readonly dkimPublicKey?: string | undefined;
}): readonly string[] {
  const isDkim = key.class === 'dkim';
  return (['dkimSelector', 'dkimPublicKey'] as const).filter(
    (field) => isDkim !== (key[field] !== undefined),
  );
}
