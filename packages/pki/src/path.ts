import type { FaultId } from '@sallyport/faults';
import type { UntrustedCertificate } from './certificate.ts';
import { formatName } from './distinguished-name.ts';
import {
  called,
  checkEndEntity,
  checkEveryCertificate,
  checkIssuedBy,
  checkIssuer,
  checkWholePath,
  isSelfIssued,
  type PathCode,
  type PathFault,
} from './path-rules.ts';
import { faultOf, type Purpose } from './purpose.ts';

/** Bounds of one search; a hostile set of certificates ends in `budget`, never in a long wait. */
export interface PathLimits {
  /** CAs between anchor and end entity that are not self-issued. */
  readonly maxIntermediates: number;
  /** Issuer candidates tried, and so signatures verified. */
  readonly maxSteps: number;
  /** Intermediates looked at; more are passed over by refusing the path. */
  readonly maxCertificates: number;
}

export const DEFAULT_PATH_LIMITS: PathLimits = {
  maxIntermediates: 8,
  maxSteps: 200,
  maxCertificates: 256,
};

export interface PathInput {
  readonly leaf: UntrustedCertificate;
  /** In any order; those that do not belong are passed over (RFC 8550 section 2.3). */
  readonly intermediates: readonly UntrustedCertificate[];
  /** What the operator configured. One that equals `leaf` is a pin: the leaf is its own path. */
  readonly anchors: readonly UntrustedCertificate[];
  readonly time: Date;
  readonly purpose: Purpose;
  readonly limits?: Partial<PathLimits>;
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
}

/** A fault, and how much of a path stood before it: the furthest one is told. */
interface RankedFault extends PathFault {
  readonly rank: 1 | 2 | 3;
}

class Search {
  readonly #input: PathInput;
  readonly #limits: PathLimits;
  readonly #issuers = new Map<string, UntrustedCertificate[]>();
  readonly #anchors: ReadonlySet<string>;
  readonly #signatures = new Map<string, PathFault | null>();
  #steps = 0;
  #worst: RankedFault | null = null;

  constructor(input: PathInput) {
    this.#input = input;
    this.#limits = { ...DEFAULT_PATH_LIMITS, ...input.limits };
    this.#anchors = new Set(input.anchors.map((anchor) => anchor.fingerprint));
    const seen = new Set<string>();
    // Anchors first: the shortest path is tried before longer ones.
    for (const candidate of [...input.anchors, ...input.intermediates]) {
      if (seen.has(candidate.fingerprint)) continue;
      seen.add(candidate.fingerprint);
      const { key } = candidate.subjectName;
      const list = this.#issuers.get(key);
      if (list === undefined) this.#issuers.set(key, [candidate]);
      else list.push(candidate);
    }
  }

  get fault(): PathFault {
    return (
      this.#worst ?? {
        code: 'no-path',
        reason: `no issuer of ${called(this.#input.leaf)} is known: ${formatName(this.#input.leaf.issuerName)}`,
      }
    );
  }

  /** Depth first from the end entity up; `path` is a prefix that holds so far. */
  extend(path: readonly UntrustedCertificate[]): readonly UntrustedCertificate[] | null {
    const tip = path.at(-1);
    if (tip === undefined) return null;
    for (const issuer of this.#candidates(tip)) {
      if (this.#isLoop(path, issuer)) continue;
      this.#steps += 1;
      if (this.#steps > this.#limits.maxSteps) {
        this.#note(3, {
          code: 'budget',
          reason: 'too many certificates to try on the way to an anchor',
        });
        return null;
      }
      const found = this.#try(path, tip, issuer);
      if (found !== null) return found;
      if (this.#worst?.code === 'budget') return null;
    }
    return null;
  }

  #try(
    path: readonly UntrustedCertificate[],
    tip: UntrustedCertificate,
    issuer: UntrustedCertificate,
  ): readonly UntrustedCertificate[] | null {
    const { time, purpose } = this.#input;
    const longer = [...path, issuer];
    const fault =
      checkIssuer(issuer, purpose) ??
      checkEveryCertificate(issuer, time) ??
      this.#checkSignature(tip, issuer);
    if (fault !== null) return this.#note(2, fault);
    if (this.#anchors.has(issuer.fingerprint)) {
      const whole = checkWholePath([...longer].reverse());
      return whole === null ? longer : this.#note(3, whole);
    }
    if (this.#intermediates(longer) > this.#limits.maxIntermediates) {
      const reason = `more than ${this.#limits.maxIntermediates} CAs between anchor and end entity`;
      return this.#note(2, { code: 'path-length', reason });
    }
    const found = this.extend(longer);
    if (found === null) {
      const reason = `no issuer of ${called(issuer)} is known: ${formatName(issuer.issuerName)}`;
      this.#note(1, { code: 'no-path', reason });
    }
    return found;
  }

  #note(rank: 1 | 2 | 3, fault: PathFault): null {
    const isBudget = fault.code === 'budget';
    if (this.#worst === null || rank > this.#worst.rank || isBudget) {
      this.#worst = { ...fault, rank };
    }
    return null;
  }

  /** Candidates by name, those first whose key identifier is the one asked for (RFC 4158 section 3.5). */
  #candidates(tip: UntrustedCertificate): UntrustedCertificate[] {
    const list = this.#issuers.get(tip.issuerName.key) ?? [];
    const wanted = tip.authorityKeyId;
    const mark = (issuer: UntrustedCertificate): number => {
      if (wanted === null || issuer.subjectKeyId === null) return 1;
      return issuer.subjectKeyId.equals(wanted) ? 0 : 2;
    };
    return [...list].sort((a, b) => mark(a) - mark(b));
  }

  /** RFC 4158 section 2.4.2: a name and key that stand in the path already lead nowhere new. */
  #isLoop(path: readonly UntrustedCertificate[], issuer: UntrustedCertificate): boolean {
    return (
      path.some(
        (certificate) =>
          certificate.subjectName.key === issuer.subjectName.key &&
          certificate.spki.equals(issuer.spki) &&
          !this.#anchors.has(issuer.fingerprint),
      ) || path.some((certificate) => certificate.fingerprint === issuer.fingerprint)
    );
  }

  #intermediates(path: readonly UntrustedCertificate[]): number {
    return path.slice(1).filter((certificate) => !isSelfIssued(certificate)).length;
  }

  #checkSignature(subject: UntrustedCertificate, issuer: UntrustedCertificate): PathFault | null {
    const memo = `${subject.fingerprint} ${issuer.spki.toString('base64')}`;
    const known = this.#signatures.get(memo);
    if (known !== undefined) return known;
    const fault = checkIssuedBy(subject, issuer);
    this.#signatures.set(memo, fault);
    return fault;
  }
}

function invalid(input: PathInput, fault: PathFault): PathResult {
  const { code, reason } = fault;
  return { kind: 'invalid', fault: faultOf(input.purpose, code), code, reason };
}

/**
 * Builds and validates a certification path from `leaf` to one of `anchors`
 * (RFC 5280 section 6.1, RFC 4158).
 *
 * Anchors are certificates, and what they say of themselves counts: period, CA flag, key usage,
 * path length, names (RFC 5937). Revocation is not looked at; a path that demands an explicit
 * policy is refused.
 *
 * @returns `invalid` with the fault of the path that came furthest. Never throws for bytes.
 */
export function validatePath(input: PathInput): PathResult {
  const { leaf, time, purpose } = input;
  const limits = { ...DEFAULT_PATH_LIMITS, ...input.limits };
  const own = checkEveryCertificate(leaf, time) ?? checkEndEntity(leaf, purpose);
  if (own !== null) return invalid(input, own);
  if (input.anchors.some((anchor) => anchor.fingerprint === leaf.fingerprint)) {
    return {
      kind: 'valid',
      certificate: makeValidated({ path: [leaf], time: new Date(time), purpose }),
    };
  }
  const isTls = purpose === 'tls-server' || purpose === 'tls-client';
  if (leaf.isCa && isTls) {
    return invalid(input, {
      code: 'profile',
      reason: `${called(leaf)} is a CA, not an end entity`,
    });
  }
  if (input.intermediates.length > limits.maxCertificates) {
    return invalid(input, { code: 'budget', reason: 'too many certificates came with this one' });
  }
  const search = new Search(input);
  const path = search.extend([leaf]);
  if (path === null) return invalid(input, search.fault);
  return { kind: 'valid', certificate: makeValidated({ path, time: new Date(time), purpose }) };
}
