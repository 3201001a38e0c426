import { X509Certificate } from 'node:crypto';
import type { ClientFacts } from '@sallyport/ipc';

/** True if the client shows each demanded name: those of every record that applies to a message. */
export function clientNamesMatch(client: ClientFacts | null, names: readonly string[]): boolean {
  return names.every((name) => clientNameMatches(client, name));
}

/** True if no name is demanded, or the client's certificate verified and carries it as a DNS name. */
export function clientNameMatches(client: ClientFacts | null, name: string | undefined): boolean {
  if (name === undefined) return true;
  const certificate = client?.tls?.clientCertificate ?? null;
  if (certificate === null || client?.tls?.clientAuthorized !== true) return false;
  try {
    const parsed = new X509Certificate(Buffer.from(certificate, 'base64'));
    // RFC 9525 section 6.3: the subject's common name is never a server or client name.
    // Section 6.3 too: a wildcard is the whole left-most label, or nothing.
    const rules = { subject: 'never', partialWildcards: false } as const;
    return parsed.checkHost(name, rules) !== undefined;
  } catch {
    return false;
  }
}
