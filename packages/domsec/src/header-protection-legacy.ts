import { bufferContent, type Content, readContent, sliceContent } from '@sallyport/mail';
import {
  contentType,
  decodeBody,
  type Entity,
  joinContent,
  type MimeLimits,
  readEntity,
  replaceHeader,
  splitMultipart,
  toSevenBit,
  transferEncoding,
} from '@sallyport/mime';
import { isCryptographic } from './header-protection.ts';
import { withoutDisplayElements } from './header-protection-html.ts';
import { withoutHp } from './header-protection-type.ts';

/** Longer text is handed on with its legacy display element: it is decoration, no more. */
const MAX_TEXT_BYTES = 1024 * 1024;
const MAX_DEPTH = 20;

/**
 * The payload without the legacy display elements that its author marked (RFC 9788 section 4.5.3):
 * marked leaves of type text/plain and text/html are written anew, all else stays byte for byte.
 *
 * @returns null if there is none that can be taken out.
 * @throws what the content's own read throws.
 */
export async function withoutLegacyDisplay(
  payload: Entity,
  limits: MimeLimits,
): Promise<Entity | null> {
  if (!(await mayHaveElements(payload.content))) return null;
  const content = await strip(payload, { limits, left: limits.maxParts }, 0);
  if (content === null) return null;
  const read = await readEntity(content, limits);
  return read.kind === 'entity' ? read.value : null;
}

// The parts that a reader shows come first: a large message is not read whole for a mark in its
// attachments.
async function mayHaveElements(content: Content): Promise<boolean> {
  const head = sliceContent(content, 0, Math.min(content.sizeBytes, MAX_TEXT_BYTES));
  return /hp-legacy-display/i.test((await readContent(head)).toString('latin1'));
}

interface Budget {
  readonly limits: MimeLimits;
  left: number;
}

/** Null: nothing to change. */
async function strip(entity: Entity, budget: Budget, depth: number): Promise<Content | null> {
  const type = contentType(entity);
  if (type.malformed || depth > MAX_DEPTH) return null;
  if (type.type === 'multipart') return await stripParts(entity, budget, depth);
  const isMarked = type.parameters.get('hp-legacy-display') === '1';
  if (!isMarked || type.type !== 'text') return null;
  if (type.subtype !== 'plain' && type.subtype !== 'html') return null;
  // In these charsets a line end is no octet of its own.
  if (/^(utf-?(16|32)|ucs|iso-10646)/i.test(type.parameters.get('charset') ?? '')) return null;
  const body = await decodeBody(entity);
  if (body.sizeBytes > MAX_TEXT_BYTES) return null;
  const text = (await readContent(body)).toString('latin1');
  const rest = type.subtype === 'plain' ? withoutFirstLines(text) : withoutDisplayElements(text);
  return rest === null ? null : await rewritten(entity, rest, budget.limits);
}

/** RFC 9788 section 4.5.3.2: past the first entirely blank line; null if there is none. */
function withoutFirstLines(text: string): string | null {
  const blank = /(?:^|\n)\r?\n/.exec(text);
  return blank === null ? null : text.slice(blank.index + blank[0].length);
}

/** The leaf with another text, in a transfer encoding that is no wider than the one it had. */
async function rewritten(
  entity: Entity,
  text: string,
  limits: MimeLimits,
): Promise<Content | null> {
  const body = bufferContent(Buffer.from(text, 'latin1'));
  const header = entity.header.map((field) =>
    field.name.toLowerCase() === 'content-type' ? withoutHp(field) : field,
  );
  const isPlain = /^(7bit|8bit|binary)$/.test(transferEncoding(entity));
  if (isPlain) return replaceHeader({ ...entity, header, body }, {});
  const decoded = replaceHeader(
    { ...entity, header, body },
    { remove: ['content-transfer-encoding'], append: [EIGHT_BIT] },
  );
  return await toSevenBit(decoded, limits);
}

const EIGHT_BIT = Buffer.from('Content-Transfer-Encoding: 8bit\r\n');

async function stripParts(entity: Entity, budget: Budget, depth: number): Promise<Content | null> {
  // A signature inside stays valid only over the bytes that it was made for.
  if (isCryptographic(entity)) return null;
  const split = await splitMultipart(entity, { ...budget.limits, maxParts: budget.left });
  if (split.kind === 'malformed') return null;
  budget.left -= split.parts.length;
  const { sizeBytes } = entity.content;
  const pieces: Content[] = [];
  let at = 0;
  for (const part of split.parts) {
    const stripped = await strip(part, budget, depth + 1);
    if (stripped === null) continue;
    const start = entity.headerBytes + part.offset;
    pieces.push(sliceContent(entity.content, at, start - at), stripped);
    at = start + part.content.sizeBytes;
  }
  if (pieces.length === 0) return null;
  return joinContent([...pieces, sliceContent(entity.content, at, sizeBytes - at)]);
}
