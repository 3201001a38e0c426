import { createHash } from 'node:crypto';
import { DerError, DerReader, der, octetStringContent, type Tlv } from '@sallyport/der';
import type { Content } from '@sallyport/mail';
import { CONTENT_ALGORITHMS, type ContentMode, contentByOid } from './algorithms.ts';
import { pieces, slicesContent } from './pieces.ts';
import { type AlgorithmView, LimitError, readAlgorithm } from './read-parts.ts';
import { readRecipientInfo } from './read-recipients.ts';
import type {
  AuthEnvelopedDataView,
  CmsLimits,
  ContentEncryptionView,
  EnvelopedDataView,
  RecipientInfoView,
} from './views.ts';

const CBC_IV_BYTES = 16;
const GCM_DEFAULT_TAG_BYTES = 12; // RFC 5084 section 3.2: aes-ICVlen DEFAULT 12
const GCM_MAX_NONCE_BYTES = 64;

/** EnvelopedData (RFC 5652 section 6.1). */
export function readEnvelopedData(explicit: DerReader, limits: CmsLimits): EnvelopedDataView {
  const reader = explicit.sequence();
  explicit.end();
  const view = readCommon(reader, limits, 'cbc');
  reader.optional('context', 1); // unprotected attributes prove nothing
  reader.end();
  return view;
}

/** AuthEnvelopedData (RFC 5083 section 2.1). */
export function readAuthEnvelopedData(
  explicit: DerReader,
  limits: CmsLimits,
): AuthEnvelopedDataView {
  const reader = explicit.sequence();
  explicit.end();
  const view = readCommon(reader, limits, 'gcm');
  const attributes = reader.optional('context', 1);
  const mac = reader.octetString();
  reader.optional('context', 2);
  reader.end();
  // RFC 5083 section 2.2: the AAD is the DER of the SET OF, not the [1] IMPLICIT that travels
  return { ...view, mac, authAttrs: attributes === null ? null : der.set(attributes.value) };
}

function readCommon(reader: DerReader, limits: CmsLimits, mode: ContentMode): EnvelopedDataView {
  reader.smallInteger();
  reader.optional('context', 0); // originatorInfo: certificates that nobody has checked
  const set = reader.set();
  const recipients: RecipientInfoView[] = [];
  while (!set.isAtEnd) {
    if (recipients.length >= limits.maxRecipients) throw new LimitError('too many recipients');
    recipients.push(readRecipientInfo(set, limits.maxRecipients));
  }
  const info = reader.sequence();
  const contentType = info.oid();
  const algorithm = readAlgorithm(info);
  const encrypted = info.optional('context', 0);
  info.end();
  if (encrypted === null) throw new DerError('encryptedContent is absent');
  const encryptedContent = slicesContent(octetStringContent(encrypted));
  return {
    recipients,
    contentType,
    contentEncryption: readContentEncryption(algorithm, mode),
    encryptedContent,
    encryptedContentDigest: () => sha256(encryptedContent),
  };
}

async function sha256(content: Content): Promise<Buffer> {
  const hash = createHash('sha256');
  for await (const piece of pieces(content)) hash.update(piece);
  return hash.digest();
}

// RFC 9709: who may choose the structure must not turn GCM into CBC, so each structure takes its
// own modes only.
function readContentEncryption(algorithm: AlgorithmView, mode: ContentMode): ContentEncryptionView {
  const { oid, parameters } = algorithm;
  const name = contentByOid(oid);
  const unsupported = { oid, name: null, iv: null, keyBytes: null };
  if (name === null || CONTENT_ALGORITHMS[name].mode !== mode) return unsupported;
  const { keyBytes } = CONTENT_ALGORITHMS[name];
  if (parameters === null) return { oid, name, iv: null, keyBytes };
  if (mode === 'cbc') return { oid, name, iv: cbcIv(parameters), keyBytes };
  return { oid, name, keyBytes, ...gcmParameters(parameters) };
}

function cbcIv(parameters: Tlv): Buffer | null {
  const isIv = parameters.tag === 4 && !parameters.constructed;
  return isIv && parameters.value.length === CBC_IV_BYTES ? parameters.value : null;
}

function gcmParameters(parameters: Tlv): { iv: Buffer | null; tagBytes: number } {
  const reader = new DerReader(parameters);
  const nonce = reader.octetString();
  const tagBytes = reader.isAtEnd ? GCM_DEFAULT_TAG_BYTES : reader.smallInteger();
  reader.end();
  const isSane = nonce.length > 0 && nonce.length <= GCM_MAX_NONCE_BYTES;
  return { iv: isSane && tagBytes >= 12 && tagBytes <= 16 ? nonce : null, tagBytes };
}
