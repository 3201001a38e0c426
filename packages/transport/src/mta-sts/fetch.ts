import { type FetchPorts, fetchBounded } from '@sallyport/lookup';
import type { Domain } from '@sallyport/mail';
import { MAX_POLICY_BYTES, type MtaStsPolicy, parseMtaStsPolicy } from './policy.ts';

/** RFC 8460 section 4.3.2: why there is no policy though the record says that there is one. */
export type PolicyFault = 'sts-policy-fetch-error' | 'sts-policy-invalid' | 'sts-webpki-invalid';

/** How Node names what is wrong with a server's certificate. */
const CERTIFICATE_FAULT = /^(?:CERT_|ERR_TLS_CERT|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_)/;

export type FetchedMtaSts =
  | { readonly kind: 'policy'; readonly policy: MtaStsPolicy }
  | { readonly kind: 'failed'; readonly fault: PolicyFault; readonly reason: string };

/**
 * Fetches the policy of a domain from its policy host (RFC 8461 section 3.3): HTTPS with a verified
 * certificate, status 200, no redirect, text/plain, 64 KiB at the most.
 */
export async function fetchMtaSts(
  domain: Domain,
  ports: FetchPorts,
  signal: AbortSignal,
): Promise<FetchedMtaSts> {
  const url = `https://mta-sts.${domain}/.well-known/mta-sts.txt`;
  const answer = await fetchBounded({ url, maxBytes: MAX_POLICY_BYTES }, ports, signal);
  if (answer.kind !== 'response') {
    const isCertificate = CERTIFICATE_FAULT.test(answer.reason);
    return failed(isCertificate ? 'sts-webpki-invalid' : 'sts-policy-fetch-error', answer.reason);
  }
  if (answer.status !== 200) {
    return failed('sts-policy-fetch-error', `HTTP status ${answer.status}`);
  }
  const mediaType = (answer.contentType ?? '').split(';')[0]?.trim().toLowerCase();
  if (mediaType !== 'text/plain') {
    return failed('sts-policy-invalid', 'its media type is not text/plain');
  }
  const parsed = parseMtaStsPolicy(answer.body);
  if (parsed.kind === 'policy') return parsed;
  return failed('sts-policy-invalid', parsed.reason);
}

function failed(fault: PolicyFault, reason: string): FetchedMtaSts {
  return { kind: 'failed', fault, reason };
}
