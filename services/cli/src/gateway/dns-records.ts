import { createHash } from 'node:crypto';
import type { GatewayConfig } from '@sallyport/config';
import type { KeyRecord } from '@sallyport/ipc';
import { TLS_REPORT_LOCAL_PART } from '@sallyport/mail';
import type { Certificate } from '@sallyport/pki';
import type { ZoneRecord as CheckedRecord } from '@sallyport/survey';
import { dkimData, dkimName } from './dkim-record.ts';
import { formatMtaStsPolicy, mtaStsId } from './mta-sts.ts';

/** One line of a zone file. */
export interface ZoneRecord extends CheckedRecord {
  /** What it is good for. */
  readonly purpose: string;
}

/** What a domain publishes, as far as DNS shows it. */
export interface ZoneFacts {
  readonly domain: string;
  readonly gatewayName: string;
  /** Of the directory; null where it does not listen. */
  readonly ports: {
    readonly ldap: number | null;
    readonly ldaps: number | null;
    readonly http: number | null;
    readonly https: number | null;
  };
  readonly publish: GatewayConfig['domains'][number]['publish'];
  readonly authorities: readonly Certificate[];
  readonly dkimKeys?: readonly KeyRecord[];
  readonly tlsCertificate: Certificate | null;
}

const LABEL_BYTES = 28;
const HTTP_PORT = 80;

/** RFC 8162 section 3: where the association for an address stands. */
function smimeaName(localPart: string, domain: string): string {
  const label = createHash('sha256').update(localPart, 'utf8').digest().subarray(0, LABEL_BYTES);
  return `${label.toString('hex')}._smimecert.${domain}.`;
}

/** What a domain publishes so that partners find the gateway, its directory and its certificates. */
export function zoneRecords(facts: ZoneFacts): readonly ZoneRecord[] {
  const { domain, gatewayName, authorities, tlsCertificate } = facts;
  const records: ZoneRecord[] = [
    {
      name: `${domain}.`,
      type: 'MX',
      data: `10 ${gatewayName}.`,
      purpose: 'mail comes to the gateway',
    },
    ...directoryRecords(facts),
    ...webRecords(facts),
  ];
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
  return [...records, ...mailTlsRecords(facts), ...dkimRecords(facts)];
}

function srv(
  name: string,
  at: { readonly port: number; readonly target: string },
  purpose: string,
): ZoneRecord {
  return { name: `${name}.`, type: 'SRV', data: `10 10 ${at.port} ${at.target}.`, purpose };
}

function directoryRecords({ domain, gatewayName: target, ports }: ZoneFacts): ZoneRecord[] {
  const records: ZoneRecord[] = [];
  if (ports.ldap !== null) {
    const at = { port: ports.ldap, target };
    // RFC 4386 section 2, and RFC 2782 as deployed software asks it.
    records.push(
      srv(`_PKIXREP._LDAP.${domain}`, at, 'the directory (RFC 4386)'),
      srv(`_ldap._tcp.${domain}`, at, 'the directory (RFC 2782)'),
    );
  }
  if (ports.ldaps !== null) {
    const at = { port: ports.ldaps, target };
    records.push(srv(`_ldaps._tcp.${domain}`, at, 'the directory over TLS'));
  }
  return records;
}

function webRecords({ domain, gatewayName: target, ports }: ZoneFacts): ZoneRecord[] {
  const records: ZoneRecord[] = [];
  if (ports.http !== null) {
    const at = { port: ports.http, target };
    const crls = `crls.${domain}`;
    records.push(
      // RFC 4386 section 2, RFC 4387 section 3.2.
      srv(`_PKIXREP._HTTP.${domain}`, at, 'certificates by HTTP (RFC 4386)'),
      srv(`_certificates._tcp.${domain}`, at, 'certificates by HTTP (RFC 4387)'),
      // A name of its own tells the two stores apart: both have the path /search.cgi.
      srv(
        `_crls._tcp.${domain}`,
        { port: ports.http, target: crls },
        `the CRL by HTTP (RFC 4387); give ${crls} the addresses of ${target}, no CNAME`,
      ),
    );
    if (ports.http === HTTP_PORT) {
      records.push({
        name: `certificates.${domain}.`,
        type: 'CNAME',
        data: `${target}.`,
        purpose: 'certificates by HTTP at the well-known place (RFC 4387 section 3.3)',
      });
    }
  }
  if (ports.https !== null) {
    const at = { port: ports.https, target };
    records.push(srv(`_domsec._tcp.${domain}`, at, 'the signed statement for trial connect'));
  }
  return records;
}

function mailTlsRecords(facts: ZoneFacts): ZoneRecord[] {
  const { domain, publish } = facts;
  const reports = publish.tlsReports ?? `mailto:${TLS_REPORT_LOCAL_PART}@${domain}`;
  const records: ZoneRecord[] = [
    {
      name: `_smtp._tls.${domain}.`,
      type: 'TXT',
      data: `"v=TLSRPTv1; rua=${reports}"`,
      purpose: 'where reports of failed TLS go (RFC 8460)',
    },
  ];
  const policy = formatMtaStsPolicy(facts);
  if (policy !== null) {
    records.unshift({
      name: `_mta-sts.${domain}.`,
      type: 'TXT',
      data: `"v=STSv1; id=${mtaStsId(policy)};"`,
      purpose: 'there is an MTA-STS policy (RFC 8461); the id changes with its text',
    });
  }
  return records;
}

function dkimRecords({ dkimKeys = [] }: ZoneFacts): ZoneRecord[] {
  return dkimKeys.map((key) => ({
    name: dkimName(key),
    type: 'TXT',
    data: dkimData(key),
    purpose: `the DKIM key ${key.keyId}, which is ${key.state} (RFC 6376)`,
  }));
}

function certificateRecords(domain: string, certificate: Certificate): ZoneRecord[] {
  const [localPart] = certificate.commonNames;
  if (localPart === undefined) return [];
  const records = addressRecords({ localPart, domain, der: certificate.der });
  if (localPart === 'domain-confidentiality-authority') {
    records.push({
      name: `${domain}.`,
      type: 'CERT',
      data: certData(certificate.der),
      purpose: `${localPart}, bound to the domain`,
    });
  }
  return records;
}

/** RFC 4398 section 2.1: type PKIX, no key tag, no algorithm; bare DER. */
function certData(der: Buffer): string {
  return `PKIX 0 0 ${der.toString('base64')}`;
}

/**
 * What is published for the certificate of one address (RFC 8162 section 3, RFC 4398 section 3.2). Of a
 * local-part that is no host name there is no CERT record: its name would have to be escaped.
 */
export function addressRecords(of: {
  readonly localPart: string;
  readonly domain: string;
  readonly der: Buffer;
}): ZoneRecord[] {
  const { localPart, domain, der } = of;
  const records: ZoneRecord[] = [
    // RFC 8162 section 2: usage 3 (domain-issued), selector 0 (whole), matching type 0 (no hash).
    {
      name: smimeaName(localPart, domain),
      type: 'SMIMEA',
      data: `3 0 0 ${der.toString('hex')}`,
      purpose: `${localPart}; only in a zone signed with DNSSEC`,
    },
  ];
  if (/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(localPart)) {
    const name = `${localPart}.${domain}.`;
    records.push({ name, type: 'CERT', data: certData(der), purpose: localPart });
  }
  return records;
}
