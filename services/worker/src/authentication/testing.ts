/** What the tests of DKIM, SPF and DMARC share: a DNS of given records, signers, a message. */
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import type { ClientFacts } from '@sallyport/ipc';
import type { DnsAnswer, RecordData, RecordType, Resolver } from '@sallyport/lookup';
import { bufferContent } from '@sallyport/mail';
import { authenticate } from './authenticate.ts';

export const NOW = new Date('2026-06-01T00:00:00Z');
export const AUTHSERV_ID = 'gw.bravo.example';

/** `TXT name` to texts, `A name` to addresses, `MX name` to hosts; a number is a failure. */
export type Zone = Readonly<Record<string, readonly string[] | 'failure'>>;

/** A resolver that knows the zone and nothing else, and remembers what it was asked. */
export function zoneResolver(zone: Zone): Resolver & { readonly asked: string[] } {
  const asked: string[] = [];
  const query = <Type extends RecordType>(
    name: string,
    type: Type,
  ): Promise<DnsAnswer<RecordData[Type]>> => {
    const key = `${type} ${name.toLowerCase()}`;
    asked.push(key);
    const found = zone[key];
    if (found === 'failure') return Promise.resolve({ kind: 'failure', reason: 'servfail' });
    const data = (found ?? []).map((value) =>
      type === 'MX' ? { preference: 10, exchange: value } : value,
    ) as RecordData[Type][];
    const [first, ...others] = data;
    if (first === undefined) {
      return Promise.resolve({ kind: 'none', reason: 'nxdomain', secure: false });
    }
    const facts = { secure: false, ttl: 60, canonicalName: name };
    return Promise.resolve({ kind: 'answer', records: [first, ...others], ...facts });
  };
  return { query, asked };
}

export const CLIENT: ClientFacts = {
  address: '192.0.2.7',
  port: 40_000,
  helo: 'mx.acme.example',
  tls: null,
  login: null,
  listener: 'partner',
};

/** Keys of the tests alone, made anew for each run. */
export const KEYS = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  ed25519: generateKeyPairSync('ed25519').privateKey,
};

/** The TXT record of a key (RFC 6376 section 3.6.1, RFC 8463 section 4). */
export function keyText(key: KeyObject): string {
  const publicKey = createPublicKey(key);
  const isEdwards = key.asymmetricKeyType === 'ed25519';
  const bytes = isEdwards
    ? Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
    : publicKey.export({ format: 'der', type: 'spki' });
  return `v=DKIM1; k=${isEdwards ? 'ed25519' : 'rsa'}; p=${bytes.toString('base64')}`;
}

/** Lines joined and ended by CRLF. */
export function lines(...parts: readonly string[]): string {
  return parts.map((line) => `${line}\r\n`).join('');
}

export interface SignedMessage {
  readonly header: readonly string[];
  readonly body: string;
  readonly signed?: string;
  readonly domain?: string;
  readonly selector?: string;
  readonly extra?: string;
  readonly key?: KeyObject;
}

/**
 * Signs as another program would: simple/simple, written for the tests alone and from RFC 6376, so
 * that our own signer is not its own witness.
 */
export function signSimply(message: SignedMessage): string {
  const { header, body, signed = 'from:subject', domain = 'acme.example', extra = '' } = message;
  const key = message.key ?? KEYS.rsa;
  const isEdwards = key.asymmetricKeyType === 'ed25519';
  const selector = message.selector ?? (isEdwards ? 'e' : 'r');
  // RFC 6376 section 3.4.3: empty lines at the end are one line end.
  const whole = `${body.replace(/(\r\n)*$/, '')}\r\n`;
  const covered = /l=(\d+)/.exec(extra)?.[1];
  const part = covered === undefined ? whole : whole.slice(0, Number(covered));
  const bodyHash = createHash('sha256').update(part, 'latin1').digest('base64');
  const a = isEdwards ? 'ed25519-sha256' : 'rsa-sha256';
  const field = `DKIM-Signature: v=1; a=${a}; d=${domain}; s=${selector};${extra} h=${signed}; bh=${bodyHash}; b=`;
  const left = header.map((line) => `${line}\r\n`).reverse();
  const hashed = signed.split(':').map((name) => {
    const at = left.findIndex((line) => line.toLowerCase().startsWith(`${name.trim()}:`));
    return at === -1 ? '' : (left.splice(at, 1)[0] ?? '');
  });
  const input = Buffer.from(`${hashed.join('')}${field}`, 'latin1');
  const bytes = isEdwards ? createHash('sha256').update(input).digest() : input;
  const b = sign(isEdwards ? null : 'sha256', bytes, key).toString('base64');
  return `${lines(`${field}${b}`, ...header)}\r\n${body}`;
}

/** Authenticates a message that came from CLIENT for ann@acme.example. */
export async function authenticated(
  message: string | Buffer,
  zone: Zone,
  changes: { readonly reversePath?: string; readonly client?: ClientFacts | null } = {},
) {
  const content = bufferContent(
    typeof message === 'string' ? Buffer.from(message, 'latin1') : message,
  );
  const { reversePath = 'ann@acme.example', client = CLIENT } = changes;
  const ports = { resolver: zoneResolver(zone), authservId: AUTHSERV_ID, now: NOW };
  return await authenticate({ content, client, reversePath }, ports);
}

/** The zone of acme.example with both keys. */
export const DKIM_ZONE: Zone = {
  'TXT r._domainkey.acme.example': [keyText(KEYS.rsa)],
  'TXT e._domainkey.acme.example': [keyText(KEYS.ed25519)],
};
