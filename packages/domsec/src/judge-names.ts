import { formatMailbox, type Mailbox, sameMailbox } from '@sallyport/mail';
import type { Certificate } from '@sallyport/pki';
import { AUTHORITY_NAMES, checkAuthorityName, checkNameMapping, type NameCheck } from './naming.ts';
import type { LayerJudgeOptions, NamingRule, Role, Verdict } from './verdict-types.ts';

// DS-V3: without SignatureType it is the originator's. A signature that names several types counts
// as the strongest of them that the naming rule can prove.
export function roleOf(types: readonly string[] | null): Role {
  if (types === null) return 'originator';
  for (const role of ['domain', 'originator', 'review', 'additional-attributes'] as const) {
    if (types.includes(role)) return role;
  }
  return 'other';
}

/** What the name of a signer says of the originators. */
interface Mapping {
  readonly role: Role;
  readonly word: NonNullable<Verdict['mapping']>;
  readonly reason: string;
}

/** Checks the name of a signer against what its SignatureType claims. */
export function mappingOf(
  certificate: Certificate,
  types: readonly string[] | null,
  options: LayerJudgeOptions,
): Mapping {
  const role = roleOf(types);
  const shown = checkShown(role, options);
  if (shown !== null) return { role, word: 'mismatch', reason: shown };
  const check = nameCheckOf(certificate, role, options);
  if (check.kind === 'ok') {
    return { role, word: check.convention === 'exception' ? 'exception' : 'ok', reason: '' };
  }
  // DS-N6, DS-N12: gateways that an exception is for do not write SignatureType; theirs is the
  // signature of a domain all the same, and never that of the author.
  const agreed = types === null ? checkDomainName(certificate, options) : check;
  return agreed.kind === 'ok' && agreed.convention === 'exception'
    ? { role: 'domain', word: 'exception', reason: '' }
    : { role, word: 'mismatch', reason: check.reason };
}

// A reader is shown the display name. An address in it that is not one of the originators', whom the
// signer has to cover, is a claim that nobody proves.
function checkShown(role: Role, { shown, originators }: LayerJudgeOptions): string | null {
  if (role !== 'domain' && role !== 'originator') return null;
  if (shown === null) return 'the From or Sender field is too long to be looked through';
  const stray = shown.find(
    (one) =>
      !originators.some((originator) =>
        role === 'domain' ? originator.domain === one.domain : sameMailbox(originator, one),
      ),
  );
  return stray === undefined
    ? null
    : `the From or Sender field shows ${formatMailbox(stray)}, which is not the address it is from`;
}

/** The signer's name against every originator: all must be covered (DS-N10). */
function checkDomainName(certificate: Certificate, options: LayerJudgeOptions): NameCheck {
  const { originators, naming, originatorCertificates } = options;
  const own = { originatorCertificates };
  if (typeof naming !== 'function') {
    return checkDomainNameFor(certificate, originators, { ...naming, ...own });
  }
  const checks = originators.map((one) =>
    checkDomainNameFor(certificate, [one], { ...naming(one), ...own }),
  );
  return (
    checks.find((check) => check.kind === 'mismatch') ??
    checks.find((check) => check.kind === 'ok' && check.convention === 'exception') ??
    checks[0] ??
    checkDomainNameFor(certificate, [], undefined)
  );
}

function checkDomainNameFor(
  certificate: Certificate,
  originators: readonly Mailbox[],
  naming: NamingRule,
): NameCheck {
  const named = checkAuthorityName(certificate, 'domain');
  const mapped = checkNameMapping(certificate, originators, naming);
  // An exception (DS-N6) stands in for both rules.
  if (mapped.kind === 'ok' && mapped.convention === 'exception') return mapped;
  return named.kind === 'mismatch' ? named : mapped;
}

function nameCheckOf(certificate: Certificate, role: Role, options: LayerJudgeOptions): NameCheck {
  switch (role) {
    case 'domain':
      return checkDomainName(certificate, options);
    case 'review':
      return checkAuthorityName(certificate, 'review');
    case 'additional-attributes':
      return checkAuthorityName(certificate, 'attribute');
    default:
      return checkOriginatorName(certificate, options.originators);
  }
}

// RFC 8550 section 3 (SM-6): From must be an address of the certificate; one without any address
// is accepted as such but identifies nobody, so it does not match here.
function checkOriginatorName(certificate: Certificate, originators: readonly Mailbox[]): NameCheck {
  const reserved = Object.values(AUTHORITY_NAMES) as readonly string[];
  const stray = originators.find(
    (originator) => !certificate.mailboxes.some((mailbox) => sameMailbox(mailbox, originator)),
  );
  if (originators.length > 0 && stray === undefined) return { kind: 'ok', convention: 'rfc822' };
  const authority = certificate.mailboxes
    .map((mailbox) => mailbox.localPart.toLowerCase())
    .find((name) => reserved.includes(name));
  if (originators.length === 0) {
    return { kind: 'mismatch', reason: 'the message names no author that can be understood' };
  }
  return {
    kind: 'mismatch',
    reason:
      authority === undefined
        ? 'the certificate is not in the name of the author'
        : `a certificate of ${authority} without the SignatureType attribute is no domain signature`,
  };
}
