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

const REDACTED_KEY =
  /pass(word|phrase)?s?$|passwordhash|secret|private|token|credential|authorization|cookie|apikey|^pin$|^cek$|keybytes/i;
/** What people wrote, or who they are: it belongs into the audit log, where it can be withheld. */
const PERSONAL_KEY =
  /^(subject|reversePath|forwardPaths?|recipients?|mailbox(es)?|author|login|displayName|personal)$/i;
/**
 * What is cut out of a text, and what stands in its place. Of an address the domain stays, for who looks
 * for a cause. A match begins where a word does, so a long one is looked at once.
 */
const CUT_OUT: readonly (readonly [string, RegExp, string])[] = [
  ['://', /\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/@]*@/giu, '$1[login]@'],
  ['://', /\b(https?:\/\/[^\s?#"'<>]*)\?[^\s"'<>]*/giu, '$1?[query]'],
  ['@', /"(?:[^"\\]|\\.){1,256}"@(?=[\p{L}\p{N}[])/gu, '[local-part]@'],
  [
    '@',
    /(?<![^\s<>"'(),;:@\\[\]/])[^\s<>"'(),;:@\\[\]]+(?<!\/)@(?=[\p{L}\p{N}[])/gu,
    '[local-part]@',
  ],
  [
    '%40',
    /(?<![^\s<>"'(),;:@\\[\]/?&=])[^\s<>"'(),;:@\\[\]/?&=]+%40(?=[\p{L}\p{N}[])/gu,
    '[local-part]%40',
  ],
  ['earer ', /\b(bearer )\S+/giu, '$1[secret]'],
];
const MAX_TEXT_CHARS = 2_000;
/** Looked at beyond that, and then left off, so that no address is cut in two before it is seen. */
const SLACK_CHARS = 1_024;
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
  const seen = text.slice(0, MAX_TEXT_CHARS + SLACK_CHARS);
  const safe = CUT_OUT.reduce(
    (shown, [sign, pattern, instead]) =>
      shown.includes(sign) ? shown.replace(pattern, instead) : shown,
    seen,
  );
  const whole = seen.length < text.length ? safe.length - SLACK_CHARS / 2 : safe.length;
  return safe.slice(0, Math.max(0, Math.min(MAX_TEXT_CHARS, whole)));
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
