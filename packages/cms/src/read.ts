import { DerError, DerReader, OID, octetStringContent } from '@sallyport/der';
import { type Content, readContent } from '@sallyport/mail';
import { slicesContent } from './pieces.ts';
import { readAuthEnvelopedData, readEnvelopedData } from './read-enveloped.ts';
import { LimitError } from './read-parts.ts';
import { readSignedData } from './read-signed.ts';
import type { CmsLimits, CmsObject } from './views.ts';

/**
 * Reads a ContentInfo (RFC 5652 section 3), in DER or BER. Slices the bytes and copies none.
 * Bad bytes are `malformed`, with `limit-exceeded` where a limit was met.
 *
 * @throws only what reading `content` itself throws.
 */
export async function readCms(content: Content, limits: CmsLimits): Promise<CmsObject> {
  if (content.sizeBytes > limits.maxBytes) {
    return { kind: 'malformed', fault: 'limit-exceeded', reason: 'the CMS object is too big' };
  }
  const bytes = await readContent(content, limits.maxBytes);
  try {
    return readContentInfo(bytes, limits);
  } catch (error) {
    if (error instanceof LimitError) {
      return { kind: 'malformed', fault: 'limit-exceeded', reason: error.message };
    }
    if (error instanceof DerError) {
      const reason = `the CMS object is malformed: ${error.message}`;
      return { kind: 'malformed', fault: 'message-malformed', reason };
    }
    throw error;
  }
}

function readContentInfo(bytes: Buffer, limits: CmsLimits): CmsObject {
  const whole = new DerReader(bytes);
  const outer = whole.sequence();
  whole.end();
  const contentType = outer.oid();
  const inner = outer.optionalExplicit(0);
  outer.end();
  if (inner === null) throw new DerError('content is absent');
  switch (contentType) {
    case OID.signedData:
      return { kind: 'signed', value: readSignedData(inner, limits) };
    case OID.envelopedData:
      return { kind: 'enveloped', value: readEnvelopedData(inner, limits) };
    case OID.authEnvelopedData:
      return { kind: 'auth-enveloped', value: readAuthEnvelopedData(inner, limits) };
    case OID.data: {
      const string = inner.expect('universal', 4);
      inner.end();
      return { kind: 'data', content: slicesContent(octetStringContent(string)) };
    }
    default:
      return { kind: 'unsupported', contentType };
  }
}
