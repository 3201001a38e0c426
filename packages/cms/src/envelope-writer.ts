import { type CipherGCM, createCipheriv, createSecretKey, randomBytes } from 'node:crypto';
import { der, derHeader, derLength, OID } from '@sallyport/der';
import { bufferContent, type Content, concatContent } from '@sallyport/mail';
import { CONTENT_ALGORITHMS, type ContentAlgorithm } from './algorithms.ts';
import { lateContent, pieces } from './pieces.ts';
import { type KeyTransportName, planRecipient, type RecipientPlan } from './recipient-writer.ts';
import type { CmsCertificate, NonEmpty } from './views.ts';

export type RecipientCertificate = CmsCertificate;

export interface EnvelopedDataOptions {
  readonly content: 'aes128-cbc' | 'aes256-cbc';
  readonly keyTransport: KeyTransportName;
  /** Certificates of the originator (RFC 3183 section 5). gpgsm refuses a message that has them. */
  readonly originatorInfo?: { readonly certificates: NonEmpty<Buffer> };
}

export interface AuthEnvelopedDataOptions {
  readonly content: 'aes256-gcm' | 'aes128-gcm';
  readonly keyTransport: KeyTransportName;
  readonly originatorInfo?: { readonly certificates: NonEmpty<Buffer> };
}

const SEQUENCE = 0x30;
const EXPLICIT_0 = 0xa0;
const IMPLICIT_0_STRING = 0x80;
const ID_DATA = der.oid(OID.data);
const CBC_IV_BYTES = 16;
const GCM_NONCE_BYTES = 12; // RFC 5084 section 3.2: 12 octets RECOMMENDED
const GCM_TAG_BYTES = 16;
const BLOCK_BYTES = 16;

/**
 * EnvelopedData with AES-CBC (RFC 5652 section 6), definite DER. Key and IV are drawn once, here:
 * every `open()` gives the same bytes. The content must not change between them.
 *
 * @throws RangeError if a recipient's key cannot be used (see `checkRecipientKey`).
 */
export function envelopedData(
  content: Content,
  recipients: NonEmpty<RecipientCertificate>,
  options: EnvelopedDataOptions,
): Content {
  return envelope(content, layoutOf(content.sizeBytes, recipients, options));
}

/**
 * AuthEnvelopedData with AES-GCM (RFC 5083, RFC 5084), definite DER; the tag follows the content.
 *
 * @throws RangeError if a recipient's key cannot be used.
 */
export async function authEnvelopedData(
  content: Content,
  recipients: NonEmpty<RecipientCertificate>,
  options: AuthEnvelopedDataOptions,
): Promise<Content> {
  return envelope(content, layoutOf(content.sizeBytes, recipients, options));
}

/** How long the object becomes, before any key is drawn. @throws RangeError as `envelopedData`. */
export function cmsEncryptedSize(
  contentBytes: number,
  recipients: NonEmpty<RecipientCertificate>,
  options: EnvelopedDataOptions | AuthEnvelopedDataOptions,
): number {
  return layoutOf(contentBytes, recipients, options).sizeBytes;
}

interface Layout {
  readonly algorithm: ContentAlgorithm;
  readonly plans: readonly RecipientPlan[];
  readonly originatorInfo: Buffer;
  readonly version: Buffer;
  readonly contentType: Buffer;
  readonly ivBytes: number;
  readonly cipherBytes: number;
  readonly encryptedInfoLength: number;
  readonly recipientsLength: number;
  readonly bodyLength: number;
  readonly sizeBytes: number;
}

function layoutOf(
  contentBytes: number,
  recipients: NonEmpty<RecipientCertificate>,
  options: EnvelopedDataOptions | AuthEnvelopedDataOptions,
): Layout {
  const algorithm: ContentAlgorithm = CONTENT_ALGORITHMS[options.content];
  const isGcm = algorithm.mode === 'gcm';
  const plans = recipients.map((one) =>
    planRecipient(one, options.keyTransport, algorithm.keyBytes),
  );
  const originatorInfo = originatorInfoOf(options.originatorInfo?.certificates ?? []);
  const version = der.integer(versionOf(isGcm, plans, originatorInfo));
  const ivBytes = isGcm ? GCM_NONCE_BYTES : CBC_IV_BYTES;
  const cipherBytes = isGcm
    ? contentBytes
    : (Math.floor(contentBytes / BLOCK_BYTES) + 1) * BLOCK_BYTES;
  const identifierLength = algorithmIdentifier(algorithm, Buffer.alloc(ivBytes)).length;
  const encryptedInfoLength = ID_DATA.length + identifierLength + derLength(cipherBytes);
  const recipientsLength = plans.reduce((sum, plan) => sum + plan.sizeBytes, 0);
  const bodyLength =
    version.length +
    originatorInfo.length +
    derLength(recipientsLength) +
    derLength(encryptedInfoLength) +
    (isGcm ? derLength(GCM_TAG_BYTES) : 0);
  const contentType = der.oid(isGcm ? OID.authEnvelopedData : OID.envelopedData);
  return {
    algorithm,
    plans,
    originatorInfo,
    version,
    contentType,
    ivBytes,
    cipherBytes,
    encryptedInfoLength,
    recipientsLength,
    bodyLength,
    sizeBytes: derLength(contentType.length + derLength(derLength(bodyLength))),
  };
}

function originatorInfoOf(certificates: readonly Buffer[]): Buffer {
  if (certificates.length === 0) return Buffer.alloc(0);
  return der.implicit(0, der.sequence(der.implicit(0, der.setOf(certificates))));
}

// RFC 5652 section 6.1; RFC 5083 section 2.1 says 0
function versionOf(
  isGcm: boolean,
  plans: readonly RecipientPlan[],
  originatorInfo: Buffer,
): number {
  if (isGcm) return 0;
  return originatorInfo.length === 0 && plans.every((plan) => plan.isKeyTransport) ? 0 : 2;
}

function algorithmIdentifier(algorithm: ContentAlgorithm, iv: Buffer): Buffer {
  const parameters =
    algorithm.mode === 'gcm'
      ? der.sequence(der.octetString(iv), der.integer(GCM_TAG_BYTES))
      : der.octetString(iv);
  return der.sequence(der.oid(algorithm.oid), parameters);
}

function envelope(content: Content, layout: Layout): Content {
  const { algorithm, cipherBytes } = layout;
  const drawn = randomBytes(algorithm.keyBytes + layout.ivBytes);
  const cek = drawn.subarray(0, algorithm.keyBytes);
  const iv = drawn.subarray(algorithm.keyBytes);
  const head = envelopeHead(layout, cek, iv);
  const tagBytes = layout.sizeBytes - head.length - cipherBytes;
  const body = lateContent(cipherBytes + tagBytes, () => encrypted(content, algorithm, cek, iv));
  return concatContent([bufferContent(head), body]);
}

function envelopeHead(layout: Layout, cek: Buffer, iv: Buffer): Buffer {
  const { bodyLength, contentType, cipherBytes } = layout;
  const recipients = layout.plans.map((plan) => plan.encrypt(cek)).sort(Buffer.compare);
  return Buffer.concat([
    derHeader(SEQUENCE, contentType.length + derLength(derLength(bodyLength))),
    contentType,
    derHeader(EXPLICIT_0, derLength(bodyLength)),
    derHeader(SEQUENCE, bodyLength),
    layout.version,
    layout.originatorInfo,
    derHeader(0x31, layout.recipientsLength),
    ...recipients,
    derHeader(SEQUENCE, layout.encryptedInfoLength),
    ID_DATA,
    algorithmIdentifier(layout.algorithm, iv),
    derHeader(IMPLICIT_0_STRING, cipherBytes),
  ]);
}

async function* encrypted(
  content: Content,
  algorithm: ContentAlgorithm,
  cek: Buffer,
  iv: Buffer,
): AsyncGenerator<Buffer> {
  const cipher = createCipheriv(algorithm.cipher, createSecretKey(cek), iv);
  let sizeBytes = 0;
  for await (const piece of pieces(content)) {
    sizeBytes += piece.length;
    const output = cipher.update(piece);
    if (output.length > 0) yield output;
  }
  // A wrong length would make every header before it a lie.
  if (sizeBytes !== content.sizeBytes) {
    throw new RangeError(`content of ${content.sizeBytes} bytes yielded ${sizeBytes}`);
  }
  const last = cipher.final();
  if (last.length > 0) yield last;
  if (algorithm.mode === 'gcm') yield der.octetString((cipher as CipherGCM).getAuthTag());
}
