import { type Domain, parseDomain } from '@sallyport/mail';
import type { UntrustedCertificate } from './certificate.ts';
import { cleanDnsName, formatIp, parseIp } from './general-names.ts';

export type TlsNameCheck =
  /** `presented` is the name in the certificate, `wanted` the one it stands for. */
  | { readonly kind: 'ok'; readonly presented: string; readonly wanted: string }
  | { readonly kind: 'mismatch'; readonly reason: string };

type Host = Pick<UntrustedCertificate, 'dnsNames' | 'ipAddresses'>;

/** RFC 9525 section 6.3: `*` is the whole left-most label and stands for exactly one. */
function isForHost(presented: string, host: Domain): boolean {
  const clean = cleanDnsName(presented);
  if (clean === null) return false;
  if (!clean.startsWith('*.')) return parseDomain(clean) === host;
  const parent = clean.slice(2);
  // A wildcard right below a top-level domain stands for strangers.
  if (!parent.includes('.')) return false;
  return host.slice(host.indexOf('.') + 1) === parent && host.includes('.');
}

/** `.bravo.example` wants any name below bravo.example, by whole labels, and not that name itself. */
function isBelow(presented: string, ancestor: Domain): boolean {
  const clean = cleanDnsName(presented);
  if (clean === null) return false;
  if (clean.startsWith('*.')) {
    const parent = clean.slice(2);
    return parent === ancestor || parent.endsWith(`.${ancestor}`);
  }
  return clean.endsWith(`.${ancestor}`);
}

function findPresented(certificate: Host, wanted: string): string | undefined {
  const address = parseIp(wanted);
  if (address !== null) {
    const text = formatIp(address);
    return certificate.ipAddresses.find((presented) => presented === text);
  }
  if (wanted.startsWith('.')) {
    const ancestor = parseDomain(wanted.slice(1));
    if (ancestor === null) return undefined;
    return certificate.dnsNames.find((presented) => isBelow(presented, ancestor));
  }
  const host = parseDomain(wanted);
  if (host === null) return undefined;
  return certificate.dnsNames.find((presented) => isForHost(presented, host));
}

/**
 * Checks that a TLS certificate is for `name`, or, where `match` has entries, for one of those
 * instead. Only subjectAltName counts: dNSName, and iPAddress for an address (RFC 9525 section 6).
 */
export function checkTlsName(
  certificate: Host,
  name: string,
  match: readonly string[] = [],
): TlsNameCheck {
  const wantedNames = match.length > 0 ? match : [name];
  for (const wanted of wantedNames) {
    const presented = findPresented(certificate, wanted);
    if (presented !== undefined) return { kind: 'ok', presented, wanted };
  }
  const shown = [...certificate.dnsNames, ...certificate.ipAddresses].slice(0, 8).join(', ');
  const has = shown === '' ? 'it names no host in subjectAltName' : `it is for ${shown}`;
  return { kind: 'mismatch', reason: `not a certificate for ${wantedNames.join(' or ')}; ${has}` };
}
