/** What a log line may carry beside its event name. Keys that name a secret are redacted. */
export type Fields = Readonly<Record<string, unknown>>;

/** Diagnostics for the operator. Audit facts go to the recorder instead. */
export interface Logger {
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  /** A surprise. `cause` is printed with its stack. */
  error(event: string, fields?: Fields & { readonly cause?: unknown }): void;
  /** A logger whose lines all carry `fields` too. */
  with(fields: Fields): Logger;
}

interface LoggerOptions {
  readonly service: string;
  /** The time of a line, RFC 3339 in UTC. */
  readonly now: () => Date;
  readonly write: (line: string) => void;
}

const REDACTED_KEY = /pass(word|phrase)?$|secret|private|token|credential|^cek$|keybytes/i;
/** What people wrote, or who they are: it belongs into the audit log, where it can be withheld. */
const PERSONAL_KEY =
  /^(subject|reversePath|forwardPaths?|recipients?|mailbox(es)?|author|login|displayName|personal)$/i;
/** The local-part of an address, quoted or not; the domain stays, for who looks for a cause. */
const LOCAL_PART =
  /(?:"(?:[^"\\]|\\.){1,64}"|[^\s<>"'(),;:@\\[\]]{1,64})(?<!\/)@(?=[\p{L}\p{N}[])/gu;
const MAX_TEXT_CHARS = 2_000;
const MAX_DEPTH = 4;

/** Makes a logger; `write` gets one line with its line feed. */
export function createLogger(options: LoggerOptions, base: Fields = {}): Logger {
  const line = (level: string, event: string, fields: Fields = {}): void => {
    const record = {
      time: options.now().toISOString(),
      level,
      service: options.service,
      event,
      ...redact({ ...base, ...fields }, 0),
    };
    options.write(`${JSON.stringify(record)}\n`);
  };
  return {
    info: (event, fields) => line('info', event, fields),
    warn: (event, fields) => line('warn', event, fields),
    error: (event, fields) => line('error', event, fields),
    with: (fields) => createLogger(options, { ...base, ...fields }),
  };
}

function redact(fields: Fields, depth: number): Record<string, unknown> {
  const safe: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    safe[key] = REDACTED_KEY.test(key) ? '[secret]' : withoutPersonal(key, value, depth);
  }
  return safe;
}

/** How many they are may be said. */
function withoutPersonal(key: string, value: unknown, depth: number): unknown {
  const isCount = typeof value === 'number' || value === null || value === undefined;
  return PERSONAL_KEY.test(key) && !isCount ? '[personal]' : printable(value, depth);
}

/** At most so much of a text, with no local-part of an address in it: a reply may quote one. */
function safeText(text: string): string {
  const cut = text.slice(0, MAX_TEXT_CHARS);
  return cut.includes('@') ? cut.replace(LOCAL_PART, '[local-part]@') : cut;
}

function printable(value: unknown, depth: number): unknown {
  if (value instanceof Error) return describeError(value, depth);
  if (typeof value === 'string') return safeText(value);
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '[deeper]';
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    const json: unknown = JSON.parse(JSON.stringify(value) ?? 'null');
    return printable(json, depth + 1);
  }
  if (Array.isArray(value)) return value.slice(0, 100).map((item) => printable(item, depth + 1));
  return redact(Object.fromEntries(Object.entries(value)), depth + 1);
}

function describeError(error: Error, depth: number): Record<string, unknown> {
  return {
    message: safeText(error.message),
    stack: error.stack === undefined ? undefined : safeText(error.stack),
    ...(error.cause === undefined || depth >= MAX_DEPTH
      ? {}
      : { cause: printable(error.cause, depth + 1) }),
  };
}
