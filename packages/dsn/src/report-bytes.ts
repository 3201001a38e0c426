/**
 * A small, lenient reader for reports of other gateways. It never decides about a message: what
 * it finds is only used to find the message that a report is about. What is relayed or verified
 * is read by the strict engine of `@sallyport/mime`, which is of the same floor.
 */

/** One field of a header or of a group of status fields. */
export interface ReportField {
  /** Lower case. */
  readonly name: string;
  readonly value: string;
}

export interface ReportPart {
  readonly fields: readonly ReportField[];
  /** Lower case, without parameters; text/plain if it does not say. */
  readonly type: string;
  readonly boundary: string | null;
  readonly reportType: string | null;
  /** Transfer encoding removed. */
  readonly body: Buffer;
}

const MAX_FIELDS = 500;
const MAX_PARTS = 20;
const EMPTY_LINE = /\r?\n\r?\n/;

/** Header fields up to the first empty line; lines that are no field are passed over. */
export function readFields(text: string): ReportField[] {
  const fields: ReportField[] = [];
  for (const line of text.replaceAll(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trimEnd().toLowerCase();
    if (name === '' || /[^!-~]/.test(name)) continue;
    if (fields.length === MAX_FIELDS) break;
    fields.push({ name, value: line.slice(colon + 1).trim() });
  }
  return fields;
}

/** The first value of a field, else null. */
export function firstValue(fields: readonly ReportField[], name: string): string | null {
  return fields.find((field) => field.name === name)?.value ?? null;
}

/** Splits off the header section and removes the transfer encoding. */
export function readPart(bytes: Buffer): ReportPart {
  const text = bytes.toString('latin1');
  const begins = /^\r?\n/.exec(text);
  const end = begins === null ? EMPTY_LINE.exec(text) : begins;
  const header = end === null ? text : text.slice(0, end.index);
  const fields = readFields(header);
  const body = end === null ? Buffer.alloc(0) : bytes.subarray(end.index + end[0].length);
  const type = firstValue(fields, 'content-type') ?? 'text/plain';
  return {
    fields,
    type: (/^[^;\s(]*/.exec(type)?.[0] ?? '').toLowerCase(),
    boundary: parameter(type, 'boundary'),
    reportType: parameter(type, 'report-type')?.toLowerCase() ?? null,
    body: decode(body, firstValue(fields, 'content-transfer-encoding') ?? ''),
  };
}

function parameter(value: string, name: string): string | null {
  const match = new RegExp(`;\\s*${name}\\s*=\\s*(?:"([^"]*)"|([^\\s;"]+))`, 'i').exec(value);
  return match?.[1] ?? match?.[2] ?? null;
}

function decode(body: Buffer, encoding: string): Buffer {
  switch (encoding.trim().toLowerCase()) {
    case 'base64':
      return Buffer.from(body.toString('latin1'), 'base64');
    case 'quoted-printable': {
      const text = body
        .toString('latin1')
        .replaceAll(/=\r?\n/g, '')
        .replaceAll(/=([0-9A-Fa-f]{2})/g, (_, hex: string) =>
          String.fromCharCode(Number.parseInt(hex, 16)),
        );
      return Buffer.from(text, 'latin1');
    }
    default:
      return body;
  }
}

/** The parts between delimiter lines, as bytes; bounded. */
export function splitParts(body: Buffer, boundary: string): Buffer[] {
  const text = body.toString('latin1');
  const escaped = boundary.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const delimiter = new RegExp(`(?:^|\\r?\\n)--${escaped}(--)?[ \\t]*(?:\\r?\\n|$)`, 'g');
  const parts: Buffer[] = [];
  let start = -1;
  for (let match = delimiter.exec(text); match !== null; match = delimiter.exec(text)) {
    if (start !== -1) parts.push(body.subarray(start, match.index));
    start = match.index + match[0].length;
    if (match[1] !== undefined || parts.length === MAX_PARTS) return parts;
    // The line end of one delimiter may begin the next.
    if (match[0].endsWith('\n')) delimiter.lastIndex = start - 1;
  }
  if (start !== -1) parts.push(body.subarray(start));
  return parts;
}
