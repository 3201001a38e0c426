import { createHash } from 'node:crypto';
import type { FaultId } from '@sallyport/faults';
import {
  checkTlsName,
  parseCertificate,
  parsePemCertificates,
  type UntrustedCertificate,
} from '@sallyport/pki';
import { checkDane, checkPath } from './dane/check-dane.ts';
import { shownNames } from './shown-names.ts';
import type { TlsDemand, TlsIdentityCheck } from './tls-demand-types.ts';
import type { TlsResultType } from './tls-result.ts';
import type { TlsPin } from './tls-rule.ts';

/** What one TLS handshake showed. */
export interface TlsSessionFacts {
  /** As Node names it, for example `TLSv1.3`; null if there was none. */
  readonly protocol: string | null;
  readonly cipher: string;
  /** DER, the server's own certificate first; empty if it showed none. */
  readonly chain: readonly Buffer[];
  /** The chain leads to the anchors that the connection was given, and is valid now. */
  readonly authorized: boolean;
  readonly authorizationError: string | null;
  /** The host that was connected to. */
  readonly mx: string;
  readonly now: Date;
}

/** What one check found; a failure in the words of a TLS report (RFC 8460 section 4.3). */
export interface IdentityFinding {
  readonly check: TlsIdentityCheck;
  readonly failure: { readonly result: TlsResultType; readonly reason: string } | null;
  readonly sentence: string;
}

export type TlsCheck =
  | {
      readonly kind: 'ok';
      readonly sentence: string;
      readonly findings: readonly IdentityFinding[];
    }
  | {
      readonly kind: 'refuse';
      readonly fault: FaultId;
      readonly sentence: string;
      readonly findings: readonly IdentityFinding[];
    };

const RANK: Readonly<Record<string, number>> = { 'TLSv1.2': 2, 'TLSv1.3': 3 };

/**
 * Checks a session against the demand, after the handshake and before MAIL FROM. Pure and total.
 *
 * @returns `refuse` with `tls-handshake-failed` (too old) or `tls-not-trusted`.
 */
export function checkTlsSession(demand: TlsDemand, facts: TlsSessionFacts): TlsCheck {
  const { checks, observed, minVersion } = demand;
  const rank = RANK[facts.protocol ?? ''] ?? 0;
  if (rank < (RANK[minVersion] ?? Number.POSITIVE_INFINITY)) {
    const sentence = `${facts.mx} speaks ${facts.protocol ?? 'no TLS'}, the rule demands ${minVersion} or better`;
    return { kind: 'refuse', fault: 'tls-handshake-failed', sentence, findings: [] };
  }
  const findings = [...checks, ...observed].map((check) => findingOf(check, facts));
  const needed = findings.slice(0, checks.length);
  const failed = needed.find(({ failure }) => failure !== null);
  if (failed !== undefined) {
    const sentence = `${facts.mx}: ${failed.sentence}`;
    return { kind: 'refuse', fault: 'tls-not-trusted', sentence, findings };
  }
  const met = needed.map(({ sentence }) => sentence).join('; ');
  const session = `${facts.protocol ?? 'unknown TLS'} with ${facts.cipher}`;
  const sentence = `${session}; ${met || 'the rule asks for no identity'}`;
  return { kind: 'ok', sentence, findings };
}

function findingOf(check: TlsIdentityCheck, facts: TlsSessionFacts): IdentityFinding {
  const [leaf] = facts.chain;
  if (leaf === undefined) {
    return failed(check, 'certificate-not-trusted', 'the server showed no certificate');
  }
  switch (check.kind) {
    case 'pins':
      return checkPins(check, leaf, facts.now);
    case 'names':
      return checkNames(check, leaf, facts);
    case 'dane':
      return checkTlsa(check, facts);
  }
}

type CheckOf<Kind extends TlsIdentityCheck['kind']> = Extract<TlsIdentityCheck, { kind: Kind }>;

function checkPins(check: CheckOf<'pins'>, leaf: Buffer, now: Date): IdentityFinding {
  const parsed = read(leaf);
  const spki = parsed === null ? null : createHash('sha256').update(parsed.spki).digest('hex');
  const pin = check.pins.find((one) => one.spki === spki);
  if (pin === undefined) {
    const shown = spki === null ? 'that cannot be read' : spki;
    return failed(
      check,
      'certificate-not-trusted',
      `it shows the public key ${shown}, which is not pinned`,
    );
  }
  if (isTooEarly(pin, now)) {
    const reason = `it shows the public key that is pinned from ${pin.from} on only`;
    return failed(check, 'certificate-not-trusted', reason);
  }
  const which = {
    current: 'pinned',
    backup: 'pinned as backup',
    pending: 'pinned as the next one',
  };
  return met(check, `public key ${pin.spki.slice(0, 16)}… is ${which[pin.state]}`);
}

function isTooEarly({ state, from }: TlsPin, now: Date): boolean {
  return state === 'pending' && (from === undefined || now < new Date(`${from}T00:00:00Z`));
}

function checkNames(
  check: CheckOf<'names'>,
  leaf: Buffer,
  facts: TlsSessionFacts,
): IdentityFinding {
  const parsed = read(leaf);
  if (parsed === null) {
    return failed(check, 'certificate-not-trusted', 'its certificate is malformed');
  }
  const untrusted = check.anchors === undefined ? byHandshake(facts) : byPath(parsed, check, facts);
  if (untrusted !== null) {
    const { isExpired, why } = untrusted;
    const result = isExpired ? 'certificate-expired' : 'certificate-not-trusted';
    return failed(check, result, `its certificate is not trusted: ${why}`);
  }
  const name = checkTlsName(parsed, '', check.names);
  if (name.kind === 'ok')
    return met(check, `certificate for ${shownNames([name.presented])}, trusted`);
  const demanded = check.names.join(' or ');
  const who = check.policy === 'sts' ? 'the MTA-STS policy' : 'the rule';
  const reason = `its certificate is for ${shownNames(parsed.dnsNames)}; ${who} demands ${demanded}`;
  return failed(check, 'certificate-host-mismatch', reason);
}

interface Untrusted {
  readonly isExpired: boolean;
  readonly why: string;
}

function byHandshake({ authorized, authorizationError }: TlsSessionFacts): Untrusted | null {
  if (authorized) return null;
  const why = authorizationError ?? 'no path to a trusted anchor';
  return { isExpired: why.includes('HAS_EXPIRED'), why };
}

function byPath(
  leaf: UntrustedCertificate,
  { anchors = [] }: CheckOf<'names'>,
  { chain, now }: TlsSessionFacts,
): Untrusted | null {
  const parsed = anchors.flatMap(parsePemCertificates);
  const ders = parsed.flatMap((one) => (one.kind === 'certificate' ? [one.value.der] : []));
  const found = checkPath(leaf, { anchors: ders, issuers: chain.slice(1), now });
  return found === null ? null : { isExpired: found.cause === 'expired', why: found.reason };
}

const DANE_RESULT = {
  'no-match': 'certificate-not-trusted',
  'host-mismatch': 'certificate-host-mismatch',
  expired: 'certificate-expired',
  'not-trusted': 'certificate-not-trusted',
} as const;

function checkTlsa(check: CheckOf<'dane'>, { chain, now }: TlsSessionFacts): IdentityFinding {
  const found = checkDane(check.records, { chain, names: check.names, now });
  if (found.kind === 'ok') return met(check, `authenticated by TLSA ${found.record.slice(0, 24)}…`);
  return failed(check, DANE_RESULT[found.cause], `DANE: ${found.reason}`);
}

function met(check: TlsIdentityCheck, sentence: string): IdentityFinding {
  return { check, failure: null, sentence };
}

function failed(check: TlsIdentityCheck, result: TlsResultType, reason: string): IdentityFinding {
  return { check, failure: { result, reason }, sentence: reason };
}

function read(der: Buffer): UntrustedCertificate | null {
  const parsed = parseCertificate(der);
  return parsed.kind === 'certificate' ? parsed.value : null;
}
