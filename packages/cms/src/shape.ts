import { DerError, DerReader, readOnly } from '@sallyport/der';
import { type Content, readContent } from '@sallyport/mail';

const SET = 0x31;
/** Signed attributes are small; larger content cannot pass for them. */
const MAX_ATTRIBUTE_BYTES = 256 * 1024;

/**
 * True if content is the DER of a SET of attributes. Who gets such content signed without signed
 * attributes could show the signature later as one over attributes of his choice, and back.
 */
export async function isShapedLikeAttributes(content: Content): Promise<boolean> {
  if (content.sizeBytes > MAX_ATTRIBUTE_BYTES) return false;
  if ((await firstByte(content)) !== SET) return false;
  const bytes = await readContent(content, MAX_ATTRIBUTE_BYTES);
  try {
    const set = new DerReader(readOnly(bytes));
    while (!set.isAtEnd) {
      const attribute = set.sequence();
      attribute.oid();
      attribute.set();
    }
    return true;
  } catch (error) {
    if (error instanceof DerError) return false;
    throw error;
  }
}

async function firstByte(content: Content): Promise<number | undefined> {
  for await (const chunk of content.open()) if (chunk.length > 0) return chunk[0];
  return undefined;
}
