import {
  type Domain,
  formatMailbox,
  isSameOrSubdomain,
  type Mailbox,
  parseDomain,
  parseMailbox,
  sameMailbox,
} from '@sallyport/mail';
import { type Certificate, formatName, PKIX, type ValidatedCertificate } from '@sallyport/pki';
import { checkDomainComponents, checkX500, type FormCheck } from './naming-dn.ts';
import { isPublicSuffix } from './public-suffix.ts';

/** The names that RFC 3183 sections 3.1.1 and 4.1 give to the authorities of a domain. */
export const AUTHORITY_NAMES = {
  domain: 'domain-signing-authority',
  review: 'review-authority',
  attribute: 'attribute-authority',
  confidentiality: 'domain-confidentiality-authority',
} as const;

export type AuthorityRole = keyof typeof AUTHORITY_NAMES;

/** The convention that matched is recorded with every verdict (DS-N12). */
export type NameCheck =
  | {
      readonly kind: 'ok';
      readonly convention: 'rfc822' | 'dn' | 'exception';
      /** Which name covered what, or which exception. */
      readonly matched?: string;
    }
  | { readonly kind: 'mismatch'; readonly reason: string };

/** DS-N6: a convention of its own, agreed with one partner beforehand; dated, never a global switch. */
export interface NameException {
  /**
   * One name of the certificate: the subject as RFC 4514 text, an address, `dns:` with a dNSName, or
   * `sha256:` with the fingerprint.
   */
  readonly subject: string;
  /** Last day it holds, `2026-12-31`, in UTC. */
  readonly until: string;
}

interface CommonOptions {
  /** The domains of the partner's record: no name above them, and no originator outside them. */
  readonly partnerDomains?: readonly Domain[];
  /** The originators' own certificates, whose subjects are compared with the signer's. */
  readonly originatorCertificates?: readonly ValidatedCertificate[];
}

/** Exceptions are dated, so whoever gives some must give the time. */
export type NameMappingOptions = CommonOptions &
  (
    | { readonly exceptions?: never; readonly time?: Date }
    | { readonly exceptions: readonly NameException[]; readonly time: Date }
  );

/**
 * What the records of partners let naming use beside the RFC's own rule (DS-N6): their domains, in
 * the patterns of the policy, and their dated exceptions.
 */
export function namingOptions(
  trusts: readonly { readonly exceptions: readonly NameException[] }[],
  domainPatterns: readonly string[],
  time: Date,
): NameMappingOptions {
  const partnerDomains = domainPatterns.flatMap(
    (pattern) => parseDomain(pattern.replace(/^\*\./, '')) ?? [],
  );
  return {
    exceptions: trusts.flatMap((trust) => trust.exceptions),
    ...(partnerDomains.length > 0 ? { partnerDomains } : {}),
    time,
  };
}

function mismatch(reason: string): NameCheck {
  return { kind: 'mismatch', reason };
}

/** Every address the certificate carries, the subject's emailAddress also where a SAN stands. */
function addressesOf(certificate: Certificate): string[] {
  const inSubject = certificate.subjectNames
    .flat()
    .flatMap(({ oid, value }) => (oid === PKIX.emailAddress ? [value] : []));
  const { rfc822Names, smtpUtf8Names } = certificate;
  return [...new Set([...rfc822Names, ...smtpUtf8Names, ...inSubject])];
}

/**
 * DS-N1, DS-N2: exactly one common name, the authority's, and the same as local-part of every
 * address (RFC 3183 sections 3.1.1 and 4.1). Case does not count (X.520 caseIgnoreMatch).
 */
export function checkAuthorityName(certificate: Certificate, role: AuthorityRole): NameCheck {
  const wanted = AUTHORITY_NAMES[role];
  const [name, ...more] = certificate.commonNames;
  if (name === undefined) return mismatch(`the certificate has no common name, not ${wanted}`);
  if (more.length > 0) return mismatch('the certificate has more than one common name');
  if (name.toLowerCase() !== wanted) return mismatch(`the common name is ${name}, not ${wanted}`);
  const addresses = addressesOf(certificate);
  const stray = addresses.find(
    (address) => parseMailbox(address)?.localPart.toLowerCase() !== wanted,
  );
  if (stray !== undefined) return mismatch(`the address ${stray} is not that of ${wanted}`);
  return { kind: 'ok', convention: addresses.length > 0 ? 'rfc822' : 'dn', matched: wanted };
}

function isWithinPartner(domain: Domain, partnerDomains: readonly Domain[] | undefined): boolean {
  if (partnerDomains === undefined) return true;
  return partnerDomains.some((partner) => isSameOrSubdomain(domain, partner));
}

/** DS-N9: whole labels, no public suffix, nothing above the domains of the partner's record. */
function mayStandFor(
  authority: Domain,
  originator: Domain,
  partnerDomains: readonly Domain[] | undefined,
): boolean {
  return (
    isSameOrSubdomain(originator, authority) &&
    !isPublicSuffix(authority) &&
    isWithinPartner(authority, partnerDomains)
  );
}

function checkAddresses(
  certificate: Certificate,
  originators: readonly Mailbox[],
  partnerDomains: readonly Domain[] | undefined,
): FormCheck {
  const addresses = addressesOf(certificate);
  if (addresses.length === 0) return { kind: 'absent' };
  const domains = addresses.flatMap((address) => parseMailbox(address)?.domain ?? []);
  const stray = originators.find(
    ({ domain }) => !domains.some((name) => mayStandFor(name, domain, partnerDomains)),
  );
  const names = addresses.join(', ');
  if (stray === undefined) return { kind: 'pass', matched: names };
  return { kind: 'fail', reason: `${names} does not stand for ${stray.domain}` };
}

/** DS-N10: a DN is compared with the subject of the originator's own certificate, or not at all. */
function checkSubject(
  form: (signer: Certificate, originator: Certificate) => FormCheck,
  { certificate, originators, options }: MappingInput,
): FormCheck {
  const perOriginator = originators.map((originator) =>
    (options.originatorCertificates ?? [])
      .map((own) => own.certificate)
      .filter((own) => own.mailboxes.some((mailbox) => sameMailbox(mailbox, originator)))
      .map((own) => form(certificate, own))
      .filter((check) => check.kind !== 'absent'),
  );
  const failed = perOriginator.flat().find((check) => check.kind === 'fail');
  if (failed !== undefined) return failed;
  // Several originators: a form speaks only if it speaks for every one.
  if (perOriginator.some((checks) => checks.length === 0)) return { kind: 'absent' };
  return perOriginator.flat()[0] ?? { kind: 'absent' };
}

interface MappingInput {
  readonly certificate: Certificate;
  readonly originators: readonly Mailbox[];
  readonly options: NameMappingOptions;
}

/** DS-N10: every form that has a counterpart must pass, and at least one must. */
function checkForms(input: MappingInput): NameCheck {
  const { certificate, originators, options } = input;
  const forms = {
    rfc822: checkAddresses(certificate, originators, options.partnerDomains),
    x500: checkSubject(checkX500, input),
    dc: checkSubject(
      (signer, own) => checkDomainComponents(signer, own, options.partnerDomains),
      input,
    ),
  };
  for (const check of Object.values(forms)) {
    if (check.kind === 'fail') return mismatch(check.reason);
  }
  if (forms.rfc822.kind === 'pass') {
    return { kind: 'ok', convention: 'rfc822', matched: forms.rfc822.matched };
  }
  const passed = [forms.x500, forms.dc].find((check) => check.kind === 'pass');
  if (passed !== undefined) return { kind: 'ok', convention: 'dn', matched: passed.matched };
  const subject = formatName(certificate.subjectName);
  return mismatch(`${subject} has no address to compare with the originators' domains`);
}

/** RFC 4514 text as people write it: case and blanks after separators do not count. */
function plain(text: string): string {
  return text
    .toLowerCase()
    .replace(/\s*([,+=])\s*/g, '$1')
    .trim();
}

/** True if `subject` names the certificate: an address, a subject, `dns:` or `sha256:` as in `NameException`. */
export function isNamedBy(certificate: Certificate, subject: string): boolean {
  if (subject.startsWith('sha256:')) {
    return subject.slice(7).replaceAll(':', '').toLowerCase() === certificate.fingerprint;
  }
  if (subject.startsWith('dns:')) {
    return certificate.dnsNames.includes(subject.slice(4).trim().toLowerCase());
  }
  const wanted = parseMailbox(subject);
  if (wanted !== null) {
    return certificate.mailboxes.some((mailbox) => sameMailbox(mailbox, wanted));
  }
  return plain(formatName(certificate.subjectName)) === plain(subject);
}

/** The whole last day belongs to it; a date that cannot be read has passed. */
function isInForce(exception: NameException, time: Date): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(exception.until)) return false;
  return time.getTime() <= new Date(`${exception.until}T23:59:59.999Z`).getTime();
}

/** DS-N6: an exception covers the partner's own domains only, so without them it covers nobody. */
function findException({ certificate, originators, options }: MappingInput): NameException | null {
  if (options.exceptions === undefined) return null;
  const partnerDomains = options.partnerDomains ?? [];
  if (!originators.every(({ domain }) => isWithinPartner(domain, partnerDomains))) return null;
  const { exceptions, time } = options;
  return (
    exceptions.find(
      (exception) => isInForce(exception, time) && isNamedBy(certificate, exception.subject),
    ) ?? null
  );
}

/**
 * The name mapping rule: the domain part of the authority's name must be the same as, or an
 * ascendant of, the domain of every originator (RFC 3183 sections 3.1.1 and 4.1; DS-N3 to DS-N10).
 * For a domain-confidentiality-authority the originators are the mailboxes it is to receive for.
 *
 * @returns `exception` only for a certificate that the rule and the authority names do not fit.
 */
export function checkNameMapping(
  certificate: Certificate,
  originators: readonly Mailbox[],
  options: NameMappingOptions = {},
): NameCheck {
  if (originators.length === 0) return mismatch('there is no originator to compare with');
  const input: MappingInput = { certificate, originators, options };
  const stranger = originators.find(
    ({ domain }) => !isWithinPartner(domain, options.partnerDomains),
  );
  if (stranger !== undefined) {
    return mismatch(`${formatMailbox(stranger)} is in no domain of this partner`);
  }
  const mapped = checkForms(input);
  if (mapped.kind === 'ok' && isNamedAsAuthority(certificate)) return mapped;
  const exception = findException(input);
  if (exception === null) return mapped;
  const matched = `exception for ${exception.subject} until ${exception.until}`;
  return { kind: 'ok', convention: 'exception', matched };
}

function isNamedAsAuthority(certificate: Certificate): boolean {
  return (['domain', 'confidentiality'] as const).some(
    (role) => checkAuthorityName(certificate, role).kind === 'ok',
  );
}
