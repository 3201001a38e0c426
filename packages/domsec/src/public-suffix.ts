import type { Domain } from '@sallyport/mail';
import { parse } from 'tldts';

/**
 * True for a domain under which strangers register: `com`, `co.uk`, `github.io`, and every single
 * label (DS-N9). The private section of the list counts, and an unknown top label is a suffix.
 * A name that the list cannot judge counts as one: no authority may stand for it.
 */
export function isPublicSuffix(domain: Domain): boolean {
  const { domain: registrable } = parse(domain, {
    allowPrivateDomains: true,
    allowIcannDomains: true,
    validateHostname: false,
  });
  return registrable === null;
}
