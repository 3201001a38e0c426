import { isIPv4, isIPv6 } from 'node:net';
import { isHeloName } from './command.ts';
import { XTEXT } from './parameters.ts';

/** A front (edge filter) that stands between the clients and us. */
export interface Front {
  /** True if it may say by XCLIENT who its client is. */
  readonly xclient: boolean;
  /** The authserv-id of its Authentication-Results; left out: they are not believed. */
  readonly authservId?: string;
}

/** What a front says of its client; null: it does not know. */
export interface ReportedClient {
  readonly address: string | null;
  /** 0 if it is not said. */
  readonly port: number;
  readonly helo: string | null;
}

/** What XCLIENT may name, as EHLO offers it. */
export const XCLIENT_KEYWORD = 'XCLIENT NAME ADDR PORT PROTO HELO';

const CHECKS: ReadonlyMap<string, (value: string) => boolean> = new Map([
  ['NAME', isHeloName],
  ['ADDR', (value) => parseAddress(value) !== null],
  ['PORT', (value) => /^\d{1,5}$/.test(value) && Number(value) <= 65_535],
  ['PROTO', (value) => /^[A-Za-z0-9]{1,16}$/.test(value)],
  ['HELO', isHeloName],
]);
const UNKNOWN: ReadonlySet<string> = new Set(['[UNAVAILABLE]', '[TEMPUNAVAIL]']);
const MAX_ARGUMENT_OCTETS = 1_000;

/**
 * Parses the argument of XCLIENT: `name=value` pairs, the values in xtext. ADDR must be among them,
 * so that one command says all of one client and nothing of the one before it is left.
 *
 * @returns null if anything of it is malformed, unknown, comes twice or is too long.
 */
export function parseXclient(argument: string): ReportedClient | null {
  const values = argument.length > MAX_ARGUMENT_OCTETS ? null : readValues(argument);
  if (values === null || !values.has('ADDR')) return null;
  const said = values.get('ADDR') ?? null;
  return {
    address: said === null ? null : parseAddress(said),
    port: Number(values.get('PORT') ?? 0),
    helo: values.get('HELO') ?? null,
  };
}

function readValues(argument: string): ReadonlyMap<string, string | null> | null {
  const values = new Map<string, string | null>();
  for (const pair of argument.split(/ +/)) {
    const equals = pair.indexOf('=');
    const name = pair.slice(0, Math.max(equals, 0)).toUpperCase();
    const isGood = CHECKS.get(name);
    const value = decode(pair.slice(equals + 1));
    if (isGood === undefined || value === null || values.has(name)) return null;
    const isUnknown = UNKNOWN.has(value.toUpperCase());
    if (!isUnknown && !isGood(value)) return null;
    values.set(name, isUnknown ? null : value);
  }
  return values;
}

/** RFC 3461 section 4: xtext; only what prints may stand in it here. */
function decode(text: string): string | null {
  if (text === '' || !XTEXT.test(text)) return null;
  const plain = text.replaceAll(/\+([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return /^[\x21-\x7e]+$/.test(plain) ? plain : null;
}

/** Dotted decimal, or `IPV6:` and an address without a zone. */
function parseAddress(text: string): string | null {
  if (isIPv4(text)) return text;
  const address = /^IPV6:([0-9a-f:.]+)$/i.exec(text)?.[1] ?? '';
  if (!isIPv6(address)) return null;
  const mapped = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return mapped.toLowerCase();
}
