import { readCms } from '@sallyport/cms';
import { DerError, DerReader, OID } from '@sallyport/der';
import { type Content, readContent } from '@sallyport/mail';
import { contentType, decodeBody } from '@sallyport/mime';
import type { OpenedMessage, OpenOptions, SignedLayer } from './layers.ts';
import { signedLayer } from './signed-layer.ts';

const MAX_RECEIPT_BYTES = 64 * 1024;

/** A signed receipt (RFC 2634 section 2.8): a report that mail was signed rightly, not mail. */
export interface SignedReceipt {
  /** Who signed it, and whether it verifies; to be judged like a layer of mail. */
  readonly layer: SignedLayer;
  /** Which message it is about; null if the receipt itself cannot be read. */
  readonly about: {
    readonly contentType: string;
    readonly contentIdentifier: Buffer;
    /** The signature of the message that asked for it. */
    readonly originatorSignature: Buffer;
  } | null;
}

/**
 * The signed receipt that is the content of a message; null if it is something else. A gateway
 * passes receipts on as they are and makes none: it does not hold the recipients' keys (SM-13).
 */
export async function readReceipt(
  message: OpenedMessage,
  options: Pick<OpenOptions, 'knownCertificates' | 'legacy'> & {
    readonly limits: Pick<OpenOptions['limits'], 'cms'>;
  },
): Promise<SignedReceipt | null> {
  const { content } = message;
  const { type, subtype } = contentType(content);
  if (type !== 'application' || !/^(x-)?pkcs7-mime$/.test(subtype)) return null;
  const cms = await readCms(await decodeBody(content), options.limits.cms);
  if (cms.kind !== 'signed' || cms.value.eContentType !== OID.receipt) return null;
  const { eContent } = cms.value;
  // A receipt is never detached (RFC 2634 section 2.4 step 9).
  if (eContent === null) return null;
  const layer = await signedLayer(cms.value, 'opaque', content, content, options);
  return { layer, about: await readAbout(eContent) };
}

async function readAbout(content: Content): Promise<SignedReceipt['about']> {
  if (content.sizeBytes > MAX_RECEIPT_BYTES) return null;
  try {
    const whole = new DerReader(await readContent(content));
    const receipt = whole.sequence();
    whole.end();
    const version = receipt.smallInteger();
    const about = {
      contentType: receipt.oid(),
      contentIdentifier: receipt.octetString(),
      originatorSignature: receipt.octetString(),
    };
    receipt.end();
    return version === 1 ? about : null;
  } catch (error) {
    if (error instanceof DerError) return null;
    throw error;
  }
}
