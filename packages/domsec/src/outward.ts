import {
  type AuthEnvelopedDataOptions,
  authEnvelopedData,
  CONTENT_ALGORITHMS,
  type EnvelopedDataOptions,
  emptySignedData,
  envelopedData,
  type KeyTransportName,
  type NonEmpty,
} from '@sallyport/cms';
import { bufferContent, type Content, concatContent } from '@sallyport/mail';
import {
  contentType,
  type Entity,
  type HeaderField,
  type MimeLimits,
  pkcs7MimeEntity,
} from '@sallyport/mime';
import type { ValidatedCertificate } from '@sallyport/pki';
import { type HeaderTreatment, signedPayload } from './header-protection.ts';
import { withLineEnd } from './header-protection-fields.ts';
import type { EssAttribute } from './labels-encode.ts';
import {
  clearLayer,
  type LayerEncoding,
  opaqueLayer,
  type SignatureTypeName,
  type Signers,
  signedDataEntity,
} from './sign-layer.ts';

/** True if the root of the message is a signature layer already (RFC 3183 section 3, method 2). */
function isSignedEntity(message: Entity): boolean {
  const type = contentType(message);
  if (type.type === 'multipart' && type.subtype === 'signed') return true;
  const smimeType = type.parameters.get('smime-type')?.toLowerCase();
  return (
    type.type === 'application' &&
    /^(x-)?pkcs7-mime$/.test(type.subtype) &&
    (smimeType === 'signed-data' || smimeType === 'signed-receipt')
  );
}

export interface SignOptions extends HeaderTreatment {
  /** `compat`: one clear signature for receivers that cannot read opaque or layered mail. */
  readonly profile: 'domsec' | 'compat';
  readonly limits: MimeLimits;
  /** Of layers that stand inside another one; `base64` if absent. */
  readonly innerEncoding?: LayerEncoding | undefined;
  /** Signed attributes beside those that every signature carries. */
  readonly attributes?: readonly EssAttribute[];
}

/**
 * Puts a domain signature on a message, by one key or by several of the same authority.
 *
 * `domsec`: an unsigned message gets the empty layer first, then the domain signature encapsulates
 * it; a signed one is encapsulated as it is (RFC 3183 section 3). `compat`: one clear signature
 * without SignatureType, since that attribute is for signatures that encapsulate (section 3.1.2).
 *
 * @returns a MIME entity: Content-* fields, empty line, body.
 */
export async function domainSign(
  message: Entity,
  signers: Signers,
  options: SignOptions,
): Promise<Content> {
  const types = options.profile === 'compat' ? [] : (['domain'] as const);
  return await signMessage(message, signers, { ...options, types });
}

/**
 * Signs a message with one or more of the four types. Every type but the originator's encapsulates
 * (RFC 3183 section 3.1.2); the originator's, and a signature that names no type, is made over the
 * message.
 *
 * @returns a MIME entity: Content-* fields, empty line, body.
 * @throws RangeError for types that may not stand together, or that cannot be clear-signed.
 */
export async function signMessage(
  message: Entity,
  signers: Signers,
  options: SignOptions & { readonly types: readonly SignatureTypeName[] },
): Promise<Content> {
  const { types, attributes = [], limits, innerEncoding = 'base64' } = options;
  const payload = signedPayload(message, options);
  const encapsulates = types.some((type) => type !== 'originator');
  if (options.profile === 'compat') {
    if (encapsulates) throw new RangeError('a signature that encapsulates is not clear-signed');
    return await clearLayer(payload, signers, { types, attributes, limits });
  }
  // Around what is not encrypted nothing else stands: it must pass every hop.
  const transferEncoding = options.headerConfidentiality === undefined ? 'base64' : innerEncoding;
  const words = { types, attributes, transferEncoding };
  if (!encapsulates || isSignedEntity(message)) return await opaqueLayer(payload, signers, words);
  // RFC 3183 section 3: the empty layer keeps software without DOMSEC able to unwrap.
  const empty = emptySignedData(payload);
  const inner = signedDataEntity(empty, innerEncoding);
  return await opaqueLayer(inner, signers, words);
}

/**
 * The layer that stands in for one of a mail list agent: outside of everything, with the attributes
 * remembered from it and no SignatureType of its own (RFC 3183 section 5 step 4).
 */
export async function listLayer(
  entity: Content,
  signers: Signers,
  attributes: readonly EssAttribute[],
): Promise<Content> {
  return await opaqueLayer(entity, signers, { types: [], attributes });
}

/** Encrypts an entity for certificates that were validated for it. @returns a MIME entity. */
export async function domainEncrypt(
  entity: Content,
  recipient: ValidatedCertificate,
  options: {
    readonly content:
      | 'auto'
      | EnvelopedDataOptions['content']
      | AuthEnvelopedDataOptions['content'];
    readonly keyTransport: KeyTransportName;
    /** Certificates of our DCA (RFC 3183 section 5); gpgsm refuses a message that has them. */
    readonly originator?: NonEmpty<Buffer> | null;
  },
): Promise<Content> {
  const recipients = [recipient.certificate] as const;
  const { keyTransport, originator = null } = options;
  const from = originator === null ? {} : { originatorInfo: { certificates: originator } };
  const content = options.content === 'auto' ? 'aes256-cbc' : options.content;
  if (isAuthenticated(content)) {
    const cms = await authEnvelopedData(entity, recipients, { content, keyTransport, ...from });
    return pkcs7MimeEntity(cms, { smimeType: 'authEnveloped-data', name: 'smime.p7m' });
  }
  const cms = envelopedData(entity, recipients, { content, keyTransport, ...from });
  return pkcs7MimeEntity(cms, { smimeType: 'enveloped-data', name: 'smime.p7m' });
}

function isAuthenticated(
  content: EnvelopedDataOptions['content'] | AuthEnvelopedDataOptions['content'],
): content is AuthEnvelopedDataOptions['content'] {
  return CONTENT_ALGORITHMS[content].mode !== 'cbc';
}

const MIME_VERSION = Buffer.from('MIME-Version: 1.0\r\n');

/** The message that goes out: outer header fields as they are, then the entity. */
export function assembleMessage(header: readonly HeaderField[], entity: Content): Content {
  const fields = header.map((field) => withLineEnd(field).raw);
  return concatContent([bufferContent(Buffer.concat([...fields, MIME_VERSION])), entity]);
}

/**
 * How long a message of `sizeBytes` becomes, at most, once protected: each layer is base64 in
 * 78-octet lines for 57 bytes (RFC 2045 section 6.8) with room for certificates. Its header, of
 * `headerBytes`, stands outside too, and once more inside of what is encrypted (HP-Outer).
 */
export function protectedSizeEstimate(
  sizeBytes: number,
  layers: {
    readonly profile: 'domsec' | 'compat' | 'none';
    readonly encrypted: boolean;
    readonly headerBytes: number;
  },
): number {
  const wrap = (bytes: number): number => Math.ceil((bytes + LAYER_BYTES) / 57) * 78 + 512;
  const { profile, encrypted, headerBytes } = layers;
  // The name HP-Outer makes the shortest fields four times as long.
  let size = encrypted ? sizeBytes + 4 * headerBytes : sizeBytes;
  if (profile === 'domsec') size = wrap(wrap(size));
  if (profile === 'compat') size += 8 * 1024;
  if (encrypted) size = wrap(size);
  return profile === 'none' && !encrypted ? size : size + headerBytes;
}

const LAYER_BYTES = 8 * 1024;
