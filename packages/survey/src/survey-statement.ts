import { checkAuthorityName, checkNameMapping } from '@sallyport/domsec';
import { askForStatement, type DomainStatement, provePath } from '@sallyport/lookup';
import { type Domain, parseMailbox } from '@sallyport/mail';
import { type Certificate, parseCertificate } from '@sallyport/pki';
import type { SurveyedStatement, SurveyPorts } from './survey-types.ts';

const ASK_MS = 20_000;

/** What a domain says of itself (docs/trial-connect.md); null if it says nothing that can be read. */
export async function surveyStatement(
  domain: Domain,
  ports: SurveyPorts,
): Promise<SurveyedStatement | null> {
  const signal = AbortSignal.timeout(ASK_MS);
  for await (const { statement } of askForStatement(domain, ports.lookup, signal)) {
    if (statement !== null) return await judgeStatement(statement, ports);
  }
  return null;
}

async function judgeStatement(
  statement: DomainStatement,
  ports: SurveyPorts,
): Promise<SurveyedStatement> {
  const doubt = await whyNotBelieved(statement, ports);
  const { accepts, demands, tls, contact, expires } = statement;
  return {
    isBelieved: doubt === null,
    reason: doubt ?? 'signed by the domain signing authority, which has a path to an anchor',
    expires: expires.toISOString(),
    accepts,
    demands,
    tls: { level: tls.level, minVersion: tls.minVersion },
    contact,
  };
}

async function whyNotBelieved(
  { domain, signedBy, chain }: DomainStatement,
  ports: SurveyPorts,
): Promise<string | null> {
  const parsed = parseCertificate(signedBy);
  if (parsed.kind !== 'certificate') return parsed.reason;
  const leaf = parsed.value;
  const named = checkAuthorityName(leaf, 'domain');
  if (named.kind === 'mismatch') return named.reason;
  const anyone = parseMailbox(`postmaster@${domain}`);
  const mapped = checkNameMapping(leaf, anyone === null ? [] : [anyone]);
  if (mapped.kind === 'mismatch') return mapped.reason;
  const anchors = ports.anchorsFor(domain);
  if (anchors.length === 0) return 'no trust anchor is configured for this domain';
  const request = {
    leaf,
    intermediates: chain.flatMap(certificateOf),
    anchors,
    time: ports.lookup.clock.now(),
    purpose: 'email-sign',
    mode: 'soft',
  } as const;
  const { result } = await provePath(request, ports.lookup);
  return result.kind === 'valid' ? null : result.reason;
}

function certificateOf(der: Buffer): readonly Certificate[] {
  const parsed = parseCertificate(der);
  return parsed.kind === 'certificate' ? [parsed.value] : [];
}
