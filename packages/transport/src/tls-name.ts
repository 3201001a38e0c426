import type { X509Certificate } from 'node:crypto';

const MAX_NAMES = 1_000;

/**
 * The dNSNames of subjectAltName, lower case. The subject's common name never counts
 * (RFC 9525 section 2), nor does an IP address or URI.
 */
export function subjectDnsNames(certificate: X509Certificate): string[] {
  const text = certificate.subjectAltName ?? '';
  // Node quotes a value that holds odd characters as a JSON string, so that no value can
  // pretend to be two (CVE-2021-44532); a name that needs quotes is no name that we match.
  const names: string[] = [];
  for (const entry of text.matchAll(/(?:^|, )([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^,"]*)/g)) {
    const value = entry[2] ?? '';
    if (entry[1] !== 'DNS' || value.startsWith('"')) continue;
    names.push(value.toLowerCase().replace(/\.$/, ''));
    if (names.length === MAX_NAMES) break;
  }
  return names;
}

/**
 * True if a presented dNSName fits a wanted one.
 *
 * RFC 9525 section 6.3: `*` counts only as the whole left-most label and stands for one label.
 * A wanted `.bravo.example` means any name below it (Postfix smtp_tls_secure_cert_match).
 */
export function matchesDnsName(presented: string, wanted: string): boolean {
  const name = wanted.toLowerCase();
  const isWildcard = presented.startsWith('*.');
  const plain = isWildcard ? presented.slice(2) : presented;
  // "*" alone, in the middle, twice or as a part of a label is no name
  if (plain.includes('*') || !plain.includes('.')) return false;
  if (name.startsWith('.')) {
    const parent = name.slice(1);
    if (isWildcard) return plain === parent || plain.endsWith(name);
    return plain.endsWith(name) && plain.length > name.length;
  }
  if (!isWildcard) return presented === name;
  const dot = name.indexOf('.');
  return dot > 0 && name.slice(dot + 1) === plain;
}
