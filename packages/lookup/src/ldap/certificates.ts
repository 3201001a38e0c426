import { AndFilter, EqualityFilter, OrFilter, PresenceFilter } from 'ldapts';
import { certificatesOfCertsOnly } from './certs-only.ts';
import type { LdapEntry, LdapSession } from './session.ts';

const MAX_VALUES = 16;
const MAX_VALUE_BYTES = 64 * 1024;

/** RFC 4523 section 4.1 and RFC 2798 section 2.8; some servers ignore or refuse `;binary`. */
const CERTIFICATE_ATTRIBUTES = [
  'userSMIMECertificate;binary',
  'userCertificate;binary',
  'userSMIMECertificate',
  'userCertificate',
] as const;

export type CertificateSearch =
  | { readonly kind: 'certificates'; readonly certificates: readonly Buffer[] }
  | { readonly kind: 'refused'; readonly code: number };

/**
 * The certificates of the entries whose `mail` is exactly `name` (CD-2), below one base DN. The
 * values reach the server as octets of a filter, never as filter text, so nothing can be injected.
 */
export async function searchCertificates(
  session: LdapSession,
  { baseDn, name }: { readonly baseDn: string; readonly name: string },
): Promise<CertificateSearch> {
  const holdsCertificate = new OrFilter({
    filters: CERTIFICATE_ATTRIBUTES.map((attribute) => new PresenceFilter({ attribute })),
  });
  const found = await session.search({
    baseDn,
    filter: new AndFilter({
      filters: [new EqualityFilter({ attribute: 'mail', value: name }), holdsCertificate],
    }),
    attributes: CERTIFICATE_ATTRIBUTES,
    explicitBufferAttributes: CERTIFICATE_ATTRIBUTES,
  });
  if (found.kind === 'refused') return found;
  return { kind: 'certificates', certificates: unique(found.entries.flatMap(certificatesOf)) };
}

/** RFC 2798 section 2.8: userSMIMECertificate is preferred for S/MIME where both are there. */
function certificatesOf(entry: LdapEntry): Buffer[] {
  const values = (name: string): Buffer[] =>
    [`${name};binary`, name]
      .flatMap((attribute) => entry.attributes.get(attribute) ?? [])
      .slice(0, MAX_VALUES)
      .filter((value) => value.length > 0 && value.length <= MAX_VALUE_BYTES);
  return [
    ...values('usersmimecertificate').flatMap((value) => certificatesOfCertsOnly(value)),
    ...values('usercertificate'),
  ];
}

function unique(certificates: readonly Buffer[]): Buffer[] {
  const seen = new Map(certificates.map((der) => [der.toString('latin1'), der]));
  return [...seen.values()];
}
