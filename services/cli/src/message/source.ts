import { bufferContent, type Content } from '@sallyport/mail';
import { canonicalise, checkCanonical, pkcs7MimeEntity } from '@sallyport/mime';

const MAX_FROM_LINE = 1_024;
const DER_SEQUENCE = 0x30;

/** A message out of a file, in canonical line ends (RFC 8551 section 3.1.1). */
export interface MessageSource {
  readonly content: Content;
  /** `normalised`: the file had bare CR or LF, as Unix tools leave them. `none`: a bare CMS object. */
  readonly lineEnds: 'crlf' | 'normalised' | 'none';
}

/** Takes a mail file as tools write it: mbox From line and bare line feeds allowed; or one CMS object. */
export async function messageSource(bytes: Buffer): Promise<MessageSource> {
  const cms = bareCms(bytes);
  if (cms !== null) {
    const entity = pkcs7MimeEntity(bufferContent(cms), {
      smimeType: 'signed-data',
      name: 'smime.p7m',
    });
    return { content: entity, lineEnds: 'none' };
  }
  const message = bufferContent(withoutFromLine(bytes));
  const checked = await checkCanonical(message);
  if (checked.kind === 'crlf') return { content: checked.content, lineEnds: 'crlf' };
  return { content: await canonicalise(message), lineEnds: 'normalised' };
}

/** DER or PEM of a CMS object that came without MIME; the smime-type does not matter to a reader. */
function bareCms(bytes: Buffer): Buffer | null {
  // No header line begins with "0" and an octet of a long or indefinite length.
  if (bytes[0] === DER_SEQUENCE && (bytes[1] ?? 0) >= 0x80) return bytes;
  const text = bytes.subarray(0, 64).toString('latin1');
  if (!/^-----BEGIN (CMS|PKCS7|PKCS #7 SIGNED DATA)-----/.test(text)) return null;
  const [, body = ''] = /-----\r?\n([^-]+)-----END/.exec(bytes.toString('latin1')) ?? [];
  return Buffer.from(body, 'base64');
}

function withoutFromLine(bytes: Buffer): Buffer {
  if (!bytes.subarray(0, 5).equals(Buffer.from('From '))) return bytes;
  const end = bytes.subarray(0, MAX_FROM_LINE).indexOf(0x0a);
  return end === -1 ? bytes : bytes.subarray(end + 1);
}
