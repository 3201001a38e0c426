import { checkSignature } from './algorithms.ts';
import { isSelfIssued, type UntrustedCertificate } from './certificate.ts';
import { formatName } from './distinguished-name.ts';
import {
  type ComparisonBudget,
  checkNameConstraints,
  MAX_NAME_COMPARISONS,
} from './name-constraints.ts';
import type { NameConstraints } from './name-subtrees.ts';
import { checkPolicies, type InitialPolicies } from './policy-tree.ts';
import { checkPurpose, type Purpose, permitsExtendedUsage } from './purpose.ts';

/** Why a path is not valid; the word is stable, the sentence is for people. */
export type PathCode =
  | 'expired'
  | 'not-yet-valid'
  | 'no-path'
  | 'bad-signature'
  | 'weak-signature'
  | 'unsupported-signature'
  | 'weak-key'
  | 'not-a-ca'
  | 'key-usage'
  | 'extended-key-usage'
  | 'name-constraints'
  | 'critical-extension'
  | 'path-length'
  | 'profile'
  | 'policy'
  | 'revoked'
  | 'revocation-unknown'
  | 'budget';

export interface PathFault {
  readonly code: PathCode;
  readonly reason: string;
}

const MAX_SHOWN = 200;

/** How a reason names a certificate. */
export function called(certificate: UntrustedCertificate): string {
  const name =
    certificate.subjectName.rdns.length > 0
      ? formatName(certificate.subjectName)
      : (certificate.rfc822Names[0] ?? certificate.dnsNames[0] ?? 'without a name');
  // An outside name may be kilobytes long.
  return `certificate ${name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name}`;
}

/** RFC 5280 section 4.1.2.5: both ends of the period are within it. */
function checkValidity(certificate: UntrustedCertificate, time: Date): PathFault | null {
  const { notBefore, notAfter } = certificate;
  if (time.getTime() < notBefore.getTime()) {
    const reason = `${called(certificate)} is not valid before ${notBefore.toISOString()}`;
    return { code: 'not-yet-valid', reason };
  }
  if (time.getTime() > notAfter.getTime() + 999) {
    return {
      code: 'expired',
      reason: `${called(certificate)} expired at ${notAfter.toISOString()}`,
    };
  }
  return null;
}

/** What holds for every certificate of a path, the anchor included. */
export function checkEveryCertificate(
  certificate: UntrustedCertificate,
  time: Date,
  alsoActedOn: readonly string[] = [],
): PathFault | null {
  const key = certificate.checkKey();
  if (key.kind === 'weak') {
    return { code: 'weak-key', reason: `${called(certificate)}: ${key.reason}` };
  }
  const critical = certificate.unknownCritical.find((oid) => !alsoActedOn.includes(oid));
  if (critical !== undefined) {
    const reason = `${called(certificate)} has the critical extension ${critical}, which is not processed here`;
    return { code: 'critical-extension', reason };
  }
  const [fault] = certificate.profileFaults;
  if (fault !== undefined) {
    return { code: 'profile', reason: `${called(certificate)} ${fault} (RFC 5280 section 4)` };
  }
  return checkValidity(certificate, time);
}

/** RFC 5280 section 6.1.4 (k) and (n), and extended key usage where a CA limits itself to some. */
export function checkIssuer(certificate: UntrustedCertificate, purpose: Purpose): PathFault | null {
  if (!certificate.isCa) {
    return { code: 'not-a-ca', reason: `${called(certificate)} is no CA but is needed as issuer` };
  }
  if (certificate.keyUsage !== null && !certificate.keyUsage.has('keyCertSign')) {
    const reason = `${called(certificate)} may not sign certificates by its key usage`;
    return { code: 'key-usage', reason };
  }
  if (!permitsExtendedUsage(certificate, purpose)) {
    const reason = `${called(certificate)} may not issue for this purpose by its extended key usage`;
    return { code: 'extended-key-usage', reason };
  }
  return null;
}

/** RFC 5280 section 6.1.3 (a)(1): the signature, over the bytes as they came. */
export function checkIssuedBy(
  subject: UntrustedCertificate,
  issuer: UntrustedCertificate,
): PathFault | null {
  const key = issuer.checkKey();
  if (key.kind !== 'ok') return { code: 'weak-key', reason: `${called(issuer)}: ${key.reason}` };
  const check = checkSignature({
    algorithm: subject.signatureAlgorithm,
    key: key.key,
    signed: subject.tbs,
    signature: subject.signature,
  });
  switch (check.kind) {
    case 'valid':
      return null;
    case 'invalid': {
      const reason = `the signature of ${called(subject)} does not verify with the key of ${called(issuer)}`;
      return { code: 'bad-signature', reason };
    }
    case 'weak': {
      const reason = `${called(subject)} is signed with ${check.algorithm}, which can be forged`;
      return { code: 'weak-signature', reason };
    }
    case 'unsupported': {
      const reason = `${called(subject)} is signed with the unknown algorithm ${check.algorithm}`;
      return { code: 'unsupported-signature', reason };
    }
  }
}

/** What holds for the end entity alone. */
export function checkEndEntity(
  certificate: UntrustedCertificate,
  purpose: Purpose,
): PathFault | null {
  const fault = checkPurpose(certificate, purpose);
  return fault && { code: fault.code, reason: `${called(certificate)}: ${fault.reason}` };
}

/** A chain from the anchor (first) to the end entity (last). */
type TopDown = readonly UntrustedCertificate[];

function checkPathLength(chain: TopDown): PathFault | null {
  let allowed = Number.POSITIVE_INFINITY;
  for (const [index, certificate] of chain.slice(0, -1).entries()) {
    // The anchor's own limit counts too (RFC 5937 section 3.2).
    if (index > 0 && !isSelfIssued(certificate)) {
      if (allowed === 0) {
        const reason = `${called(certificate)} is one CA more than a path length above it allows`;
        return { code: 'path-length', reason };
      }
      allowed -= 1;
    }
    allowed = Math.min(allowed, certificate.pathLength ?? Number.POSITIVE_INFINITY);
  }
  return null;
}

function checkNames(chain: TopDown): PathFault | null {
  const budget: ComparisonBudget = { left: MAX_NAME_COMPARISONS };
  const above: NameConstraints[] = [];
  for (const [index, certificate] of chain.entries()) {
    const isFinal = index === chain.length - 1;
    if (index > 0 && (isFinal || !isSelfIssued(certificate))) {
      const check = checkNameConstraints(certificate, above, budget);
      if (check.kind === 'budget') {
        return { code: 'budget', reason: 'the path has too many names and name constraints' };
      }
      if (check.kind === 'violated') {
        const reason = `${called(certificate)}: ${check.reason}`;
        return { code: 'name-constraints', reason };
      }
    }
    if (certificate.nameConstraints !== null) above.push(certificate.nameConstraints);
  }
  return null;
}

/** RFC 5280 sections 6.1.3 (f) and 6.1.5 (g). */
function checkPolicyDemand(chain: TopDown, policies: InitialPolicies): PathFault | null {
  const certificate = checkPolicies(chain, policies);
  if (certificate === null) return null;
  const reason = `the path demands a certificate policy, and ${called(certificate)} leaves none that is accepted`;
  return { code: 'policy', reason };
}

/** The checks that need the whole path (RFC 5280 sections 6.1.3 to 6.1.5). */
export function checkWholePath(chain: TopDown, policies: InitialPolicies = {}): PathFault | null {
  return checkPathLength(chain) ?? checkNames(chain) ?? checkPolicyDemand(chain, policies);
}
