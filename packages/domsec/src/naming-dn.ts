import { type Domain, isSameOrSubdomain, parseDomain } from '@sallyport/mail';
import { type Certificate, type NameAttribute, PKIX } from '@sallyport/pki';
import { isPublicSuffix } from './public-suffix.ts';

/** What one form of the name says: it has no counterpart, or it passes, or it does not. */
export type FormCheck =
  | { readonly kind: 'absent' }
  | { readonly kind: 'pass'; readonly matched: string }
  | { readonly kind: 'fail'; readonly reason: string };

const X500 = new Set<string>([
  PKIX.countryName,
  PKIX.stateOrProvinceName,
  PKIX.localityName,
  PKIX.organizationName,
  PKIX.organizationalUnitName,
]);

function partsOf(certificate: Certificate, wanted: (oid: string) => boolean): NameAttribute[] {
  return certificate.subjectNames.flatMap((level) => level.filter(({ oid }) => wanted(oid)));
}

/** RFC 3183 section 3.1.1 orders by level: parts that share one level (`O=a+OU=b`) have no order. */
function sharesLevel(certificate: Certificate, wanted: (oid: string) => boolean): boolean {
  return certificate.subjectNames.some(
    (level) => level.filter(({ oid }) => wanted(oid)).length > 1,
  );
}

function checkLevels(
  signer: Certificate,
  originator: Certificate,
  wanted: (oid: string) => boolean,
): FormCheck | null {
  if (![signer, originator].some((one) => sharesLevel(one, wanted))) return null;
  return { kind: 'fail', reason: 'a subject has several parts on one level, which have no order' };
}

function isPrefix(upper: readonly NameAttribute[], lower: readonly NameAttribute[]): boolean {
  return upper.every(({ oid, comparable }, index) => {
    const other = lower[index];
    return other !== undefined && other.oid === oid && other.comparable === comparable;
  });
}

function show(parts: readonly NameAttribute[]): string {
  return parts.map(({ value }) => value).join(' / ');
}

/**
 * RFC 3183 section 3.1.1 reads from the most significant component down. A name that is written the
 * other way round would turn a unit into the ascendant of its organization.
 */
function isTopDown(parts: readonly NameAttribute[]): boolean {
  const country = parts.findIndex(({ oid }) => oid === PKIX.countryName);
  const organization = parts.findLastIndex(({ oid }) => oid === PKIX.organizationName);
  const unit = parts.findIndex(({ oid }) => oid === PKIX.organizationalUnitName);
  return country <= 0 && (unit === -1 || organization < unit);
}

/** DS-N4, DS-N5: country, state, locality, organization and units, each level after the one above it. */
export function checkX500(signer: Certificate, originator: Certificate): FormCheck {
  const isX500 = (oid: string): boolean => X500.has(oid);
  const upper = partsOf(signer, isX500);
  const lower = partsOf(originator, isX500);
  if (upper.length === 0 || lower.length === 0) return { kind: 'absent' };
  const unordered = checkLevels(signer, originator, isX500);
  if (unordered !== null) return unordered;
  if (!isTopDown(upper) || !isTopDown(lower)) {
    return { kind: 'fail', reason: 'a subject is not written from the most significant part down' };
  }
  // DS-N9 for DNs: a country or a town alone is nobody's domain.
  if (!upper.some(({ oid }) => oid === PKIX.organizationName)) {
    return { kind: 'fail', reason: `${show(upper)} names no organization` };
  }
  if (isPrefix(upper, lower))
    return { kind: 'pass', matched: `${show(upper)} over ${show(lower)}` };
  return { kind: 'fail', reason: `${show(upper)} is not the same as or above ${show(lower)}` };
}

/**
 * RFC 2247: the components, top first, are a domain; whole labels, the public-suffix stop and the
 * stop at the domains of the partner's record apply.
 */
export function checkDomainComponents(
  signer: Certificate,
  originator: Certificate,
  partnerDomains: readonly Domain[] = [],
): FormCheck {
  const isComponent = (oid: string): boolean => oid === PKIX.domainComponent;
  const upper = partsOf(signer, isComponent);
  const lower = partsOf(originator, isComponent);
  if (upper.length === 0 || lower.length === 0) return { kind: 'absent' };
  const unordered = checkLevels(signer, originator, isComponent);
  if (unordered !== null) return unordered;
  const [above, below] = [upper, lower].map(domainOf);
  if (above == null || below == null) {
    return { kind: 'fail', reason: 'domain components that are no domain name' };
  }
  if (isPublicSuffix(above)) {
    return { kind: 'fail', reason: `${above} is a public suffix, not the domain of one authority` };
  }
  // Components need not be a mail domain; where they are one, the partner's record bounds them.
  const isAbovePartner = partnerDomains.some(
    (domain) => domain !== above && isSameOrSubdomain(domain, above),
  );
  if (isAbovePartner && !partnerDomains.some((domain) => isSameOrSubdomain(above, domain))) {
    return { kind: 'fail', reason: `${above} is above the domains of this partner` };
  }
  if (isSameOrSubdomain(below, above)) return { kind: 'pass', matched: `${above} over ${below}` };
  return { kind: 'fail', reason: `${above} is not the same as or above ${below}` };
}

function domainOf(parts: readonly NameAttribute[]) {
  // One component is one label: a value with a period would smuggle in a level.
  if (parts.some(({ value }) => value.includes('.'))) return null;
  return parseDomain(
    parts
      .map(({ value }) => value)
      .reverse()
      .join('.'),
  );
}
