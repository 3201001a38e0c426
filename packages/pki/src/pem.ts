import { MAX_CERTIFICATE_BYTES, type ParsedCertificate, parseCertificate } from './certificate.ts';
import { MAX_CRL_BYTES, type ParsedCrl, parseCrl } from './crl.ts';

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

interface BlockKind<T> {
  readonly marks: RegExp;
  /** In people's words, several of them. */
  readonly name: string;
  readonly maxCharacters: number;
  readonly maxBlocks: number;
  readonly maxBlockBytes: number;
  readonly parse: (der: Buffer) => T;
}

type MalformedBlock = Extract<ParsedCertificate, { kind: 'malformed' }>;

const CERTIFICATES: BlockKind<ParsedCertificate> = {
  marks: /-----BEGIN (?:X509 )?CERTIFICATE-----([^-]*)-----END (?:X509 )?CERTIFICATE-----/g,
  name: 'certificates',
  maxCharacters: 16 * 1024 * 1024,
  maxBlocks: 1000,
  maxBlockBytes: MAX_CERTIFICATE_BYTES,
  parse: parseCertificate,
};

const CRLS: BlockKind<ParsedCrl> = {
  marks: /-----BEGIN X509 CRL-----([^-]*)-----END X509 CRL-----/g,
  name: 'CRLs',
  maxCharacters: MAX_CRL_BYTES * 2,
  maxBlocks: 1000,
  maxBlockBytes: MAX_CRL_BYTES,
  parse: parseCrl,
};

function malformed(reason: string): MalformedBlock {
  return { kind: 'malformed', reason };
}

function parseBlocks<T>(text: string, kind: BlockKind<T>): (T | MalformedBlock)[] {
  if (text.length > kind.maxCharacters) return [malformed('the PEM text is too long')];
  const found: (T | MalformedBlock)[] = [];
  for (const [, body = ''] of text.matchAll(kind.marks)) {
    if (found.length === kind.maxBlocks) {
      found.push(malformed(`more than ${kind.maxBlocks} ${kind.name}`));
      break;
    }
    found.push(parseBlock(body, kind));
  }
  return found;
}

function parseBlock<T>(body: string, kind: BlockKind<T>): T | MalformedBlock {
  const text = body.replace(/\s+/g, '');
  const isBase64 = BASE64.test(text) && text.length % 4 === 0;
  return isBase64 && text.length <= kind.maxBlockBytes * 2
    ? kind.parse(Buffer.from(text, 'base64'))
    : malformed('a PEM block is not base64 or too long');
}

/** Every certificate block of a PEM text, in order (RFC 7468 section 5); other blocks are passed over. */
export function parsePemCertificates(text: string): ParsedCertificate[] {
  return parseBlocks(text, CERTIFICATES);
}

/** Every CRL block of a PEM text, in order (RFC 7468 section 6); other blocks are passed over. */
export function parsePemCrls(text: string): ParsedCrl[] {
  return parseBlocks(text, CRLS);
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
