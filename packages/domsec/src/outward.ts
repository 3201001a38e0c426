import { randomBytes } from 'node:crypto';
import {
  authEnvelopedData,
  type CmsCertificate,
  type DigestName,
  detachedSignedData,
  digestContent,
  emptySignedData,
  envelopedData,
  type SignatureAlgorithmName,
  type SignerInfoParts,
  signedData,
} from '@sallyport/cms';
import { bufferContent, type Content, concatContent } from '@sallyport/mail';
import {
  contentType,
  type Entity,
  type HeaderField,
  type MimeLimits,
  multipartSigned,
  pkcs7MimeEntity,
  toSevenBit,
} from '@sallyport/mime';
import type { ValidatedCertificate } from '@sallyport/pki';

export type SignatureTypeName = 'originator' | 'domain' | 'additional-attributes' | 'review';

/** Asks for one signature over a digest; the other side composes the signed attributes. */
export interface DomainSigner {
  readonly certificate: CmsCertificate;
  /** DER of the signer's certificate and its issuers, as they go into the message. */
  readonly chain: readonly Buffer[];
  readonly digestAlgorithm: DigestName;
  readonly signatureAlgorithm: SignatureAlgorithmName;
  sign(request: {
    readonly digest: Buffer;
    readonly signatureTypes: readonly SignatureTypeName[];
  }): Promise<{ readonly signedAttrs: Buffer; readonly signature: Buffer }>;
}

/** Fields that describe the entity and therefore go inside with it. */
function isStructural(name: string): boolean {
  return name.startsWith('content-') || name === 'mime-version';
}

/** Written by hosts on the way; they say nothing about what was submitted. */
const TRACE_FIELDS = new Set(['received', 'return-path', 'delivered-to', 'x-original-to']);
/** RFC 5322 section 3.6.3: other recipients must not see them. */
const BLIND_FIELDS = new Set(['bcc', 'resent-bcc']);

const EMPTY_LINE = Buffer.from('\r\n');

/**
 * The bytes that get signed: the message as submitted, without trace and Bcc fields. With
 * `protectHeaders` all other header fields are inside; otherwise only those that describe the body.
 */
export function signedPayload(message: Entity, protectHeaders: boolean): Content {
  const kept = message.header.filter((field) => {
    const name = field.name.toLowerCase();
    if (TRACE_FIELDS.has(name) || BLIND_FIELDS.has(name)) return false;
    return protectHeaders || isStructural(name);
  });
  return concatContent([headerContent(kept), bufferContent(EMPTY_LINE), message.body]);
}

function headerContent(fields: readonly HeaderField[]): Content {
  return bufferContent(Buffer.concat(fields.map((field) => field.raw)));
}

/** The header fields that stay outside a protected message: all but Bcc and those of the body. */
export function outerHeader(message: Entity): readonly HeaderField[] {
  return message.header.filter((field) => {
    const name = field.name.toLowerCase();
    return !isStructural(name) && !BLIND_FIELDS.has(name);
  });
}

/** True if the root of the message is a signature layer already (RFC 3183 section 3, method 2). */
function isSignedEntity(message: Entity): boolean {
  const type = contentType(message);
  if (type.type === 'multipart' && type.subtype === 'signed') return true;
  const smimeType = type.parameters.get('smime-type')?.toLowerCase();
  return (
    type.type === 'application' &&
    /^(x-)?pkcs7-mime$/.test(type.subtype) &&
    smimeType === 'signed-data'
  );
}

/**
 * Puts a domain signature on a message.
 *
 * `domsec`: an unsigned message gets the empty layer first, then the domain signature encapsulates
 * it; a signed one is encapsulated as it is (RFC 3183 section 3). `compat`: one clear signature
 * without SignatureType, since that attribute is for signatures that encapsulate (section 3.1.2).
 *
 * @returns a MIME entity: Content-* fields, empty line, body.
 */
export async function domainSign(
  message: Entity,
  signer: DomainSigner,
  options: {
    readonly profile: 'domsec' | 'compat';
    readonly protectHeaders: boolean;
    readonly limits: MimeLimits;
  },
): Promise<Content> {
  const payload = signedPayload(message, options.protectHeaders);
  if (options.profile === 'compat') return await clearSign(payload, signer, options.limits);
  // RFC 3183 section 3: the empty layer keeps software without DOMSEC able to unwrap.
  const inner = isSignedEntity(message)
    ? payload
    : pkcs7MimeEntity(emptySignedData(payload), { smimeType: 'signed-data', name: 'smime.p7m' });
  return await opaqueSign(inner, signer, ['domain']);
}

async function opaqueSign(
  content: Content,
  signer: DomainSigner,
  types: readonly SignatureTypeName[],
): Promise<Content> {
  const info = await signerInfo(content, signer, types);
  const cms = signedData(content, [info], signer.chain);
  return pkcs7MimeEntity(cms, { smimeType: 'signed-data', name: 'smime.p7m' });
}

// RFC 8551 section 3.1.3: a clear-signed entity must survive 7-bit hops; what may not be re-encoded
// is signed opaquely instead.
async function clearSign(
  payload: Content,
  signer: DomainSigner,
  limits: MimeLimits,
): Promise<Content> {
  const safe = await toSevenBit(payload, limits);
  if (safe === null) return await opaqueSign(payload, signer, []);
  const info = await signerInfo(safe, signer, []);
  return multipartSigned(safe, detachedSignedData([info], signer.chain), {
    micalg: signer.digestAlgorithm.replace('sha', 'sha-'),
    boundary: `=_sallyport_${randomBytes(18).toString('hex')}`,
  });
}

async function signerInfo(
  content: Content,
  signer: DomainSigner,
  signatureTypes: readonly SignatureTypeName[],
): Promise<SignerInfoParts> {
  const digest = await digestContent(content, signer.digestAlgorithm);
  const { signedAttrs, signature } = await signer.sign({ digest, signatureTypes });
  return {
    sid: signer.certificate,
    digestAlgorithm: signer.digestAlgorithm,
    signatureAlgorithm: signer.signatureAlgorithm,
    signedAttrs,
    signature,
  };
}

/** Encrypts an entity for certificates that were validated for it. @returns a MIME entity. */
export async function domainEncrypt(
  entity: Content,
  recipient: ValidatedCertificate,
  options: {
    readonly content: 'auto' | 'aes256-cbc' | 'aes256-gcm';
    readonly keyTransport: 'auto' | 'rsa-pkcs1v15' | 'rsa-oaep' | 'ecdh';
  },
): Promise<Content> {
  const recipients = [recipient.certificate] as const;
  const { keyTransport } = options;
  if (options.content === 'aes256-gcm') {
    const cms = await authEnvelopedData(entity, recipients, {
      content: 'aes256-gcm',
      keyTransport,
    });
    return pkcs7MimeEntity(cms, { smimeType: 'authEnveloped-data', name: 'smime.p7m' });
  }
  const cms = envelopedData(entity, recipients, { content: 'aes256-cbc', keyTransport });
  return pkcs7MimeEntity(cms, { smimeType: 'enveloped-data', name: 'smime.p7m' });
}

const MIME_VERSION = Buffer.from('MIME-Version: 1.0\r\n');

/** The message that goes out: outer header fields as they are, then the entity. */
export function assembleMessage(header: readonly HeaderField[], entity: Content): Content {
  return concatContent([headerContent(header), bufferContent(MIME_VERSION), entity]);
}

/**
 * How long a message of `sizeBytes` becomes, at most, once protected: each layer is base64 in
 * 78-octet lines for 57 bytes (RFC 2045 section 6.8) with room for certificates.
 */
export function protectedSizeEstimate(
  sizeBytes: number,
  layers: { readonly profile: 'domsec' | 'compat' | 'none'; readonly encrypted: boolean },
): number {
  const wrap = (bytes: number): number => Math.ceil((bytes + LAYER_BYTES) / 57) * 78 + 512;
  let size = sizeBytes;
  if (layers.profile === 'domsec') size = wrap(wrap(size));
  if (layers.profile === 'compat') size += 8 * 1024;
  return layers.encrypted ? wrap(size) : size;
}

const LAYER_BYTES = 8 * 1024;
