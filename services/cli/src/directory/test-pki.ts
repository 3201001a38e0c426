import type { Domain } from '@sallyport/mail';
import {
  type CertificateRequest,
  formatPemCertificate,
  generateKeyPairPem,
  issueCertificate,
  makeRoot,
  parseCertificate,
} from '@sallyport/pki';

const DAY_MS = 86_400_000;
export const NOW = new Date('2026-06-01T00:00:00Z');

/** An existing PKI for tests: certificates of users, all of one key, so that many are made quickly. */
export function makeTestPki(now: Date = NOW) {
  const ca = generateKeyPairPem('ec-p256');
  const parsed = parseCertificate(
    makeRoot({
      privateKey: ca.privateKeyPem,
      notBefore: new Date(now.getTime() - 30 * DAY_MS),
      days: 365,
      commonName: 'Users CA',
      domains: ['acme.example' as Domain],
    }),
  );
  if (parsed.kind === 'malformed') throw new Error(parsed.reason);
  const issuer = { certificate: parsed.value, privateKey: ca.privateKeyPem };
  const { spki } = generateKeyPairPem('ec-p256');
  const issue = (mail: string, fields: Partial<CertificateRequest> = {}): Buffer =>
    issueCertificate({
      subject: { cn: 'Somebody' },
      notBefore: new Date(now.getTime() - DAY_MS),
      days: 30,
      emails: [mail],
      keyUsage: ['keyAgreement'],
      ...fields,
      spki,
      issuer,
    });
  return {
    issue,
    pem: (mail: string) => formatPemCertificate(issue(mail)),
    caDer: parsed.value.der,
  };
}
