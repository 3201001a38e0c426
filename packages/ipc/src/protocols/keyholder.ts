import { z } from 'zod';
import { defineProtocol } from '../protocol.ts';
import { dkimFieldsSchema, dkimKeySchema } from './dkim.ts';
import { keyClassSchema, keyStateSchema } from './key-record.ts';
import { base64Schema, emptySchema, keyIdSchema, queueIdSchema } from './values.ts';

const MAX_ENCRYPTED_KEY_BYTES = 4 * 1024;
const MAX_CIPHERTEXT_BYTES = 2 * 1024; // ML-KEM-1024 has 1,568
const MAX_NAMES = 16;
const MAX_LABEL_TEXT = 256;

export const digestAlgorithmSchema = z.enum(['sha256', 'sha384', 'sha512']);
export type DigestAlgorithm = z.infer<typeof digestAlgorithmSchema>;

/** RFC 3183 section 3.1.2, arc id-sti. */
export const signatureTypeSchema = z.enum([
  'originator',
  'domain',
  'additional-attributes',
  'review',
]);
export type SignatureType = z.infer<typeof signatureTypeSchema>;

const oid = z
  .string()
  .max(128)
  .regex(/^[012](\.(0|[1-9]\d*))+$/);
const mailboxes = z.array(z.string().min(3).max(320)).min(1).max(MAX_NAMES);

/** RFC 2634 section 3.2 ESSSecurityLabel, without security categories. */
export const securityLabelSchema = z.strictObject({
  policy: oid,
  classification: z.int().min(0).max(256).nullable(),
  privacyMark: z.string().min(1).max(MAX_LABEL_TEXT).nullable(),
  /** Its string type: a label that is carried on must stay as it was. */
  privacyMarkForm: z.enum(['utf8', 'printable']).optional(),
});

/** RFC 2634 section 4.4 EntityIdentifier: a key identifier, or issuer (DER Name) and serial number. */
const listIdentifierSchema = z.union([
  base64Schema(256),
  z.strictObject({ issuer: base64Schema(1_024), serial: base64Schema(64) }),
]);

const listReceiptPolicySchema = z.union([
  z.enum(['none']),
  z.strictObject({ kind: z.enum(['insteadOf', 'inAdditionTo']), to: mailboxes }),
]);

/** Every attribute that a caller may add. The keyholder encodes it; nobody hands it DER. */
export const signedAttributeSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('security-label'), label: securityLabelSchema }),
  z.strictObject({
    kind: z.literal('equivalent-labels'),
    labels: z.array(securityLabelSchema).min(1).max(MAX_NAMES),
  }),
  z.strictObject({
    kind: z.literal('receipt-request'),
    contentIdentifier: base64Schema(256),
    from: z.union([z.enum(['all', 'first-tier']), mailboxes]),
    to: mailboxes,
  }),
  z.strictObject({
    kind: z.literal('content-hint'),
    description: z.string().max(1_024).nullable(),
    contentType: oid,
  }),
  z.strictObject({
    kind: z.literal('ml-expansion-history'),
    /** RFC 2634 section 4.4, oldest first; the keyholder adds nothing of its own. */
    entries: z
      .array(
        z.strictObject({
          listIdentifier: listIdentifierSchema,
          expansionTime: z.iso.datetime(),
          receiptPolicy: listReceiptPolicySchema.nullable(),
        }),
      )
      .min(1)
      .max(64),
  }),
]);
export type SignedAttribute = z.infer<typeof signedAttributeSchema>;

export const signatureAlgorithmSchema = z.enum([
  'rsa-sha256',
  'rsa-sha384',
  'rsa-sha512',
  'ecdsa-sha256',
  'ecdsa-sha384',
  'ecdsa-sha512',
  'rsa-pss-sha256',
  'rsa-pss-sha384',
  'rsa-pss-sha512',
  'ed25519',
  'ml-dsa-65',
  'ml-dsa-87',
]);

/** What the gateway's own processes may know of a key that is in use and has a certificate. */
export const publicKeyRecordSchema = z.strictObject({
  keyId: keyIdSchema,
  class: keyClassSchema,
  state: keyStateSchema,
  domain: z.string(),
  /** DER in base64. */
  certificate: z.base64(),
  chain: z.array(z.base64()),
});
export type PublicKeyRecord = z.infer<typeof publicKeyRecordSchema>;

const keysMethod = {
  params: emptySchema,
  result: z.array(publicKeyRecordSchema),
};

/** Domain signatures: the digest goes in, SignedAttributes and a signature over them come out. */
export const keyholderSignProtocol = defineProtocol({
  sign: {
    params: z.strictObject({
      keyId: keyIdSchema,
      queueId: queueIdSchema,
      digestAlgorithm: digestAlgorithmSchema,
      digest: base64Schema(64),
      /** For RSA keys: PKCS#1 v1.5, if this is left out, or PSS. Of other keys nothing is to be chosen. */
      rsaPadding: z.enum(['pkcs1v15', 'pss']).optional(),
      signatureTypes: z.array(signatureTypeSchema).max(4),
      attributes: z.array(signedAttributeSchema).max(5),
    }),
    result: z.strictObject({
      /** DER SET OF Attribute, tag 0x31: what was signed (RFC 5652 section 5.4). */
      signedAttrs: z.base64(),
      signature: z.base64(),
      signatureAlgorithm: signatureAlgorithmSchema,
    }),
  },
  keys: keysMethod,
});

const oaepHash = z.enum(['sha1', 'sha224', 'sha256', 'sha384', 'sha512']);
const hkdfHash = z.enum(['sha256', 'sha384', 'sha512']);

/** X9.63 (RFC 5753 section 7.1.3) or HKDF (RFC 8418 section 2.2). */
const agreementKdf = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('x963'),
    hash: z.enum(['sha1', 'sha224', 'sha256', 'sha384', 'sha512']),
  }),
  z.strictObject({ kind: z.literal('hkdf'), hash: hkdfHash }),
]);

/** AES key wrap of the content key, and the user keying material that is bound into it. */
const wrapFields = {
  ukm: base64Schema(1_024).nullable(),
  wrap: z.enum(['aes128', 'aes192', 'aes256']),
  /** The wrap AlgorithmIdentifier as it stood in the message had a NULL parameter. */
  wrapParameters: z.enum(['absent', 'null']).optional(),
  /** At most a content key of 32 bytes and the 8 of the wrap; longer is wrong, and gets a wrong key. */
  encryptedKey: base64Schema(MAX_ENCRYPTED_KEY_BYTES),
};

/** The facts of one recipientInfo that its key needs, and nothing else of the message. */
export const unwrapRecipientSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('ktri'),
    algorithm: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('pkcs1v15') }),
      z.strictObject({
        kind: z.literal('oaep'),
        hash: oaepHash,
        mgf1Hash: oaepHash,
        label: base64Schema(1_024),
      }),
    ]),
    encryptedKey: base64Schema(MAX_ENCRYPTED_KEY_BYTES),
  }),
  z.strictObject({
    kind: z.literal('kari'),
    curve: z.enum(['p256', 'p384', 'p521', 'x25519']),
    /** The uncompressed or compressed point of originatorKey; of X25519 its 32 octets. */
    originatorPublicKey: base64Schema(256),
    kdf: agreementKdf,
    ...wrapFields,
  }),
  /** KEMRecipientInfo (RFC 9629 section 3). */
  z.strictObject({
    kind: z.literal('kem'),
    set: z.enum(['ml-kem-512', 'ml-kem-768', 'ml-kem-1024']),
    ciphertext: base64Schema(MAX_CIPHERTEXT_BYTES),
    kdf: z.strictObject({ hash: hkdfHash }),
    ...wrapFields,
  }),
]);
export type UnwrapRecipient = z.infer<typeof unwrapRecipientSchema>;

/** Content keys: one recipientInfo's facts go in, a key of the asked length always comes out. */
export const keyholderUnwrapProtocol = defineProtocol({
  /** A failure is answered with a wrong key, the same for the same question (RFC 3218 section 2.3.2). */
  unwrap: {
    params: z.strictObject({
      keyId: keyIdSchema,
      queueId: queueIdSchema,
      keyBytes: z.union([z.literal(16), z.literal(24), z.literal(32)]),
      recipient: unwrapRecipientSchema,
    }),
    result: z.strictObject({ key: z.base64() }),
  },
  keys: keysMethod,
});

/** DKIM: what is to be signed goes in as typed fields, a DKIM-Signature field comes out. */
export const keyholderDkimProtocol = defineProtocol({
  signDkim: {
    params: z.strictObject({
      keyId: keyIdSchema,
      queueId: queueIdSchema,
      ...dkimFieldsSchema.shape,
    }),
    /** The whole field, folded, with its final CRLF. */
    result: z.strictObject({ field: z.string() }),
  },
  dkimKeys: { params: emptySchema, result: z.array(dkimKeySchema) },
});

/** The socket of worker outward. */
export const keyholderOutwardProtocol = defineProtocol({
  ...keyholderDkimProtocol,
  ...keyholderSignProtocol,
  ...keyholderUnwrapProtocol,
});

/** The socket of worker inward: no signing. */
export const keyholderInwardProtocol = defineProtocol({ ...keyholderUnwrapProtocol });
