import { type Domain, parseDomain } from '@sallyport/mail';
import { matchesPattern, outwardRuleFor, type PolicyDocument } from '@sallyport/policy';

type Named = Pick<PolicyDocument['partners'][number], 'name' | 'domains'>;

const MAX_DOMAINS_ASKED = 5;
/** Below a wildcard any name will do; one may be in the record of somebody else. */
const LABELS = ['mail', 'any', 'host'] as const;

/** What a pattern is of: the domain itself, and for a wildcard the one above all that it matches. */
export function baseOf(pattern: string): string {
  return pattern.replace(/^\*\./, '');
}

/** Without the star: the index takes what is below a domain with it. */
export function askedDomains({ domains }: Pick<Named, 'domains'>): string[] {
  return [...new Set(domains.map(baseOf))].slice(0, MAX_DOMAINS_ASKED);
}

/** Whether mail for a domain goes by the record of this partner, and by no other. */
export function isUnder(
  domain: Domain,
  { name }: Pick<Named, 'name'>,
  policy: PolicyDocument,
): boolean {
  return outwardRuleFor(policy, domain).rule === `partner:${name}`;
}

/** Whether the record names a domain, whoever else does. */
export function names({ domains }: Pick<Named, 'domains'>, text: string): boolean {
  const domain = parseDomain(text);
  return domain !== null && domains.some((pattern) => matchesPattern(domain, pattern));
}

/** A domain whose mail goes by this record: what holds for it holds for the partner. */
export function domainUnder(partner: Named, policy: PolicyDocument): Domain | null {
  const exact = partner.domains.filter((pattern) => !pattern.startsWith('*.'));
  const below = partner.domains.flatMap((pattern) =>
    pattern.startsWith('*.') ? LABELS.map((label) => `${label}.${baseOf(pattern)}`) : [],
  );
  for (const text of [...exact, ...below]) {
    const domain = parseDomain(text);
    if (domain !== null && isUnder(domain, partner, policy)) return domain;
  }
  return null;
}
