import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Domain } from '@sallyport/mail';
import {
  type Certificate,
  formatPemCertificate,
  generateKeyPairPem,
  issueCertificate,
  issueTlsServer,
  makeRoot,
  parseCertificate,
} from '@sallyport/pki';
import { UserCertificateWriter, userCertificateOf } from '@sallyport/published';

const NOT_BEFORE = new Date(Date.now() - 3_600_000);
const DOMAIN = 'bravo.example' as Domain;

function certificateOf(der: Buffer): Certificate {
  const parsed = parseCertificate(der);
  if (parsed.kind === 'malformed') throw new Error(parsed.reason);
  return parsed.value;
}

/** A CA of one test run: a TLS certificate for 127.0.0.1, and certificates of users. */
export function makeIdentity() {
  const root = generateKeyPairPem('ec-p256');
  const ca = certificateOf(
    makeRoot({
      privateKey: root.privateKeyPem,
      notBefore: NOT_BEFORE,
      days: 30,
      commonName: 'Test CA',
      domains: [DOMAIN, 'localhost' as Domain],
      ipRanges: ['127.0.0.0/8'],
    }),
  );
  const issuer = { certificate: ca, privateKey: root.privateKeyPem };
  const server = generateKeyPairPem('ec-p256');
  const tls = issueTlsServer({
    commonName: 'localhost',
    dnsNames: ['localhost'],
    ips: ['127.0.0.1'],
    spki: server.spki,
    issuer,
    notBefore: NOT_BEFORE,
    days: 30,
  });
  const userKey = generateKeyPairPem('ec-p256');
  return {
    ca,
    caPem: formatPemCertificate(ca.der),
    caKeyPem: root.privateKeyPem,
    tls: { certificatePem: formatPemCertificate(tls), keyPem: server.privateKeyPem },
    /** A certificate of the CA for an address. */
    certify: (mail: string, how: { readonly cn?: string; readonly days?: number } = {}) =>
      certificateOf(
        issueCertificate({
          subject: { cn: how.cn ?? mail },
          spki: userKey.spki,
          issuer,
          notBefore: NOT_BEFORE,
          ...(how.days === undefined
            ? { days: 30 }
            : { notAfter: new Date(NOT_BEFORE.getTime() + how.days * 86_400_000) }),
          emails: [mail],
          keyUsage: ['keyAgreement'],
        }),
      ),
  };
}

export type TestIdentity = ReturnType<typeof makeIdentity>;

/** Puts users' certificates into the store of a directory under test. */
export async function publishUsers(
  folder: string,
  users: readonly (readonly [mail: string, certificate: Certificate])[],
): Promise<void> {
  await using writer = await UserCertificateWriter.open(join(folder, 'users'));
  for (const [mail, certificate] of users) {
    await writer.add(userCertificateOf(certificate, { mail: [mail], use: 'encryption' }));
  }
}

/** Publishes the authorities of the domain, as `sallyport key activate` does. */
export async function publishAuthorities(folder: string, identity: TestIdentity) {
  const [confidentiality, signing] = (
    ['domain-confidentiality-authority', 'domain-signing-authority'] as const
  ).map((cn) => identity.certify(`${cn}@${DOMAIN}`, { cn }));
  if (confidentiality === undefined || signing === undefined) throw new Error('no authorities');
  const entries = [
    {
      cn: 'domain-confidentiality-authority',
      mail: [`domain-confidentiality-authority@${DOMAIN}`, DOMAIN],
      userCertificate: [confidentiality.der.toString('base64')],
    },
    {
      cn: 'domain-signing-authority',
      mail: [`domain-signing-authority@${DOMAIN}`],
      userCertificate: [signing.der.toString('base64')],
    },
  ];
  await writeFile(join(folder, 'entries.json'), JSON.stringify({ entries }));
  return { confidentiality, signing };
}
