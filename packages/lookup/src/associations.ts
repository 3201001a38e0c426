import { createHash } from 'node:crypto';
import { parseCertificate } from '@sallyport/pki';
import type { AssociationRecord } from './dns/records.ts';
import type { Binding, Candidate } from './locate-types.ts';

/** RFC 6698 section 2.1.1, with S/MIME for TLS (RFC 8162 section 2). */
const USAGE = { caConstraint: 0, certificateConstraint: 1, anchor: 2, domainIssued: 3 } as const;
const SELECTOR = { certificate: 0, publicKey: 1 } as const;
const MATCHING = { whole: 0, sha256: 1, sha512: 2 } as const;

/** A DNSSEC-proven SMIMEA record and whom it speaks of. */
export interface ProvenAssociation {
  readonly association: AssociationRecord;
  readonly binding: Binding;
}

/** RFC 6698 section 4.1: a record with a value that nobody defined says nothing. */
export function isUsable({ usage, selector, matchingType }: AssociationRecord): boolean {
  return usage <= 3 && selector <= 1 && matchingType <= 2;
}

/** The whole certificate, where the record holds one. */
export function certificateIn(record: AssociationRecord): Buffer | null {
  const isWhole =
    record.selector === SELECTOR.certificate && record.matchingType === MATCHING.whole;
  return isWhole ? record.association : null;
}

/** True if the record names the end entity's certificate and not one of its CAs. */
export function namesEndEntity({ usage }: AssociationRecord): boolean {
  return usage === USAGE.certificateConstraint || usage === USAGE.domainIssued;
}

/** Whether a record names one certificate. */
type Matcher = (record: AssociationRecord) => boolean;

/**
 * RFC 6698 section 2.1. However many records a stranger publishes, each form of the certificate is
 * worked out once.
 */
export function matcherFor(certificate: Buffer): Matcher {
  const forms = new Map<string, Buffer | null>();
  return ({ selector, matchingType, association }) => {
    const key = `${selector} ${matchingType}`;
    const form = forms.has(key)
      ? forms.get(key)
      : digestOf(selectedOf(certificate, selector), matchingType);
    forms.set(key, form ?? null);
    return form?.equals(association) ?? false;
  };
}

function selectedOf(certificate: Buffer, selector: number): Buffer | null {
  if (selector === SELECTOR.certificate) return certificate;
  const parsed = selector === SELECTOR.publicKey ? parseCertificate(certificate) : null;
  return parsed?.kind === 'certificate' ? parsed.value.spki : null;
}

function digestOf(selected: Buffer | null, matchingType: number): Buffer | null {
  if (selected === null || matchingType === MATCHING.whole) return selected;
  if (matchingType === MATCHING.sha256) return createHash('sha256').update(selected).digest();
  if (matchingType === MATCHING.sha512) return createHash('sha512').update(selected).digest();
  return null;
}

/** What DNSSEC says of a candidate. */
export type Restriction =
  /** It may be judged; `candidate` bears what DNSSEC proved. */
  | { readonly kind: 'none'; readonly candidate: Candidate }
  /** It may be judged, and its path must show one of the CAs that DNSSEC names. */
  | {
      readonly kind: 'path';
      readonly candidate: Candidate;
      readonly allows: (path: readonly Buffer[]) => boolean;
    }
  | { readonly kind: 'contradicted' };

/**
 * Holds a candidate against the DNSSEC-proven associations. Usage 3 proves the certificate that it
 * names; beside that, whoever publishes associations for a name says that no other may be used
 * for it (RFC 6698 section 2.1.1). What an admin pinned is not restricted.
 */
export function restrictionOn(
  candidate: Candidate,
  proven: readonly ProvenAssociation[],
): Restriction {
  const matches = matcherFor(candidate.der);
  const named = (usage: number): boolean =>
    proven.some(({ association }) => association.usage === usage && matches(association));
  if (named(USAGE.domainIssued)) return { kind: 'none', candidate: { ...candidate, dnssec: true } };
  const own = proven
    .filter(({ binding }) => speaksOf(binding, candidate.binding))
    .map(({ association }) => association);
  if (own.length === 0 || named(USAGE.certificateConstraint)) return { kind: 'none', candidate };
  const authorities = own.filter((association) => !namesEndEntity(association));
  if (authorities.length === 0) return { kind: 'contradicted' };
  const dnssecAnchors = authorities
    .filter(({ usage }) => usage === USAGE.anchor)
    .flatMap((association) => certificateIn(association) ?? []);
  return {
    kind: 'path',
    candidate: dnssecAnchors.length > 0 ? { ...candidate, dnssecAnchors } : candidate,
    allows: ([, ...issuers]) => issuers.some((issuer) => authorities.some(matcherFor(issuer))),
  };
}

/** The domain has no SMIMEA name of its own; its authority's stands for it. None speaks of pins. */
function speaksOf(binding: Binding, candidate: Binding | 'pinned'): boolean {
  return candidate === 'domain' ? binding === 'authority' : binding === candidate;
}
