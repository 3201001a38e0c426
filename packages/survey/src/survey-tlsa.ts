import {
  DEFAULT_SMTP_TIMEOUTS,
  locateTlsa,
  openSession,
  type SmtpTarget,
} from '@sallyport/transport';
import type { DnssecState, SurveyedHost, SurveyPorts } from './survey-types.ts';

/** Nobody waits for a survey as long as for a delivery. */
export const SURVEY_TIMEOUTS = {
  ...DEFAULT_SMTP_TIMEOUTS,
  connectMs: 10_000,
  tlsMs: 10_000,
  greetingMs: 15_000,
  commandMs: 15_000,
};

export function dnssecOf(isSecure: boolean, ports: SurveyPorts): DnssecState {
  if (!ports.trustsDnssec) return 'unknown';
  return isSecure ? 'secure' : 'insecure';
}

type Tlsa = SurveyedHost['tlsa'];
type Place = Required<Pick<SmtpTarget, 'host' | 'port' | 'nexthopDomain' | 'hostSource'>>;

/** Where a host may be connected to, or why not. */
export type SurveyedAddress =
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'none'; readonly reason: string };

/** The TLSA records of a host, and whether they authenticate what it shows (RFC 7672). */
export async function surveyTlsa(
  address: SurveyedAddress,
  place: Place,
  ports: SurveyPorts,
): Promise<Tlsa> {
  const published = await publishedTlsa(place, ports);
  return { ...published, ...(await checkOf(address, place, ports)) };
}

async function publishedTlsa(
  { host, port }: Place,
  ports: SurveyPorts,
): Promise<Pick<Tlsa, 'dnssec' | 'records' | 'failure'>> {
  // RFC 7672 section 2.2.3
  const answer = await ports.lookup.resolver.query(`_${port}._tcp.${host}`, 'TLSA');
  if (answer.kind === 'failure') {
    return { dnssec: 'unknown', records: [], failure: answer.reason };
  }
  const records =
    answer.kind === 'none'
      ? []
      : answer.records.map(
          ({ usage, selector, matchingType }) => `${usage} ${selector} ${matchingType}`,
        );
  return { dnssec: dnssecOf(answer.secure, ports), records, failure: null };
}

type Check = Pick<Tlsa, 'check' | 'sentence'>;

/** As the level `dane-only` would: connects, and sends nothing. */
async function checkOf(found: SurveyedAddress, place: Place, ports: SurveyPorts): Promise<Check> {
  if (!ports.trustsDnssec) {
    return { check: 'unknown', sentence: 'no resolver whose word on DNSSEC counts was asked' };
  }
  const tlsa = await locateTlsa(place, ports.lookup.resolver);
  if (tlsa.kind === 'failure') return { check: 'unknown', sentence: tlsa.reason };
  if (tlsa.kind === 'none') return { check: 'not-applicable', sentence: tlsa.reason };
  if (found.kind === 'none') return { check: 'unknown', sentence: found.reason };
  const tlsRule = { level: 'dane-only', minVersion: 'TLSv1.2' } as const;
  // An MX that is not proven is told of elsewhere; here only the records are looked at.
  const hostSource = place.hostSource === 'insecure-mx' ? 'configured' : place.hostSource;
  const target = { ...place, hostSource, address: found.address, tlsRule, tlsa };
  const { ehloName, contexts } = ports;
  const opening = await openSession(target, { ehloName, contexts, timeouts: SURVEY_TIMEOUTS });
  if (opening.kind === 'open') {
    await opening.session.wire.quit(SURVEY_TIMEOUTS.quitMs);
    return { check: 'fits', sentence: opening.session.tlsSentence };
  }
  const { fault, sentence } = opening;
  if (fault === 'dane-required') return { check: 'unusable', sentence };
  return { check: fault === 'tls-not-trusted' ? 'misfit' : 'unknown', sentence };
}
