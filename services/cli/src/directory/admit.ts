import { isReservedLocalPart } from '@sallyport/mail';
import { type Certificate, PKIX, parseCertificate } from '@sallyport/pki';
import {
  foldAddress,
  type KeyUse,
  MAX_ADDRESSES,
  type UserCertificate,
  userCertificateOf,
} from '@sallyport/published';

/** Why a certificate is not published; the word by which refusals are counted. */
type Refusal =
  | 'malformed'
  | 'expired'
  | 'not-yet-valid'
  | 'reserved-name'
  | 'no-address-of-ours'
  | 'certificate-authority'
  | 'key-not-accepted'
  | 'not-for-mail';

export type Admission =
  | { readonly kind: 'admitted'; readonly certificate: UserCertificate }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly reason: string };

/** Whether a certificate may stand in the directory as one of a user of ours. */
export function admitCertificate(
  der: Buffer,
  by: { readonly domains: ReadonlySet<string>; readonly now: Date },
): Admission {
  const parsed = parseCertificate(der);
  if (parsed.kind === 'malformed') return refused('malformed', parsed.reason);
  const { value } = parsed;
  const fault = faultOf(value, by.now);
  if (fault !== null) return fault;
  const addresses = value.mailboxes
    .filter(({ domain }) => by.domains.has(domain))
    .slice(0, MAX_ADDRESSES)
    .flatMap((mailbox) => foldAddress(`${mailbox.localPart}@${mailbox.domain}`) ?? []);
  if (addresses.length === 0) {
    return refused('no-address-of-ours', `it is for ${value.rfc822Names[0] ?? 'no address'}`);
  }
  return {
    kind: 'admitted',
    certificate: userCertificateOf(value, { mail: [...new Set(addresses)], use: useOf(value) }),
  };
}

function refused(refusal: Refusal, reason: string): Admission {
  return { kind: 'refused', refusal, reason };
}

function faultOf(certificate: Certificate, now: Date): Admission | null {
  const { profileFaults, unknownCritical, extendedKeyUsage } = certificate;
  const [profileFault] = profileFaults;
  if (profileFault !== undefined) return refused('malformed', `it ${profileFault}`);
  if (certificate.isCa) return refused('certificate-authority', 'it is a CA');
  if (certificate.notAfter < now) return refused('expired', 'it has expired');
  // It is newer than the one in force, and would take its place before its time.
  if (certificate.notBefore > now) return refused('not-yet-valid', 'it is not valid yet');
  const key = certificate.checkKey();
  if (key.kind !== 'ok') return refused('key-not-accepted', key.reason);
  const [unknown] = unknownCritical;
  if (unknown !== undefined) {
    return refused('not-for-mail', `it has the unknown critical extension ${unknown}`);
  }
  const usages: readonly string[] = [PKIX.emailProtection, PKIX.anyExtendedKeyUsage];
  if (extendedKeyUsage?.some((oid) => usages.includes(oid)) === false) {
    return refused('not-for-mail', 'its extended key usage does not allow mail');
  }
  // RFC 3183 section 6, DS-N11: nobody but the domain's authority has these names, in any domain.
  const names = [
    ...certificate.commonNames,
    ...certificate.mailboxes.map(({ localPart }) => localPart),
  ];
  const reserved = names.find((name) => isReservedLocalPart(name));
  if (reserved === undefined) return null;
  return refused('reserved-name', `${reserved} is a name of the domain's own authority`);
}

function useOf({ keyUsage, checkKey }: Certificate): KeyUse {
  if (keyUsage !== null) {
    return keyUsage.has('keyEncipherment') || keyUsage.has('keyAgreement')
      ? 'encryption'
      : 'signature';
  }
  const key = checkKey();
  const type = key.kind === 'ok' ? (key.key.asymmetricKeyType ?? '') : '';
  return /^(ed|ml-dsa|slh-dsa)/.test(type) ? 'signature' : 'encryption';
}
