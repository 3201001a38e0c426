import { type Domain, parseDomain, parseMailbox } from '@sallyport/mail';
import type { UntrustedCertificate } from './certificate.ts';
import { isWithinName } from './distinguished-name.ts';
import { cleanDnsName, type GeneralName } from './general-names.ts';
import type { NameConstraints } from './name-subtrees.ts';

/** Names times constraints in one path; beyond it the path is refused, not half checked. */
export const MAX_NAME_COMPARISONS = 100_000;

/** How a name stands to a subtree; `unclear` is a name that cannot be read, so it fails both ways. */
type Match = 'in' | 'out' | 'unclear';

type Side = 'permitted' | 'excluded';

function matchDns(name: string, base: string): Match {
  const clean = cleanDnsName(name);
  if (clean === null) return 'unclear';
  const subtree = base.toLowerCase();
  if (subtree === '') return 'in';
  if (subtree.startsWith('.')) return clean.endsWith(subtree) ? 'in' : 'out';
  return clean === subtree || clean.endsWith(`.${subtree}`) ? 'in' : 'out';
}

/** `*.a.example` stands for names that may lie in an excluded subtree below `a.example`. */
function matchExcludedDns(name: string, base: string): Match {
  const direct = matchDns(name, base);
  if (direct !== 'out' || !name.startsWith('*.')) return direct;
  const subtree = base.toLowerCase().replace(/^\./, '');
  return matchDns(subtree, name.slice(2)) === 'in' ? 'in' : 'out';
}

/** Mail systems, and `sameMailbox`, pass over case: an excluded mailbox is excluded in every case. */
function sameLocalPart(one: string, other: string, side: Side): boolean {
  return side === 'permitted' ? one === other : one.toLowerCase() === other.toLowerCase();
}

/** RFC 5280 section 4.2.1.10: a mailbox, a host, or a domain with a leading period. */
function matchMail(text: string, base: string, side: Side): Match {
  const mailbox = parseMailbox(text);
  if (mailbox === null) return 'unclear';
  if (base === '') return 'in';
  const at = base.lastIndexOf('@');
  const domain: Domain | null = parseDomain(base.slice(at + 1).replace(/^\./, ''));
  if (domain === null) return 'unclear';
  if (at > 0) {
    return mailbox.domain === domain && sameLocalPart(mailbox.localPart, base.slice(0, at), side)
      ? 'in'
      : 'out';
  }
  if (base.startsWith('.')) return mailbox.domain.endsWith(`.${domain}`) ? 'in' : 'out';
  return mailbox.domain === domain ? 'in' : 'out';
}

function matchIp(octets: Buffer, base: Buffer): Match {
  if (octets.length !== 4 && octets.length !== 16) return 'unclear';
  if (base.length !== octets.length * 2) return 'out';
  const mask = base.subarray(octets.length);
  const same = octets.every((octet, at) => ((octet ^ (base[at] ?? 0)) & (mask[at] ?? 0)) === 0);
  return same ? 'in' : 'out';
}

function matchUri(uri: string, base: string): Match {
  const host = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#:@[\]]+)(?::\d*)?(?:[/?#]|$)/i.exec(
    uri,
  )?.[1];
  const name = host === undefined ? null : cleanDnsName(host);
  if (name === null || /^[\d.]+$/.test(name)) return 'unclear';
  const subtree = base.toLowerCase();
  if (subtree.startsWith('.')) return name.endsWith(subtree) ? 'in' : 'out';
  return name === subtree ? 'in' : 'out';
}

/** Constraint forms that a name must obey; SmtpUTF8Mailbox obeys rfc822Name (RFC 9598 section 6). */
function formOf(name: GeneralName): string {
  if (name.kind === 'smtp-utf8') return 'rfc822';
  return name.kind === 'other' ? name.form : name.kind;
}

function match(name: GeneralName, base: GeneralName, side: Side): Match {
  if (name.kind === 'dns' && base.kind === 'dns') {
    return (side === 'excluded' ? matchExcludedDns : matchDns)(name.value, base.value);
  }
  if ((name.kind === 'rfc822' || name.kind === 'smtp-utf8') && base.kind === 'rfc822') {
    return matchMail(name.value, base.value, side);
  }
  if (name.kind === 'ip' && base.kind === 'ip') return matchIp(name.octets, base.octets);
  if (name.kind === 'uri' && base.kind === 'uri') return matchUri(name.value, base.value);
  if (name.kind === 'directory' && base.kind === 'directory') {
    return isWithinName(name.name, base.name) ? 'in' : 'out';
  }
  // A form that we cannot compare: RFC 5280 section 4.2.1.10 says process it or reject.
  return 'unclear';
}

/** Every name that constraints speak about, the subject's own included. */
function constrainedNames(certificate: UntrustedCertificate): GeneralName[] {
  const { subjectName, subjectAltNames, rfc822Names } = certificate;
  const names: GeneralName[] = [...subjectAltNames];
  if (subjectName.rdns.length > 0) names.push({ kind: 'directory', name: subjectName });
  const hasMailInSan = subjectAltNames.some(
    (name) => name.kind === 'rfc822' || name.kind === 'smtp-utf8',
  );
  if (!hasMailInSan) {
    for (const value of rfc822Names) names.push({ kind: 'rfc822', value });
  }
  return names;
}

function formatGeneralName(name: GeneralName): string {
  switch (name.kind) {
    case 'ip':
      return `address ${name.octets.toString('hex')}`;
    case 'directory':
      return 'its subject or directory name';
    case 'other':
      return name.form;
    default:
      return `"${name.value}"`;
  }
}

function checkName(name: GeneralName, constraints: NameConstraints): string | null {
  const form = formOf(name);
  const permitted = constraints.permitted.filter((base) => formOf(base) === form);
  if (permitted.length > 0 && !permitted.some((base) => match(name, base, 'permitted') === 'in')) {
    return `${formatGeneralName(name)} is not among the names that a CA above it may certify`;
  }
  const excluded = constraints.excluded.filter((base) => formOf(base) === form);
  if (excluded.some((base) => match(name, base, 'excluded') !== 'out')) {
    return `${formatGeneralName(name)} is among the names that a CA above it must not certify`;
  }
  return null;
}

/** What the checks of one path have left to spend. */
export interface ComparisonBudget {
  left: number;
}

/** RFC 5280 section 6.1.3 (b) and (c): the certificate's names against all constraints above it. */
export function checkNameConstraints(
  certificate: UntrustedCertificate,
  above: readonly NameConstraints[],
  budget: ComparisonBudget,
): { readonly kind: 'ok' | 'budget' } | { readonly kind: 'violated'; readonly reason: string } {
  if (above.length === 0) return { kind: 'ok' };
  const names = constrainedNames(certificate);
  const perName = above.reduce(
    (sum, { permitted, excluded }) => sum + permitted.length + excluded.length,
    0,
  );
  budget.left -= names.length * perName;
  if (budget.left < 0) return { kind: 'budget' };
  for (const constraints of above) {
    for (const name of names) {
      const reason = checkName(name, constraints);
      if (reason !== null) return { kind: 'violated', reason };
    }
  }
  return { kind: 'ok' };
}
