import { randomBytes } from 'node:crypto';
import { der, derHeader, derLength, OID } from '@sallyport/der';
import { bufferContent, type Content, concatContent, openPieces } from '@sallyport/mail';
import { type AeadName, type CbcName, CONTENT_ALGORITHMS } from './algorithms-content.ts';
import { contentAlgorithmIdentifier, makeCipher } from './content-cipher.ts';
import { planRecipient, type RecipientOptions, type RecipientPlan } from './recipient-writer.ts';
import type { CmsCertificate, NonEmpty } from './views.ts';

export type RecipientCertificate = CmsCertificate;

export interface EnvelopedDataOptions extends RecipientOptions {
  readonly content: CbcName;
  /** Certificates of the originator (RFC 3183 section 5). gpgsm refuses a message that has them. */
  readonly originatorInfo?: { readonly certificates: NonEmpty<Buffer> };
}

export interface AuthEnvelopedDataOptions extends RecipientOptions {
  readonly content: AeadName;
  readonly originatorInfo?: { readonly certificates: NonEmpty<Buffer> };
}

const SEQUENCE = 0x30;
const EXPLICIT_0 = 0xa0;
const IMPLICIT_0_STRING = 0x80;
const ID_DATA = der.oid(OID.data);

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
 * AuthEnvelopedData with AES-GCM or ChaCha20-Poly1305 (RFC 5083, RFC 5084, RFC 8103), definite
 * DER; the tag follows the content.
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
  readonly name: CbcName | AeadName;
  readonly plans: readonly RecipientPlan[];
  readonly originatorInfo: Buffer;
  readonly version: Buffer;
  readonly contentType: Buffer;
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
  const name = options.content;
  const { keyBytes, ivBytes, blockBytes, tagBytes } = CONTENT_ALGORITHMS[name];
  const isAuthenticated = tagBytes > 0;
  const plans = recipients.map((one) => planRecipient(one, options, keyBytes));
  const originatorInfo = originatorInfoOf(options.originatorInfo?.certificates ?? []);
  const version = der.integer(versionOf(isAuthenticated, plans, originatorInfo));
  const cipherBytes =
    blockBytes === 1 ? contentBytes : (Math.floor(contentBytes / blockBytes) + 1) * blockBytes;
  const identifierLength = contentAlgorithmIdentifier(name, Buffer.alloc(ivBytes)).length;
  const encryptedInfoLength = ID_DATA.length + identifierLength + derLength(cipherBytes);
  const recipientsLength = plans.reduce((sum, plan) => sum + plan.sizeBytes, 0);
  const bodyLength =
    version.length +
    originatorInfo.length +
    derLength(recipientsLength) +
    derLength(encryptedInfoLength) +
    (isAuthenticated ? derLength(tagBytes) : 0);
  const contentType = der.oid(isAuthenticated ? OID.authEnvelopedData : OID.envelopedData);
  return {
    name,
    plans,
    originatorInfo,
    version,
    contentType,
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
  isAuthenticated: boolean,
  plans: readonly RecipientPlan[],
  originatorInfo: Buffer,
): number {
  if (isAuthenticated) return 0;
  return Math.max(
    originatorInfo.length === 0 ? 0 : 2,
    ...plans.map((plan) => plan.envelopeVersion),
  );
}

function envelope(content: Content, layout: Layout): Content {
  const { name, cipherBytes } = layout;
  const { keyBytes, ivBytes } = CONTENT_ALGORITHMS[name];
  const drawn = randomBytes(keyBytes + ivBytes);
  const key = { name, cek: drawn.subarray(0, keyBytes), iv: drawn.subarray(keyBytes) };
  const head = envelopeHead(layout, key);
  const tailBytes = layout.sizeBytes - head.length - cipherBytes;
  const body: Content = {
    sizeBytes: cipherBytes + tailBytes,
    open: () => encrypted(content, key),
  };
  return concatContent([bufferContent(head), body]);
}

interface ContentKey {
  readonly name: CbcName | AeadName;
  readonly cek: Buffer;
  readonly iv: Buffer;
}

function envelopeHead(layout: Layout, { name, cek, iv }: ContentKey): Buffer {
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
    contentAlgorithmIdentifier(name, iv),
    derHeader(IMPLICIT_0_STRING, cipherBytes),
  ]);
}

async function* encrypted(content: Content, { name, cek, iv }: ContentKey): AsyncGenerator<Buffer> {
  const cipher = makeCipher(name, cek, iv);
  let sizeBytes = 0;
  for await (const piece of openPieces(content)) {
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
  const tag = cipher.tag();
  if (tag !== null) yield der.octetString(tag);
}
