import { parseDomain } from '@sallyport/mail';

/** RFC 8461 section 3.3: the length that a sender should accept at the least, and at the most here. */
export const MAX_POLICY_BYTES = 64 * 1024;
/** RFC 8461 section 3.2. */
const MAX_AGE_SECONDS = 31_557_600;
const MAX_MX = 100;
const MAX_LINES = 1_000;
const MODES = ['enforce', 'testing', 'none'] as const;

/** A policy as a domain published it. */
export interface MtaStsPolicy {
  readonly mode: (typeof MODES)[number];
  /** Names in lower case, or `*.name` for exactly one more label. */
  readonly mx: readonly string[];
  readonly maxAgeSeconds: number;
}

export type ParsedMtaSts =
  | { readonly kind: 'policy'; readonly policy: MtaStsPolicy }
  | { readonly kind: 'invalid'; readonly reason: string };

/**
 * Parses the policy file (RFC 8461 section 3.2). Fields that are not known are passed over; of a field
 * that is there twice the first counts, except for `mx`.
 */
export function parseMtaStsPolicy(body: Buffer): ParsedMtaSts {
  if (body.length > MAX_POLICY_BYTES) return invalid('it is longer than 64 KiB');
  const lines = body.toString('latin1').split(/\r?\n/);
  if (lines.length > MAX_LINES) return invalid('it has too many lines');
  const fields = new Map<string, string>();
  const patterns: string[] = [];
  for (const line of lines) {
    const text = line.trimEnd();
    if (text === '') continue;
    const [, name, value] = /^([A-Za-z0-9][A-Za-z0-9_.-]{0,31}):[ \t]*(.*)$/.exec(text) ?? [];
    if (name === undefined || value === undefined) return invalid('a line is no field');
    if (name === 'mx') patterns.push(value);
    else if (!fields.has(name)) fields.set(name, value);
  }
  return policyOf(fields, patterns);
}

function policyOf(fields: ReadonlyMap<string, string>, patterns: readonly string[]): ParsedMtaSts {
  if (fields.get('version') !== 'STSv1') return invalid('its version is not STSv1');
  const mode = MODES.find((one) => one === fields.get('mode'));
  if (mode === undefined) return invalid('its mode is not enforce, testing or none');
  const age = fields.get('max_age') ?? '';
  if (!/^\d{1,10}$/.test(age)) return invalid('its max_age is no number');
  if (patterns.length > MAX_MX) return invalid('it has too many mx patterns');
  if (patterns.length === 0 && mode !== 'none') return invalid('it names no mx');
  const mx = patterns.map(patternOf);
  if (mx.includes(null)) return invalid('an mx is neither a name nor *.name');
  return {
    kind: 'policy',
    policy: {
      mode,
      mx: mx.flatMap((one) => one ?? []),
      maxAgeSeconds: Math.min(Number(age), MAX_AGE_SECONDS),
    },
  };
}

function invalid(reason: string): ParsedMtaSts {
  return { kind: 'invalid', reason };
}

function patternOf(text: string): string | null {
  const isWildcard = text.startsWith('*.');
  const domain = parseDomain(isWildcard ? text.slice(2) : text);
  if (domain === null) return null;
  return isWildcard ? `*.${domain}` : domain;
}

/** True if the policy allows the host (RFC 8461 section 4.1): `*.` stands for exactly one label. */
export function allowsMx(policy: Pick<MtaStsPolicy, 'mx'>, host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return policy.mx.some((pattern) => {
    if (!pattern.startsWith('*.')) return pattern === name;
    const dot = name.indexOf('.');
    return dot > 0 && name.slice(dot + 1) === pattern.slice(2);
  });
}

const MAX_LINES_SHOWN = 16;

/** The policy line by line, as a TLS report shows it (RFC 8460 section 4.4); cut if it is long. */
export function policyLines({ mode, mx, maxAgeSeconds }: MtaStsPolicy): readonly string[] {
  const hosts = mx.slice(0, MAX_LINES_SHOWN).map((one) => `mx: ${one}`);
  return ['version: STSv1', `mode: ${mode}`, ...hosts, `max_age: ${maxAgeSeconds}`];
}
