import { X509Certificate } from 'node:crypto';
import type { FaultId } from '@sallyport/faults';
import { matchesDnsName, subjectDnsNames } from './tls-name.ts';
import type { TlsRule, TlsVersion } from './tls-rule.ts';

/** What one TLS handshake showed. */
export interface TlsSessionFacts {
  /** As Node names it, for example `TLSv1.3`; null if there was none. */
  readonly protocol: string | null;
  readonly cipher: string;
  readonly peerCertificateDer: Buffer | null;
  /** The chain leads to the anchors that the connection was given, and is valid now. */
  readonly authorized: boolean;
  readonly authorizationError: string | null;
  /** The domain that the recipient's address, or the route, names. */
  readonly nexthopDomain: string;
  /** The host that was connected to. */
  readonly mx: string;
}

export type TlsCheck =
  | { readonly kind: 'ok'; readonly sentence: string }
  | { readonly kind: 'refuse'; readonly fault: FaultId; readonly sentence: string };

const RANK: Readonly<Record<string, number>> = { 'TLSv1.2': 2, 'TLSv1.3': 3 };

/**
 * Checks a session against the rule, after the handshake and before MAIL FROM.
 *
 * @returns `refuse` with `tls-handshake-failed` (too old) or `tls-not-trusted`.
 */
export function checkTlsSession(rule: TlsRule, facts: TlsSessionFacts): TlsCheck {
  switch (rule.level) {
    case 'none':
    case 'may':
      return { kind: 'ok', sentence: `${describe(facts)}; the rule asks for no more` };
    case 'encrypt':
      return checkVersion(rule.minVersion, facts) ?? ok(facts, 'the rule asks for no identity');
    case 'secure':
      return checkVersion(rule.minVersion, facts) ?? checkIdentity(rule, facts);
  }
}

function checkVersion(minVersion: TlsVersion, facts: TlsSessionFacts): TlsCheck | null {
  const rank = RANK[facts.protocol ?? ''] ?? 0;
  if (rank >= (RANK[minVersion] ?? Number.POSITIVE_INFINITY)) return null;
  return refuse(
    'tls-handshake-failed',
    `${facts.mx} speaks ${facts.protocol ?? 'no TLS'}, the rule demands ${minVersion} or better`,
  );
}

function checkIdentity(
  rule: Extract<TlsRule, { level: 'secure' }>,
  facts: TlsSessionFacts,
): TlsCheck {
  if (facts.peerCertificateDer === null) {
    return refuse('tls-not-trusted', `${facts.mx} showed no certificate`);
  }
  if (!facts.authorized) {
    const why = facts.authorizationError ?? 'no path to a trusted anchor';
    return refuse('tls-not-trusted', `the certificate of ${facts.mx} is not trusted: ${why}`);
  }
  const names = dnsNamesOf(facts.peerCertificateDer);
  // RFC 3207 section 4.1 leaves the name to local policy; ours never takes it from insecure MX
  const wanted =
    rule.match.length > 0 ? rule.match : [facts.nexthopDomain, `.${facts.nexthopDomain}`];
  const found = names.find((name) => wanted.some((one) => matchesDnsName(name, one)));
  if (found !== undefined) return ok(facts, `certificate for ${found}, trusted`);
  const shown = names.length === 0 ? 'no name' : names.slice(0, 5).join(', ');
  return refuse(
    'tls-not-trusted',
    `the certificate of ${facts.mx} is for ${shown}; the rule demands ${wanted.join(' or ')}`,
  );
}

function dnsNamesOf(der: Buffer): string[] {
  try {
    return subjectDnsNames(new X509Certificate(der));
  } catch {
    return []; // bytes that are no certificate have no name
  }
}

function ok(facts: TlsSessionFacts, what: string): TlsCheck {
  return { kind: 'ok', sentence: `${describe(facts)}; ${what}` };
}

function refuse(fault: FaultId, sentence: string): TlsCheck {
  return { kind: 'refuse', fault, sentence };
}

function describe(facts: TlsSessionFacts): string {
  return `${facts.protocol ?? 'unknown TLS'} with ${facts.cipher}`;
}
