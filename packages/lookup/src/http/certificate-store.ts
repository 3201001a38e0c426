import { createHash } from 'node:crypto';
import { decodeBody, type MimeLimits, readEntityBytes, splitMultipart } from '@sallyport/mime';
import { certificatesOfCertsOnly } from '../ldap/certs-only.ts';

const MAX_CERTIFICATES = 32;
const LIMITS: MimeLimits = {
  maxHeaderBytes: 16 * 1024,
  maxHeaderFields: 64,
  maxParts: MAX_CERTIFICATES,
  maxDepth: 1,
  maxAddresses: 0,
};

/** RFC 4387 section 2.1: SHA-1 in base64 without its padding. It names; it proves nothing. */
export function searchKey(der: Buffer): string {
  return createHash('sha1').update(der).digest('base64').replace(/=+$/, '');
}

/** RFC 4387 section 2: one query to a certificate or CRL store, form-urlencoded. */
export function storeQuery(
  storeUrl: string,
  attribute: 'uri' | 'email' | 'sHash' | 'iHash',
  value: string,
): string {
  const [base = ''] = storeUrl.split('#');
  return `${base}${base.includes('?') ? '&' : '?'}${attribute}=${encodeURIComponent(value)}`;
}

/**
 * The certificates in an HTTP body: DER (RFC 2585 section 4), a certs-only message (RFC 5280
 * section 4.2.2.1), or several of these as multipart/mixed (RFC 4387 section 2). Servers often name
 * the wrong type, so the bytes decide; what they are not, yields nothing usable.
 */
export async function certificatesInAnswer(answer: {
  readonly contentType: string | null;
  readonly body: Buffer;
}): Promise<Buffer[]> {
  const bodies = await partsOf(answer.contentType ?? '', answer.body);
  return bodies.flatMap((body) => certificatesOfCertsOnly(body)).slice(0, MAX_CERTIFICATES);
}

async function partsOf(contentType: string, body: Buffer): Promise<Buffer[]> {
  if (!/^multipart\//i.test(contentType)) return [body];
  const head = Buffer.from(`Content-Type: ${contentType}\r\n\r\n`, 'latin1');
  const read = readEntityBytes(Buffer.concat([head, body]), LIMITS, { lineEnds: 'any' });
  if (read.kind === 'malformed') return [];
  const split = await splitMultipart(read.value, LIMITS, { lineEnds: 'any' });
  if (split.kind === 'malformed') return [];
  const bodies: Buffer[] = [];
  for (const part of split.parts) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of (await decodeBody(part)).open()) chunks.push(chunk);
    bodies.push(Buffer.concat(chunks));
  }
  return bodies;
}
