import { type KeyObject, X509Certificate } from 'node:crypto';
import { type Domain, parseDomain } from '@sallyport/mail';
import { z } from 'zod';
import { readJws } from './jws.ts';

/** docs/trial-connect.md: a statement is at most so long. */
export const MAX_STATEMENT_BYTES = 256 * 1024;
const MAX_LIFETIME_MS = 31 * 24 * 3_600_000;
const MAX_CLOCK_SKEW_MS = 5 * 60_000;
const MAX_CERTIFICATES = 8;

const word = z.string().min(1).max(64);
const words = z.array(word).max(32);
const certificates = z.array(z.base64().max(24 * 1024)).max(MAX_CERTIFICATES);

/** Version 1. Fields that are not known are left out, so that a later writer can be read. */
const payloadSchema = z.object({
  version: z.literal(1),
  domain: z.string().max(255),
  issued: z.iso.datetime(),
  expires: z.iso.datetime(),
  certificates: z.object({ signing: certificates, encryption: certificates }),
  accepts: z.object({
    profiles: words,
    content: words,
    keyTransport: words,
    signatures: words,
  }),
  demands: z.object({ signature: word, encryption: z.boolean() }),
  tls: z.object({
    level: word,
    minVersion: word,
    mx: z.array(z.string().max(255)).max(32),
    clientCertificate: z.boolean(),
  }),
  contact: z.string().max(320),
});
type Payload = z.infer<typeof payloadSchema>;

/**
 * What a domain says of itself. `signedBy` proves only that whoever holds that key wrote it: it is
 * worth what the path of that certificate is worth, and each certificate in it what its own is.
 */
export interface DomainStatement extends Omit<Payload, 'certificates' | 'issued' | 'expires'> {
  readonly domain: Domain;
  readonly issued: Date;
  readonly expires: Date;
  readonly signing: readonly Buffer[];
  readonly encryption: readonly Buffer[];
  /** DER; the first of `x5c`, whose key made the signature. */
  readonly signedBy: Buffer;
  /** DER; the rest of `x5c`. */
  readonly chain: readonly Buffer[];
  /** RFC 7518 section 3.1. */
  readonly algorithm: string;
}

export type ReadStatement =
  | { readonly kind: 'statement'; readonly statement: DomainStatement }
  | { readonly kind: 'unusable'; readonly reason: string };

/**
 * Reads a trial statement (docs/trial-connect.md): form, signature by its own first certificate,
 * domain and time. Trust in that certificate is for the caller to prove.
 *
 * @returns `unusable` with a sentence for whatever is not as it must be.
 */
export function readStatement(bytes: Buffer, domain: Domain, now: Date): ReadStatement {
  if (bytes.length > MAX_STATEMENT_BYTES) return unusable('it is longer than a statement may be');
  const jws = readJws(bytes.toString('latin1').trim());
  if (jws.kind === 'malformed') return unusable(jws.reason);
  const [signedBy, ...chain] = jws.certificates;
  const key = publicKeyOf(signedBy);
  if (key === null) return unusable('the certificate that signed it cannot be read');
  if (!jws.isSignedBy(key)) return unusable('its signature does not fit its first certificate');
  const payload = parsePayload(jws.payload);
  if (payload === null) return unusable('its content is not what version 1 says');
  if (parseDomain(payload.domain) !== domain) return unusable('it speaks of another domain');
  const issued = new Date(payload.issued);
  const expires = new Date(payload.expires);
  const fault = timeFault(issued, expires, now);
  if (fault !== null) return unusable(fault);
  return {
    kind: 'statement',
    statement: {
      ...payload,
      domain,
      issued,
      expires,
      signing: payload.certificates.signing.map(decode),
      encryption: payload.certificates.encryption.map(decode),
      signedBy,
      chain,
      algorithm: jws.algorithm,
    },
  };
}

function unusable(reason: string): ReadStatement {
  return { kind: 'unusable', reason };
}

function decode(text: string): Buffer {
  return Buffer.from(text, 'base64');
}

function publicKeyOf(certificate: Buffer): KeyObject | null {
  try {
    return new X509Certificate(certificate).publicKey;
  } catch {
    return null;
  }
}

function parsePayload(bytes: Buffer): Payload | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return payloadSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** A statement that never ends would outlive the keys that it names. */
function timeFault(issued: Date, expires: Date, now: Date): string | null {
  if (issued.getTime() > now.getTime() + MAX_CLOCK_SKEW_MS) return 'it was issued in the future';
  if (expires <= now) return `it expired at ${expires.toISOString()}`;
  if (expires.getTime() - issued.getTime() > MAX_LIFETIME_MS) return 'it holds for too long';
  return null;
}
