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
    safe[key] = REDACTED_KEY.test(key) ? '[secret]' : printable(value, depth);
  }
  return safe;
}

function printable(value: unknown, depth: number): unknown {
  if (value instanceof Error) return describeError(value, depth);
  if (typeof value === 'string') return value.slice(0, MAX_TEXT_CHARS);
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '[deeper]';
  if ('toJSON' in value && typeof value.toJSON === 'function') return value;
  if (Array.isArray(value)) return value.slice(0, 100).map((item) => printable(item, depth + 1));
  return redact(Object.fromEntries(Object.entries(value)), depth + 1);
}

function describeError(error: Error, depth: number): Record<string, unknown> {
  return {
    message: error.message.slice(0, MAX_TEXT_CHARS),
    stack: error.stack?.slice(0, MAX_TEXT_CHARS),
    ...(error.cause === undefined || depth >= MAX_DEPTH
      ? {}
      : { cause: printable(error.cause, depth + 1) }),
  };
}
