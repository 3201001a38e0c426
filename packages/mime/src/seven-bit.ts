import { type Content, sliceContent } from '@sallyport/mail';
import { base64Content } from './base64.ts';
import { joinContent, replaceHeader } from './build.ts';
import { type ContentType, contentType, transferEncoding } from './content-type.ts';
import { transformContent } from './decode.ts';
import { type Entity, readEntity } from './entity.ts';
import { formatField } from './format.ts';
import type { MimeLimits } from './limits.ts';
import { isSevenBitBytes, isSevenBitSafe } from './line-ends.ts';
import { splitMultipart } from './multipart.ts';
import { QuotedPrintableEncoder } from './quoted-printable.ts';

/**
 * The same message in octets that every transport carries (RFC 8551 section 3.1.3): leaf parts
 * with 8-bit octets or long lines become quoted-printable (text) or base64, all else stays byte
 * for byte. What is 7-bit already is returned as it is.
 *
 * @returns null if that would touch what may not be touched: signed or encrypted parts, attached
 * messages, header fields with 8-bit octets, parts that are not well formed.
 */
export async function toSevenBit(content: Content, limits: MimeLimits): Promise<Content | null> {
  if (await isSevenBitSafe(content)) return content;
  const read = await readEntity(content, limits);
  if (read.kind === 'malformed') return null;
  return await convert(read.value, { limits, left: limits.maxParts, isBinaryOnly: false }, 0);
}

/**
 * The same message with every leaf part that says `binary` in base64, where its line ends are its
 * content (RFC 2045 section 6.2); all else stays byte for byte. Signed and encrypted parts and
 * attached messages are left alone.
 *
 * @returns null if the message is not well formed.
 */
export async function binaryToBase64(
  content: Content,
  limits: MimeLimits,
): Promise<Content | null> {
  if (await isSevenBitSafe(content)) return content;
  const read = await readEntity(content, limits);
  if (read.kind === 'malformed') return null;
  return await convert(read.value, { limits, left: limits.maxParts, isBinaryOnly: true }, 0);
}

interface Budget {
  readonly limits: MimeLimits;
  readonly isBinaryOnly: boolean;
  left: number;
}

async function convert(entity: Entity, budget: Budget, depth: number): Promise<Content | null> {
  if (await isSevenBitSafe(entity.content)) return entity.content;
  const header = Buffer.concat(entity.header.map((field) => field.raw));
  const { isBinaryOnly } = budget;
  if (!isBinaryOnly && !(await isSevenBitBytes(header))) return null;
  const type = contentType(entity);
  if (type.malformed || isUntouchable(type)) return isBinaryOnly ? entity.content : null;
  if (type.type === 'multipart') return await convertParts(entity, budget, depth);
  if (isBinaryOnly && transferEncoding(entity) !== 'binary') return entity.content;
  return await convertLeaf(entity, type);
}

/** RFC 1847 section 2.1, RFC 8551 section 3: re-encoding would break them; RFC 2046 section 5.2.1. */
function isUntouchable({ type, subtype }: ContentType): boolean {
  if (type === 'message') return true;
  if (type === 'multipart') return subtype === 'signed' || subtype === 'encrypted';
  return type === 'application' && /^(x-)?pkcs7-(mime|signature)$/.test(subtype);
}

async function convertLeaf(entity: Entity, type: ContentType): Promise<Content | null> {
  const encoding = transferEncoding(entity);
  if (encoding === 'base64' || encoding === 'quoted-printable' || encoding === 'unknown') {
    return null;
  }
  const isText = type.type === 'text' && encoding !== 'binary';
  const body = isText
    ? await transformContent(entity.body, () => new QuotedPrintableEncoder())
    : base64Content(entity.body);
  return relabel(entity, body, isText ? 'quoted-printable' : 'base64');
}

function relabel(entity: Entity, body: Content, encoding: string): Content {
  return replaceHeader(
    { ...entity, body },
    {
      remove: ['content-transfer-encoding'],
      append: [formatField('Content-Transfer-Encoding', encoding)],
    },
  );
}

async function convertParts(
  entity: Entity,
  budget: Budget,
  depth: number,
): Promise<Content | null> {
  if (depth === budget.limits.maxDepth) return null;
  const split = await splitMultipart(entity, { ...budget.limits, maxParts: budget.left });
  if (split.kind === 'malformed') return null;
  budget.left -= split.parts.length;
  const pieces: Content[] = [];
  let at = 0;
  for (const part of split.parts) {
    const converted = await convert(part, budget, depth + 1);
    if (converted === null) return null;
    pieces.push(sliceContent(entity.body, at, part.offset - at), converted);
    at = part.offset + part.content.sizeBytes;
  }
  pieces.push(sliceContent(entity.body, at, entity.body.sizeBytes - at));
  // Preamble and epilogue are nobody's content, but they are not ours to rewrite either.
  const between = budget.isBinaryOnly ? [] : pieces.filter((_, index) => index % 2 === 0);
  for (const piece of between) if (!(await isSevenBitSafe(piece))) return null;
  const body = joinContent(pieces);
  const encoding = transferEncoding(entity);
  if (budget.isBinaryOnly) {
    return encoding === 'binary'
      ? relabel(entity, body, '8bit')
      : joinContent([header(entity), body]);
  }
  if (encoding === '7bit') return joinContent([header(entity), body]);
  return relabel(entity, body, '7bit');
}

function header(entity: Entity): Content {
  return sliceContent(entity.content, 0, entity.headerBytes);
}
