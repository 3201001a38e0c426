import type { Domain } from '@sallyport/mail';
import { matchesPattern } from './match.ts';
import type { PolicyDocument } from './schema.ts';

/**
 * What of a document concerns one domain of others, as a document: a whole policy may be too large to
 * hand around. `policy` is the same document, parsed.
 */
export function extractFor(
  domain: Domain | null,
  document: unknown,
  policy: PolicyDocument,
): object {
  const whole = typeof document === 'object' && document !== null ? document : {};
  const partners = 'partners' in whole && Array.isArray(whole.partners) ? whole.partners : [];
  const isConcerned = (index: number): boolean =>
    domain !== null &&
    policy.partners[index]?.domains.some((pattern) => matchesPattern(domain, pattern)) === true;
  return { ...whole, partners: partners.filter((_, index) => isConcerned(index)) };
}
