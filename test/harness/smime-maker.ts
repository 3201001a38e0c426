/**
 * A small generator of S/MIME messages, good and wrong ones. It writes CMS by itself, so that it can
 * make what the writers of the engine refuse to make, and shares no mistake with them.
 */
import {
  constants,
  createCipheriv,
  createHash,
  publicEncrypt,
  randomBytes,
  sign as signBytes,
} from 'node:crypto';
import { der, OID } from '@sallyport/der';
import { CAST, SMIME_NOW, type SmimeIdentity } from './smime-identities.ts';

/** Text with CRLF, as octets. */
export const crlf = (text: string): Buffer => Buffer.from(text.replace(/\r?\n/g, '\r\n'), 'latin1');

/** A text part of one line. */
export const textPart = (text: string, fields = ''): Buffer =>
  crlf(`${fields}Content-Type: text/plain; charset=us-ascii\n\n${text}\n`);

/** An entity of several parts. */
export function multipart(subtype: string, ...parts: readonly Buffer[]): Buffer {
  const boundary = `b${randomBytes(8).toString('hex')}`;
  const open = Buffer.from(`\r\n--${boundary}\r\n`);
  return Buffer.concat([
    Buffer.from(`Content-Type: multipart/${subtype}; boundary=${boundary}\r\n`),
    ...parts.flatMap((part) => [open, part]),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
}

/** A whole message: header lines and MIME-Version on top of an entity. */
export function message(header: string, entity: Buffer): Buffer {
  return Buffer.concat([crlf(`${header}To: us@acme.example\nMIME-Version: 1.0\n`), entity]);
}

/** The entity of a CMS object (RFC 8551 section 3.2). */
export function pkcs7(cms: Buffer, smimeType: string): Buffer {
  const lines = cms.toString('base64').match(/.{1,76}/g) ?? [];
  return crlf(
    `Content-Type: application/pkcs7-mime; smime-type=${smimeType}; name=smime.p7m\nContent-Transfer-Encoding: base64\n\n${lines.join('\n')}\n`,
  );
}

export interface Signing {
  readonly who: SmimeIdentity;
  /** SignatureType (RFC 3183 section 3.1.2); none leaves the attribute out. */
  readonly types?: readonly string[];
  /** What the digest is over, if it is not the content. */
  readonly over?: Buffer;
  /** The contentType attribute, if it is not that of the content. */
  readonly signedType?: string;
  /** Signs the content itself. */
  readonly withoutAttributes?: true;
  /** Goes along with the signature and is not covered by it. */
  readonly unsigned?: readonly Buffer[];
  /** Another signature in place of the one made. */
  readonly signature?: Buffer;
}

export const DOMAIN = { types: [OID.domainSig] } as const;

export function attribute(oid: string, ...values: readonly Buffer[]): Buffer {
  return der.sequence(der.oid(oid), der.setOf(values));
}

const digestOf = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
const SHA256 = der.sequence(der.oid(OID.sha256));

/** SignedAttributes as they are signed, tag 0x31. */
export function signedAttributes(content: Buffer, signing: Signing, eContentType: string): Buffer {
  const types = signing.types ?? [];
  return der.setOf([
    attribute(OID.contentType, der.oid(signing.signedType ?? eContentType)),
    attribute(OID.messageDigest, der.octetString(digestOf(signing.over ?? content))),
    attribute(OID.signingTime, der.time(SMIME_NOW)),
    ...(types.length === 0
      ? []
      : [attribute(OID.signatureType, der.sequence(...types.map((oid) => der.oid(oid))))]),
  ]);
}

function signerInfo(content: Buffer, signing: Signing, eContentType: string): Buffer {
  const { certificate, key } = signing.who;
  const attrs = signedAttributes(content, signing, eContentType);
  const covered = signing.withoutAttributes === true ? content : attrs;
  const signature = signing.signature ?? signBytes('sha256', covered, key);
  const implicit = Buffer.concat([Buffer.from([0xa0]), attrs.subarray(1)]);
  const serial = Buffer.concat([
    Buffer.from([0x02, certificate.serial.length]),
    certificate.serial,
  ]);
  const unsigned = der.setOf(signing.unsigned ?? []);
  return der.sequence(
    der.integer(1),
    der.sequence(certificate.issuer, serial),
    SHA256,
    ...(signing.withoutAttributes === true ? [] : [implicit]),
    der.sequence(der.oid(OID.ecdsaWithSha256)),
    der.octetString(signature),
    ...(signing.unsigned === undefined
      ? []
      : [Buffer.concat([Buffer.from([0xa1]), unsigned.subarray(1)])]),
  );
}

export interface SignedOptions {
  /** Leaves the content out, or puts another one in. */
  readonly embedded?: Buffer | null;
  readonly eContentType?: string;
  readonly certificates?: readonly SmimeIdentity[];
}

/** SignedData (RFC 5652 section 5.1). */
export function signedData(
  content: Buffer,
  signings: readonly Signing[],
  options: SignedOptions = {},
): Buffer {
  const { embedded = content, eContentType = OID.data } = options;
  const certificates = options.certificates ?? signings.map(({ who }) => who);
  const infos = signings.map((signing) => signerInfo(content, signing, eContentType));
  const held = embedded === null ? [] : [der.explicit(0, der.octetString(embedded))];
  const set = der.setOf(certificates.map(({ certificate }) => certificate.der));
  return contentInfo(
    OID.signedData,
    der.sequence(
      der.integer(1),
      der.set(SHA256),
      der.sequence(der.oid(eContentType), ...held),
      Buffer.concat([Buffer.from([0xa0]), set.subarray(1)]),
      der.setOf(infos),
    ),
  );
}

function contentInfo(oid: string, content: Buffer): Buffer {
  return der.sequence(der.oid(oid), der.explicit(0, content));
}

/** An opaque signature as an entity. */
export function opaque(
  content: Buffer,
  signings: readonly Signing[],
  options: SignedOptions = {},
): Buffer {
  return pkcs7(signedData(content, signings, options), 'signed-data');
}

/** multipart/signed (RFC 8551 section 3.5.3); `shown` is the first part, if it is not the content. */
export function clear(
  content: Buffer,
  signings: readonly Signing[],
  options: SignedOptions & { readonly shown?: Buffer; readonly extra?: Buffer } = {},
): Buffer {
  const { shown = content, extra, ...rest } = options;
  const cms = signedData(content, signings, { embedded: null, ...rest });
  const boundary = `s${randomBytes(8).toString('hex')}`;
  const base64 = (cms.toString('base64').match(/.{1,76}/g) ?? []).join('\r\n');
  return Buffer.concat([
    Buffer.from(
      `Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=${boundary}\r\n\r\n--${boundary}\r\n`,
    ),
    shown,
    Buffer.from(
      `\r\n--${boundary}\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64}\r\n`,
    ),
    ...(extra === undefined ? [] : [Buffer.from(`--${boundary}\r\n`), extra]),
    Buffer.from(`--${boundary}--\r\n`),
  ]);
}

/** What an encrypted object is made of, so that a test can change each piece before it is put together. */
export interface Envelope {
  readonly encryptedKey: Buffer;
  readonly iv: Buffer;
  readonly ciphertext: Buffer;
  /** Of AuthEnvelopedData. */
  readonly tag?: Buffer;
}

export const CEK_BYTES = 32;

/** Encrypts for our domain: AES-256-CBC, or AES-256-GCM. */
export function envelope(
  content: Buffer,
  mode: 'cbc' | 'gcm',
  cek: Buffer = randomBytes(CEK_BYTES),
): Envelope {
  const iv = randomBytes(mode === 'cbc' ? 16 : 12);
  const encryptedKey = publicEncrypt(
    { key: CAST.dca.certificate.publicKey(), padding: constants.RSA_PKCS1_PADDING },
    cek,
  );
  if (mode === 'cbc') {
    const cipher = createCipheriv('aes-256-cbc', cek, iv);
    return {
      encryptedKey,
      iv,
      ciphertext: Buffer.concat([cipher.update(content), cipher.final()]),
    };
  }
  const cipher = createCipheriv('aes-256-gcm', cek, iv);
  const ciphertext = Buffer.concat([cipher.update(content), cipher.final()]);
  return { encryptedKey, iv, ciphertext, tag: cipher.getAuthTag() };
}

/** EnvelopedData, or AuthEnvelopedData if there is a tag, as DER. */
function envelopeDer({ encryptedKey, iv, ciphertext, tag }: Envelope): Buffer {
  const { certificate } = CAST.dca;
  const serial = Buffer.concat([
    Buffer.from([0x02, certificate.serial.length]),
    certificate.serial,
  ]);
  const ktri = der.sequence(
    der.integer(0),
    der.sequence(certificate.issuer, serial),
    der.sequence(der.oid(OID.rsaEncryption), der.null()),
    der.octetString(encryptedKey),
  );
  const parameters =
    tag === undefined
      ? der.octetString(iv)
      : der.sequence(der.octetString(iv), der.integer(tag.length));
  const algorithm = der.sequence(
    der.oid(tag === undefined ? OID.aes256Cbc : OID.aes256Gcm),
    parameters,
  );
  const held = der.octetString(ciphertext);
  const implicit = Buffer.concat([Buffer.from([0x80]), held.subarray(1)]);
  const info = der.sequence(der.oid(OID.data), algorithm, implicit);
  return tag === undefined
    ? contentInfo(OID.envelopedData, der.sequence(der.integer(0), der.set(ktri), info))
    : contentInfo(
        OID.authEnvelopedData,
        der.sequence(der.integer(0), der.set(ktri), info, der.octetString(tag)),
      );
}

/** The entity of it. */
export function sealed(made: Envelope): Buffer {
  const type = made.tag === undefined ? 'enveloped-data' : 'authEnveloped-data';
  return pkcs7(envelopeDer(made), type);
}

export const encrypted = (content: Buffer, mode: 'cbc' | 'gcm' = 'cbc'): Buffer =>
  sealed(envelope(content, mode));
