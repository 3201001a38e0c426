import { isAscii } from 'node:buffer';
import { asBuffer, type Content, loadSmall, MemoryContent, openPieces } from '@sallyport/mail';

declare const tag: unique symbol;

/** Content known to be in canonical line ends: only `checkCanonical` and `canonicalise` make it. */
export type CrlfContent = Content & { readonly [tag]: 'CrlfContent' };

export type CanonicalCheck =
  | { readonly kind: 'crlf'; readonly content: CrlfContent }
  | { readonly kind: 'bare'; readonly what: 'cr' | 'lf' };

const CR = 0x0d;
const LF = 0x0a;
const MAX_LINE = 998; // RFC 5322 section 2.1.1

/** Whether every CR is followed by LF and every LF follows a CR (RFC 8551 section 3.1.1). */
export async function checkCanonical(content: Content): Promise<CanonicalCheck> {
  let previous = 0;
  for await (const chunk of content.open()) {
    // Counted, not `for of`: four times as fast over typed arrays.
    for (let at = 0; at < chunk.length; at += 1) {
      const octet = chunk[at] ?? 0;
      if (previous === CR && octet !== LF) return { kind: 'bare', what: 'cr' };
      if (octet === LF && previous !== CR) return { kind: 'bare', what: 'lf' };
      previous = octet;
    }
  }
  if (previous === CR) return { kind: 'bare', what: 'cr' };
  return { kind: 'crlf', content: content as CrlfContent };
}

/** Every bare CR and bare LF becomes CRLF. One pass counts, each later read writes. */
export async function canonicalise(content: Content): Promise<CrlfContent> {
  const loaded = await loadSmall(content);
  let added = 0;
  for await (const change of mended(loaded)) added += change.added;
  if (added === 0) return loaded as CrlfContent;
  const canonical: Content = {
    sizeBytes: loaded.sizeBytes + added,
    open: async function* () {
      for await (const change of mended(loaded)) yield change.bytes();
    },
  };
  return (await loadSmall(canonical)) as CrlfContent;
}

interface Mended {
  /** How many octets longer it is. */
  readonly added: number;
  bytes(): Buffer;
}

/** Chunk by chunk; a CR at a chunk's end waits for what follows it. */
async function* mended(content: Content): AsyncGenerator<Mended> {
  let previous = 0;
  for await (const chunk of content.open()) {
    const bytes = asBuffer(chunk);
    const before = previous;
    yield { added: countAdded(bytes, before), bytes: () => mend(bytes, before) };
    previous = bytes.at(-1) ?? previous;
  }
  if (previous === CR) yield { added: 1, bytes: () => Buffer.from('\n') };
}

function countAdded(bytes: Buffer, before: number): number {
  let previous = before;
  let added = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const octet = bytes[at] ?? 0;
    if ((octet === LF) !== (previous === CR)) added += 1;
    previous = octet;
  }
  return added;
}

function mend(bytes: Buffer, before: number): Buffer {
  const out = Buffer.allocUnsafe(bytes.length + countAdded(bytes, before));
  let previous = before;
  let at = 0;
  for (const octet of bytes) {
    if (octet === LF && previous !== CR) out[at++] = CR;
    if (octet !== LF && previous === CR) out[at++] = LF;
    out[at++] = octet;
    previous = octet;
  }
  return out;
}

/** Where a line that goes over the end of a piece stands. */
interface OpenLine {
  columns: number;
  endsInCr: boolean;
}

// Node's own searches, from line end to line end: a loop over octets takes twenty times as long, a
// regular expression three times.
function isSafePiece(bytes: Buffer, line: OpenLine): boolean {
  if (!isAscii(bytes) || bytes.includes(0)) return false;
  if (!line.endsInCr) return isSafeText(bytes.toString('latin1'), 0, line);
  line.columns = 0;
  return bytes[0] === LF && isSafeText(bytes.toString('latin1'), 1, line);
}

function isSafeText(text: string, from: number, line: OpenLine): boolean {
  for (let start = from; ; ) {
    const cr = text.indexOf('\r', start);
    const lf = text.indexOf('\n', start);
    line.columns += (cr < 0 ? text.length : cr) - start;
    line.endsInCr = cr >= 0 && cr === text.length - 1;
    if (line.columns > MAX_LINE) return false;
    if (cr < 0 || line.endsInCr) return lf < 0;
    if (lf !== cr + 1) return false;
    start = lf + 1;
    line.columns = 0;
  }
}

/** RFC 2045 section 2.7: octets 1 to 127, lines of at most 998, CR and LF only together. */
export async function isSevenBitSafe(content: Content): Promise<boolean> {
  const line: OpenLine = { columns: 0, endsInCr: false };
  for await (const chunk of openPieces(content)) {
    if (chunk.length > 0 && !isSafePiece(asBuffer(chunk), line)) return false;
  }
  return !line.endsInCr;
}

/** True for bytes in memory; see `isSevenBitSafe`. */
export function isSevenBitBytes(bytes: Buffer): Promise<boolean> {
  return isSevenBitSafe(new MemoryContent(bytes));
}
