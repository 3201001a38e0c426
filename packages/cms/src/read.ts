import { DerDepthError, DerError, OID } from '@sallyport/der';
import { type Content, loadSmall } from '@sallyport/mail';
import { ElementCursor } from './element-cursor.ts';
import { readCompressedData } from './read-compressed.ts';
import { readAuthEnvelopedData, readEnvelopedData } from './read-enveloped.ts';
import { LimitError } from './read-parts.ts';
import { readSignedData } from './read-signed.ts';
import type { CmsLimits, CmsObject } from './views.ts';

const SEQUENCE = 16;

/**
 * Reads a ContentInfo (RFC 5652 section 3), in DER or BER, in one pass. Of the content itself only
 * its place is noted; what the views give of it is read out of `content` again.
 * Bad bytes are `malformed`, with the fault of the limit where one was met.
 *
 * @throws only what reading `content` itself throws.
 */
export async function readCms(content: Content, limits: CmsLimits): Promise<CmsObject> {
  if (content.sizeBytes > limits.maxBytes) {
    return { kind: 'malformed', fault: 'content-too-big', reason: 'the CMS object is too big' };
  }
  return await readObject(await loadSmall(content), limits);
}

/** The same over content as it is, however large. */
export async function readObject(content: Content, limits: CmsLimits): Promise<CmsObject> {
  const cursor = new ElementCursor(content);
  try {
    return await readContentInfo(cursor, limits);
  } catch (error) {
    if (error instanceof LimitError) {
      return { kind: 'malformed', fault: error.fault, reason: error.message };
    }
    if (error instanceof DerDepthError) {
      const reason = 'the CMS object is nested too deeply';
      return { kind: 'malformed', fault: 'nested-too-deeply', reason };
    }
    if (error instanceof DerError) {
      const reason = `the CMS object is malformed: ${error.message}`;
      return { kind: 'malformed', fault: 'message-malformed', reason };
    }
    throw error;
  } finally {
    await cursor.close();
  }
}

async function readContentInfo(cursor: ElementCursor, limits: CmsLimits): Promise<CmsObject> {
  await cursor.enter('universal', SEQUENCE);
  const contentType = await cursor.oid();
  if ((await cursor.peek()) === null) throw new DerError('content is absent');
  await cursor.enter('context', 0);
  const object = await readContentOf(contentType, cursor, limits);
  await cursor.leave();
  await cursor.leave();
  // Two readers could disagree about what stands after it.
  cursor.end();
  return object;
}

async function readContentOf(
  contentType: string,
  cursor: ElementCursor,
  limits: CmsLimits,
): Promise<CmsObject> {
  switch (contentType) {
    case OID.signedData:
      return { kind: 'signed', value: await readSignedData(cursor, limits) };
    case OID.envelopedData:
      return { kind: 'enveloped', value: await readEnvelopedData(cursor, limits) };
    case OID.authEnvelopedData:
      return { kind: 'auth-enveloped', value: await readAuthEnvelopedData(cursor, limits) };
    case OID.compressedData:
      return { kind: 'compressed', value: await readCompressedData(cursor) };
    case OID.data:
      return { kind: 'data', content: await loadSmall(await cursor.octetString()) };
    default:
      // RFC 5652 section 3: one element, whatever it is. Nobody walks through a stranger's million.
      await cursor.pass();
      return { kind: 'unsupported', contentType };
  }
}
