import { type Authentication, type DkimFacts, SAID_BY_FRONT } from './facts.ts';

/**
 * The results of SPF, DKIM and DMARC as RFC 8601 section 2.2 wants them, one `resinfo` each without
 * its semicolon. Every value has been checked to be a domain, a token or a short text of ours.
 */
export function formatAuthentication({
  spf,
  dkim,
  dmarc,
  fromFront,
}: Authentication): readonly string[] {
  const reason = (method: 'spf' | 'dmarc') =>
    fromFront.includes(method) ? ` reason="${SAID_BY_FRONT}"` : '';
  const spfDomain = spf.domain === null ? '' : ` smtp.${spf.identity}=${spf.domain}`;
  const policy = dmarc.policy === null ? '' : ` policy.dmarc=${dmarc.policy}`;
  const author = dmarc.domain === null ? '' : ` header.from=${dmarc.domain}`;
  return [
    `spf=${spf.result}${reason('spf')}${spfDomain}`,
    ...(dkim.length === 0 ? ['dkim=none'] : dkim.map(formatSignature)),
    `dmarc=${dmarc.result}${reason('dmarc')}${author}${policy}`,
  ];
}

function formatSignature({
  result,
  reason,
  domain,
  selector,
  algorithm,
  start,
}: DkimFacts): string {
  return [
    `dkim=${result}`,
    ...(reason === null ? [] : [`reason="${reason}"`]),
    ...(domain === null ? [] : [`header.d=${domain}`]),
    ...(selector === null ? [] : [`header.s=${selector}`]),
    ...(algorithm === null ? [] : [`header.a=${algorithm}`]),
    ...(start === null ? [] : [`header.b="${start}"`]),
  ].join(' ');
}
