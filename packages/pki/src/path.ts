import type { FaultId } from '@sallyport/faults';
import type { UntrustedCertificate } from './certificate.ts';
import {
  called,
  checkEndEntity,
  checkEveryCertificate,
  checkIssuedBy,
  checkIssuer,
  type PathCode,
  type PathFault,
} from './path-rules.ts';
import {
  DEFAULT_PATH_LIMITS,
  type PathLimits,
  type PathQuestion,
  Search,
  type SearchInput,
  type StepBudget,
} from './path-search.ts';
import { faultOf, type Purpose } from './purpose.ts';
import { REVOCATION_EXTENSIONS, RevocationCheck } from './revocation.ts';
import type { RevocationEvidence, RevocationFacts } from './revocation-types.ts';
import { checkTlsProfile } from './tls-profile.ts';

export interface PathInput extends PathQuestion {
  /** Facts and mode of revocation checking; if absent it is off. */
  readonly revocation?: RevocationFacts;
  readonly limits?: Partial<PathLimits>;
  /** Shared with other validations, in place of `limits.maxSteps`. */
  readonly budget?: StepBudget;
}

export type PathResult =
  | { readonly kind: 'valid'; readonly certificate: ValidatedCertificate }
  | {
      readonly kind: 'invalid';
      readonly fault: FaultId;
      readonly code: PathCode;
      /** A sentence for the log and the console, never for strangers. */
      readonly reason: string;
    };

interface Evidence {
  readonly path: readonly UntrustedCertificate[];
  readonly time: Date;
  readonly purpose: Purpose;
  readonly revocation: RevocationEvidence;
}

let makeValidated: (evidence: Evidence) => ValidatedCertificate;

/** A certificate whose path, period and purpose were checked. Only `validatePath` makes one. */
export class ValidatedCertificate {
  readonly #evidence: Evidence;

  static {
    makeValidated = (evidence) => new ValidatedCertificate(evidence);
  }

  private constructor(evidence: Evidence) {
    this.#evidence = evidence;
  }

  /** True for what `validatePath` made; an object that merely looks alike is refused. */
  static isValidated(value: unknown): value is ValidatedCertificate {
    return typeof value === 'object' && value !== null && #evidence in value;
  }

  get certificate(): UntrustedCertificate {
    const [leaf] = this.#evidence.path;
    if (leaf === undefined) throw new Error('a validated path is empty');
    return leaf;
  }

  /** From the end entity to the anchor; one certificate if it is pinned. */
  get path(): readonly UntrustedCertificate[] {
    return this.#evidence.path;
  }

  get validatedAt(): Date {
    return new Date(this.#evidence.time);
  }

  get purpose(): Purpose {
    return this.#evidence.purpose;
  }

  /** The mode of revocation checking, and what was found about each certificate below the anchor. */
  get revocation(): RevocationEvidence {
    return this.#evidence.revocation;
  }
}

function invalid(input: PathInput, fault: PathFault): PathResult {
  const { code, reason } = fault;
  return { kind: 'invalid', fault: faultOf(input.purpose, code), code, reason };
}

const NOT_CHECKED: RevocationEvidence = { mode: 'off', certificates: [] };

type Ended =
  | { readonly path: readonly UntrustedCertificate[]; readonly revocation: RevocationEvidence }
  | PathFault;

function searchInput(input: PathInput, finish: SearchInput['finish']): SearchInput {
  const limits = { ...DEFAULT_PATH_LIMITS, ...input.limits };
  const alsoActedOn = input.revocation === undefined ? [] : REVOCATION_EXTENSIONS;
  const budget = input.budget ?? { left: limits.maxSteps };
  return { ...input, limits, budget, alsoActedOn, finish };
}

function revocationCheck(input: PathInput): RevocationCheck | null {
  const { revocation, time, anchors, intermediates } = input;
  if (revocation === undefined) return null;
  return new RevocationCheck(revocation, {
    time,
    known: [...anchors, ...intermediates],
    build: (leaf, anchor) => {
      const own = { ...input, leaf, anchors: [anchor], purpose: 'any', policies: {} } as const;
      if (checkEveryCertificate(leaf, time, REVOCATION_EXTENSIONS) !== null) return null;
      return new Search(searchInput(own, () => null)).extend([leaf]);
    },
  });
}

/** The end entity is an anchor itself: an admin's word that needs no path (RFC 8550 section 4). */
function checkPin(input: PathInput): Ended {
  const { leaf, anchors, intermediates, purpose } = input;
  const check = revocationCheck(input);
  if (check === null) return { path: [leaf], revocation: NOT_CHECKED };
  const issuers = [...anchors, ...intermediates].filter(
    (one) =>
      one.fingerprint !== leaf.fingerprint &&
      one.subjectName.key === leaf.issuerName.key &&
      checkIssuer(one, purpose) === null,
  );
  const trusted = issuers
    .slice(0, MAX_ISSUERS_OF_PIN)
    .filter((one) => checkIssuedBy(leaf, one) === null);
  const { fault, evidence } = check.checkPinned(leaf, trusted);
  return fault ?? { path: [leaf], revocation: evidence };
}

const MAX_ISSUERS_OF_PIN = 8;

function findPath(input: PathInput): Ended {
  const check = revocationCheck(input);
  let revocation = NOT_CHECKED;
  let ofLeaf: PathFault | null = null;
  const search = new Search(
    searchInput(input, (path) => {
      if (check === null) return null;
      // Revoked once is revoked: a way to another anchor, about which less is known, changes nothing.
      if (ofLeaf !== null) return ofLeaf;
      const found = check.check(path);
      revocation = found.evidence;
      if (revocation.certificates[0]?.status.kind === 'revoked') ofLeaf = found.fault;
      return found.fault;
    }),
  );
  const path = search.extend([input.leaf]);
  return path === null ? (ofLeaf ?? search.fault) : { path, revocation };
}

function end(input: PathInput): Ended {
  const { leaf, time, purpose } = input;
  const alsoActedOn = input.revocation === undefined ? [] : REVOCATION_EXTENSIONS;
  const own =
    checkEveryCertificate(leaf, time, alsoActedOn) ??
    checkEndEntity(leaf, purpose) ??
    checkTlsProfile(leaf, purpose, 'end-entity');
  if (own !== null) return own;
  if (input.anchors.some(({ fingerprint }) => fingerprint === leaf.fingerprint)) {
    return checkPin(input);
  }
  const isTls = purpose === 'tls-server' || purpose === 'tls-client';
  if (leaf.isCa && isTls) {
    return { code: 'profile', reason: `${called(leaf)} is a CA, not an end entity` };
  }
  const { maxCertificates } = { ...DEFAULT_PATH_LIMITS, ...input.limits };
  if (input.intermediates.length > maxCertificates) {
    return { code: 'budget', reason: 'too many certificates came with this one' };
  }
  return findPath(input);
}

/**
 * Builds and validates a certification path from `leaf` to one of `anchors`
 * (RFC 5280 section 6.1, RFC 4158).
 *
 * Anchors are certificates, and what they say of themselves counts: period, CA flag, key usage,
 * path length, names, policy constraints (RFC 5937). Revocation is checked with the facts given, for
 * every certificate below the anchor (RFC 5280 section 6.3, RFC 6960); a pinned certificate is
 * refused if it is shown to be revoked, and counts as good otherwise.
 *
 * @returns `invalid` with the fault of the path that came furthest. Never throws for bytes.
 */
export function validatePath(input: PathInput): PathResult {
  const found = end(input);
  if ('code' in found) return invalid(input, found);
  const { purpose } = input;
  const certificate = makeValidated({ ...found, time: new Date(input.time), purpose });
  return { kind: 'valid', certificate };
}
