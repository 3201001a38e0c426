import { bufferContent, type Content, readContent, sliceContent } from '@sallyport/mail';
import { canonicalise, checkCanonical, pkcs7MimeEntity } from '@sallyport/mime';

/** The longest From line of an mbox, and more than any mark of a bare CMS object. */
const HEAD_BYTES = 1_024;
const DER_SEQUENCE = 0x30;
const DER_OID = 0x06;

/** A message out of a file, in canonical line ends (RFC 8551 section 3.1.1). */
export interface MessageSource {
  readonly content: Content;
  /** `normalised`: the file had bare CR or LF, as Unix tools leave them. `none`: a bare CMS object. */
  readonly lineEnds: 'crlf' | 'normalised' | 'none';
  /** What a bare CMS object holds need not be MIME. */
  readonly contentForm: 'mime' | 'any';
}

/** Takes a mail file as tools write it: mbox From line and bare line feeds allowed; or one CMS object. */
export async function messageSource(file: Content): Promise<MessageSource> {
  const cms = await bareCms(file);
  if (cms !== null) {
    const entity = pkcs7MimeEntity(cms, { smimeType: 'signed-data', name: 'smime.p7m' });
    return { content: entity, lineEnds: 'none', contentForm: 'any' };
  }
  const message = await withoutFromLine(file);
  const checked = await checkCanonical(message);
  const contentForm = 'mime';
  if (checked.kind === 'crlf') return { content: checked.content, lineEnds: 'crlf', contentForm };
  return { content: await canonicalise(message), lineEnds: 'normalised', contentForm };
}

/** DER or PEM of a CMS object that came without MIME; the smime-type does not matter to a reader. */
async function bareCms(file: Content): Promise<Content | null> {
  const head = await headOf(file);
  if (isContentInfo(head, file.sizeBytes)) return file;
  const text = head.toString('latin1', 0, 64);
  if (!/^-----BEGIN (CMS|PKCS7|PKCS #7 SIGNED DATA)-----/.test(text)) return null;
  const pem = (await readContent(file)).toString('latin1');
  const [, body = ''] = /-----\r?\n([^-]+)-----END/.exec(pem) ?? [];
  return bufferContent(Buffer.from(body, 'base64'));
}

async function headOf(file: Content): Promise<Buffer> {
  return await readContent(sliceContent(file, 0, Math.min(file.sizeBytes, HEAD_BYTES)));
}

/** A SEQUENCE that begins with an OBJECT IDENTIFIER (RFC 5652 section 3), of any form of length. */
function isContentInfo(bytes: Buffer, sizeBytes: number): boolean {
  if (bytes[0] !== DER_SEQUENCE) return false;
  const length = bytes[1] ?? 0;
  // No header line begins with "0" and an octet of a long or indefinite length.
  if (length >= 0x80) return true;
  return bytes[2] === DER_OID && length <= sizeBytes - 2;
}

async function withoutFromLine(file: Content): Promise<Content> {
  const head = await headOf(file);
  if (!head.subarray(0, 5).equals(Buffer.from('From '))) return file;
  const end = head.indexOf(0x0a);
  return end === -1 ? file : sliceContent(file, end + 1, file.sizeBytes - end - 1);
}
