import { MAX_CERTIFICATE_BYTES, type ParsedCertificate, parseCertificate } from './certificate.ts';
import { MAX_CRL_BYTES, type ParsedCrl, parseCrl } from './crl.ts';

/** The most certificates that one PEM text may hold. */
const MAX_PEM_CERTIFICATES = 1000;
const MAX_PEM_CHARACTERS = 16 * 1024 * 1024;
const BLOCK = /-----BEGIN (?:X509 )?CERTIFICATE-----([^-]*)-----END (?:X509 )?CERTIFICATE-----/g;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

function decodeBlock(body: string): ParsedCertificate {
  const text = body.replace(/\s+/g, '');
  const isBase64 = BASE64.test(text) && text.length % 4 === 0;
  if (!isBase64 || text.length > MAX_CERTIFICATE_BYTES * 2) {
    return { kind: 'malformed', reason: 'a PEM block is not base64 or too long' };
  }
  return parseCertificate(Buffer.from(text, 'base64'));
}

/** Every certificate block of a PEM text, in order (RFC 7468 section 5); other blocks are passed over. */
export function parsePemCertificates(text: string): ParsedCertificate[] {
  if (text.length > MAX_PEM_CHARACTERS) {
    return [{ kind: 'malformed', reason: 'the PEM text is too long' }];
  }
  const found: ParsedCertificate[] = [];
  for (const [, body = ''] of text.matchAll(BLOCK)) {
    if (found.length === MAX_PEM_CERTIFICATES) {
      found.push({ kind: 'malformed', reason: `more than ${MAX_PEM_CERTIFICATES} certificates` });
      break;
    }
    found.push(decodeBlock(body));
  }
  return found;
}

/** The most CRLs that one PEM text may hold. */
const MAX_PEM_CRLS = 1000;
const CRL_BLOCK = /-----BEGIN X509 CRL-----([^-]*)-----END X509 CRL-----/g;

function decodeCrlBlock(body: string): ParsedCrl {
  const text = body.replace(/\s+/g, '');
  const isBase64 = BASE64.test(text) && text.length % 4 === 0;
  if (!isBase64 || text.length > MAX_CRL_BYTES * 2) {
    return { kind: 'malformed', reason: 'a PEM block is not base64 or too long' };
  }
  return parseCrl(Buffer.from(text, 'base64'));
}

/** Every CRL block of a PEM text, in order (RFC 7468 section 6); other blocks are passed over. */
export function parsePemCrls(text: string): ParsedCrl[] {
  if (text.length > MAX_CRL_BYTES * 2) {
    return [{ kind: 'malformed', reason: 'the PEM text is too long' }];
  }
  const found: ParsedCrl[] = [];
  for (const [, body = ''] of text.matchAll(CRL_BLOCK)) {
    if (found.length === MAX_PEM_CRLS) {
      found.push({ kind: 'malformed', reason: `more than ${MAX_PEM_CRLS} CRLs` });
      break;
    }
    found.push(decodeCrlBlock(body));
  }
  return found;
}

/** RFC 7468 section 2: 64 columns. */
export function formatPem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** A certificate as PEM text. */
export function formatPemCertificate(der: Buffer): string {
  return formatPem('CERTIFICATE', der);
}
