import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeCa, type TestCa } from './ca.ts';

/** What is wrong with a decoy; each is right in all else. */
export type Flaw = 'expired' | 'of-tomorrow' | 'of-a-stranger' | 'for-signing';

/** Certificates as a partner's CA issues them to be encrypted to; OpenSSL makes them. */
export interface MailCertificates {
  /** PEM of the anchor. */
  readonly anchor: string;
  /** The person's own. */
  ofAddress(address: string, change?: Change): Promise<Buffer>;
  /** The RFC 3183 authority's. */
  ofAuthority(domain: string, change?: Change): Promise<Buffer>;
  /** Bound to a domain by its dNSName alone, as Direct does (DS-N12). */
  ofDnsName(domain: string): Promise<Buffer>;
}

interface Change {
  readonly flaw?: Flaw;
  /** Further lines of an OpenSSL extension section. */
  readonly extensions?: readonly string[];
}

/** Every flaw there is. */
export const FLAWS: readonly Flaw[] = ['expired', 'of-tomorrow', 'of-a-stranger', 'for-signing'];

const DAY_MS = 86_400_000;

/** Makes the partner's CA and a stranger's in this folder. */
export async function makeMailCertificates(folder: string): Promise<MailCertificates> {
  const [own, stranger] = await Promise.all([
    makeCaIn(join(folder, 'own'), 'CA of the partner'),
    makeCaIn(join(folder, 'stranger'), 'CA of a stranger'),
  ]);
  let made = 0;
  const issue = async (commonName: string, altName: string, change?: Change): Promise<Buffer> => {
    made += 1;
    const { flaw, extensions = [] } = change ?? {};
    const ca = flaw === 'of-a-stranger' ? stranger : own;
    const usage = flaw === 'for-signing' ? 'digitalSignature' : 'keyAgreement';
    const issued = await ca.issue({
      name: `mail-${made}`,
      commonName,
      key: 'ec',
      extensions: [
        `subjectAltName=${altName}`,
        'extendedKeyUsage=emailProtection',
        `keyUsage=critical,${usage}`,
        ...extensions,
      ],
      ...datesOf(flaw),
    });
    return issued.der;
  };
  return {
    anchor: own.pem,
    ofAddress: (address, change) => issue(address.split('@')[0] ?? '', `email:${address}`, change),
    ofAuthority: (domain, change) => issue(AUTHORITY, `email:${AUTHORITY}@${domain}`, change),
    ofDnsName: (domain) => issue(domain, `DNS:${domain}`),
  };
}

const AUTHORITY = 'domain-confidentiality-authority';

async function makeCaIn(folder: string, name: string): Promise<TestCa> {
  await mkdir(folder, { recursive: true });
  return await makeCa(folder, name);
}

function datesOf(flaw: Flaw | undefined): { notBefore?: string; notAfter?: string } {
  switch (flaw) {
    case 'expired':
      return { notBefore: stamp(-9), notAfter: stamp(-1) };
    case 'of-tomorrow':
      return { notBefore: stamp(1), notAfter: stamp(9) };
    default:
      return {};
  }
}

/** `YYMMDDHHMMSSZ`, some days from now. */
function stamp(days: number): string {
  const time = new Date(Date.now() + days * DAY_MS).toISOString();
  return `${time.slice(2, 19).replace(/[-T:]/g, '')}Z`;
}

/** A CERT record (RFC 4398) that holds the certificate itself. */
export function certRecord(name: string, certificate: Buffer): string {
  return `${name} IN CERT PKIX 0 0 ${certificate.toString('base64')}`;
}
