import { X509Certificate } from 'node:crypto';
import type { ClientFacts } from '@sallyport/ipc';
import { parseCertificate, type UntrustedCertificate, validatePath } from '@sallyport/pki';
import type { ClientDemand } from '@sallyport/policy';
import { certificatesOf } from '../shared/policy-certificates.ts';

/** What may be said of the TLS of the partner itself: behind a front, nothing. */
export function observedTls(client: ClientFacts | null): 'none' | 'encrypted' | 'not-observable' {
  if (client?.front !== undefined) return 'not-observable';
  return client === null || client.tls === null ? 'none' : 'encrypted';
}

/** True if the client shows all that every record that applies to a message demands of it. */
export function meetsDemands(
  client: ClientFacts | null,
  demands: readonly ClientDemand[],
  now: Date,
): boolean {
  return demands.every((demand) => meets(client?.tls ?? null, demand, now));
}

function meets(tls: ClientFacts['tls'], { name, anchors }: ClientDemand, now: Date): boolean {
  const certificate = tls?.clientCertificate ?? null;
  if (tls === null || certificate === null) return false;
  const isVouchedFor =
    anchors === 'gateway' ? tls.clientAuthorized : isTrusted(certificate, tls, { anchors, now });
  return isVouchedFor && bearsName(certificate, name);
}

function isTrusted(
  certificate: string,
  { clientChain }: NonNullable<ClientFacts['tls']>,
  { anchors, now: time }: { readonly anchors: readonly string[]; readonly now: Date },
): boolean {
  const leaf = parsed(certificate)[0];
  if (leaf === undefined) return false;
  const intermediates = (clientChain ?? []).flatMap(parsed);
  const purpose = 'tls-client';
  const found = validatePath({
    ...{ leaf, intermediates, time, purpose },
    anchors: certificatesOf(anchors),
  });
  return found.kind === 'valid';
}

function parsed(base64: string): readonly UntrustedCertificate[] {
  const result = parseCertificate(Buffer.from(base64, 'base64'));
  return result.kind === 'certificate' ? [result.value] : [];
}

function bearsName(certificate: string, name: string): boolean {
  try {
    const read = new X509Certificate(Buffer.from(certificate, 'base64'));
    // RFC 9525 section 6.3: the subject's common name is never a server or client name.
    // Section 6.3 too: a wildcard is the whole left-most label, or nothing.
    const rules = { subject: 'never', partialWildcards: false } as const;
    return read.checkHost(name, rules) !== undefined;
  } catch {
    return false;
  }
}
