import { createHash } from 'node:crypto';
import type { Certificate } from '@sallyport/pki';

/** One line of a zone file. */
export interface ZoneRecord {
  /** With its final dot. */
  readonly name: string;
  readonly type: 'MX' | 'SRV' | 'SMIMEA' | 'CERT' | 'TLSA';
  readonly data: string;
  /** What it is good for. */
  readonly purpose: string;
}

const LABEL_BYTES = 28;

/** RFC 8162 section 3: where the association for an address stands. */
function smimeaName(localPart: string, domain: string): string {
  const label = createHash('sha256').update(localPart, 'utf8').digest().subarray(0, LABEL_BYTES);
  return `${label.toString('hex')}._smimecert.${domain}.`;
}

/** What a domain publishes so that partners find the gateway, its directory and its certificates. */
export function zoneRecords(facts: {
  readonly domain: string;
  readonly gatewayName: string;
  readonly ldapPort: number | null;
  readonly authorities: readonly Certificate[];
  readonly tlsCertificate: Certificate | null;
}): readonly ZoneRecord[] {
  const { domain, gatewayName, ldapPort, authorities, tlsCertificate } = facts;
  const records: ZoneRecord[] = [
    {
      name: `${domain}.`,
      type: 'MX',
      data: `10 ${gatewayName}.`,
      purpose: 'mail comes to the gateway',
    },
  ];
  if (ldapPort !== null) {
    const data = `10 10 ${ldapPort} ${gatewayName}.`;
    // RFC 4386 section 2, and RFC 2782 as deployed software asks it.
    records.push(
      { name: `_PKIXREP._LDAP.${domain}.`, type: 'SRV', data, purpose: 'the directory (RFC 4386)' },
      { name: `_ldap._tcp.${domain}.`, type: 'SRV', data, purpose: 'the directory (RFC 2782)' },
    );
  }
  for (const certificate of authorities) records.push(...certificateRecords(domain, certificate));
  if (tlsCertificate !== null) {
    const digest = createHash('sha256').update(tlsCertificate.spki).digest('hex');
    const purpose = 'the TLS key (RFC 7672); only in a zone signed with DNSSEC';
    records.push({
      name: `_25._tcp.${gatewayName}.`,
      type: 'TLSA',
      data: `3 1 1 ${digest}`,
      purpose,
    });
  }
  return records;
}

function certificateRecords(domain: string, certificate: Certificate): ZoneRecord[] {
  const [localPart] = certificate.commonNames;
  if (localPart === undefined) return [];
  const hex = certificate.der.toString('hex');
  // RFC 4398 section 2.1: type PKIX, no key tag, no algorithm; bare DER.
  const cert = `PKIX 0 0 ${certificate.der.toString('base64')}`;
  const records: ZoneRecord[] = [
    // RFC 8162 section 2: usage 3 (domain-issued), selector 0 (whole), matching type 0 (no hash).
    {
      name: smimeaName(localPart, domain),
      type: 'SMIMEA',
      data: `3 0 0 ${hex}`,
      purpose: localPart,
    },
    { name: `${localPart}.${domain}.`, type: 'CERT', data: cert, purpose: localPart },
  ];
  if (localPart === 'domain-confidentiality-authority') {
    records.push({
      name: `${domain}.`,
      type: 'CERT',
      data: cert,
      purpose: `${localPart}, bound to the domain`,
    });
  }
  return records;
}
