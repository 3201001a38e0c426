import { X509Certificate } from 'node:crypto';
import type { ClientFacts } from '@sallyport/ipc';

/** True if no name is demanded, or the client's certificate verified and carries it as a DNS name. */
export function clientNameMatches(client: ClientFacts | null, name: string | undefined): boolean {
  if (name === undefined) return true;
  const certificate = client?.tls?.clientCertificate ?? null;
  if (certificate === null || client?.tls?.clientAuthorized !== true) return false;
  try {
    const parsed = new X509Certificate(Buffer.from(certificate, 'base64'));
    // RFC 9525 section 6.3: the subject's common name is never a server or client name.
    return parsed.checkHost(name, { subject: 'never' }) !== undefined;
  } catch {
    return false;
  }
}
