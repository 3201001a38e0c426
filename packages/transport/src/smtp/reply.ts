/** One reply of a server, whole and never re-coded (RFC 5321 section 4.2). */
export interface SmtpReply {
  readonly code: number;
  /** RFC 2034 enhanced status code, if the first line has one whose class fits the code. */
  readonly enhanced: string | null;
  /** The text of each line without its code. */
  readonly lines: readonly string[];
}

/** RFC 5321 section 4.5.3.1.5 says 512; real servers write longer lines. */
const MAX_REPLY_LINE_BYTES = 4_096;
/** Lines of one reply; more is an attack or a fault. */
const MAX_REPLY_LINES = 200;

export type ReplyRead =
  | { readonly kind: 'replies'; readonly replies: readonly SmtpReply[] }
  | { readonly kind: 'bad'; readonly reason: string };

const LINE = /^([2-5][0-9]{2})(?:([ -])(.*))?$/s;
const ENHANCED = /^([245])\.\d{1,3}\.\d{1,3}(?=\s|$)/;

/** Cuts a stream of bytes into replies, within bounds. */
export class ReplyReader {
  #rest: Buffer = Buffer.alloc(0);
  #code: string | null = null;
  #lines: string[] = [];

  /** True between replies, with no octet read beyond the last one. */
  get isEmpty(): boolean {
    return this.#rest.length === 0 && this.#code === null;
  }

  /** Takes bytes; `bad` is final. */
  push(chunk: Buffer): ReplyRead {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const replies: SmtpReply[] = [];
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10)) {
      const cut = end > 0 && bytes[end - 1] === 13 ? end - 1 : end;
      if (cut > MAX_REPLY_LINE_BYTES) return bad('reply line too long');
      const line = this.#takeLine(bytes.toString('utf8', 0, cut));
      if (line !== null && 'kind' in line) return line;
      if (line !== null) replies.push(line);
      bytes = bytes.subarray(end + 1);
    }
    if (bytes.length > MAX_REPLY_LINE_BYTES) return bad('reply line too long');
    this.#rest = bytes;
    return { kind: 'replies', replies };
  }

  #takeLine(line: string): SmtpReply | null | { kind: 'bad'; reason: string } {
    const match = LINE.exec(line);
    const code = match?.[1];
    if (code === undefined) return bad('line is no SMTP reply');
    // RFC 5321 section 4.2.1: the code is the same on each line
    if (this.#code !== null && this.#code !== code) return bad('reply changes its code');
    this.#code = code;
    this.#lines.push(match?.[3] ?? '');
    if (this.#lines.length > MAX_REPLY_LINES) return bad('reply has too many lines');
    if (match?.[2] === '-') return null;
    const lines = this.#lines;
    this.#code = null;
    this.#lines = [];
    const enhanced = ENHANCED.exec(lines[0] ?? '')?.[0] ?? null;
    return {
      code: Number(code),
      enhanced: enhanced?.[0] === code[0] ? enhanced : null,
      lines,
    };
  }
}

function bad(reason: string): { kind: 'bad'; reason: string } {
  return { kind: 'bad', reason };
}

/** The reply as its server wrote it, one line for each of its lines; control octets made visible. */
export function formatReply(reply: SmtpReply): string {
  const last = reply.lines.length - 1;
  return reply.lines
    .map((line, index) => `${reply.code}${index === last ? ' ' : '-'}${printable(line)}`.trimEnd())
    .join('\n');
}

function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a remote reply must not write to our terminals
  return text.replace(/[\x00-\x1f\x7f]/g, '?');
}
