import type { Domain } from '@sallyport/mail';
import { fetchMtaSts, readMtaStsId, readReportUris } from '@sallyport/transport';
import type { SurveyedMtaSts, SurveyedTlsRpt, SurveyPorts } from './survey-types.ts';

const FETCH_MS = 15_000;

/** The MTA-STS record of a domain and its policy (RFC 8461). */
export async function surveyMtaSts(domain: Domain, ports: SurveyPorts): Promise<SurveyedMtaSts> {
  const nothing = { id: null, policy: null };
  const answer = await ports.lookup.resolver.query(`_mta-sts.${domain}`, 'TXT');
  if (answer.kind === 'failure') {
    return { state: 'unavailable', ...nothing, reason: `DNS: ${answer.reason}` };
  }
  if (answer.kind === 'none') return { state: 'none', ...nothing, reason: 'no record' };
  const id = readMtaStsId(answer.records);
  if (id === null) {
    return { state: 'broken', ...nothing, reason: 'there is not exactly one well-formed record' };
  }
  const fetched = await fetchMtaSts(domain, ports.lookup, AbortSignal.timeout(FETCH_MS));
  if (fetched.kind === 'policy') {
    return { state: 'policy', id, policy: fetched.policy, reason: 'fetched and well-formed' };
  }
  return { state: 'broken', id, policy: null, reason: `${fetched.fault}: ${fetched.reason}` };
}

/** Where a domain wants reports about TLS (RFC 8460). */
export async function surveyTlsRpt(domain: Domain, ports: SurveyPorts): Promise<SurveyedTlsRpt> {
  const answer = await ports.lookup.resolver.query(`_smtp._tls.${domain}`, 'TXT');
  if (answer.kind === 'failure') return { state: 'unavailable', uris: [] };
  if (answer.kind === 'none') return { state: 'none', uris: [] };
  const uris = readReportUris(answer.records);
  return uris === null ? { state: 'broken', uris: [] } : { state: 'wanted', uris };
}
