import { isSelfIssued, type UntrustedCertificate } from './certificate.ts';
import { formatName } from './distinguished-name.ts';
import {
  called,
  checkEveryCertificate,
  checkIssuedBy,
  checkIssuer,
  checkWholePath,
  type PathFault,
} from './path-rules.ts';
import type { InitialPolicies } from './policy-tree.ts';
import type { Purpose } from './purpose.ts';
import { checkTlsProfile } from './tls-profile.ts';

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

/**
 * Steps that several validations share, each taken off once: what one stranger's message brings is
 * bounded together, however many signers it has.
 */
export interface StepBudget {
  left: number;
}

/** What one search may spend; shared between searches, it bounds all of them together. */
export function newStepBudget(): StepBudget {
  return { left: DEFAULT_PATH_LIMITS.maxSteps };
}

/** A fault, and how much of a path stood before it: the furthest one is told. */
interface RankedFault extends PathFault {
  readonly rank: 1 | 2 | 3;
}

/** What a path is looked for. */
export interface PathQuestion {
  readonly leaf: UntrustedCertificate;
  /** In any order; those that do not belong are passed over (RFC 8550 section 2.3). */
  readonly intermediates: readonly UntrustedCertificate[];
  /** What the operator configured. One that equals `leaf` is a pin: the leaf is its own path. */
  readonly anchors: readonly UntrustedCertificate[];
  readonly time: Date;
  readonly purpose: Purpose;
  /** Certificate policies; if absent any will do and none is demanded. */
  readonly policies?: InitialPolicies;
}

/** What a search is for; revocation is not its business. */
export interface SearchInput extends PathQuestion {
  readonly limits: PathLimits;
  readonly budget: StepBudget;
  /** Critical extensions that the caller acts on beside those of path validation. */
  readonly alsoActedOn: readonly string[];
  /** The last word on a path, from end entity to anchor, that holds in all else. */
  readonly finish: (path: readonly UntrustedCertificate[]) => PathFault | null;
}

/** Builds paths from the end entity up and keeps the fault of the one that came furthest (RFC 4158). */
export class Search {
  readonly #input: SearchInput;
  readonly #issuers = new Map<string, UntrustedCertificate[]>();
  readonly #anchors: ReadonlySet<string>;
  readonly #signatures = new Map<string, PathFault | null>();
  #worst: RankedFault | null = null;

  constructor(input: SearchInput) {
    this.#input = input;
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
      this.#input.budget.left -= 1;
      if (this.#input.budget.left < 0) {
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
    const { time, purpose, policies, alsoActedOn, finish } = this.#input;
    const longer = [...path, issuer];
    const isAnchor = this.#anchors.has(issuer.fingerprint);
    const fault =
      checkIssuer(issuer, purpose) ??
      checkEveryCertificate(issuer, time, alsoActedOn) ??
      checkTlsProfile(issuer, purpose, isAnchor ? 'anchor' : 'ca') ??
      this.#checkSignature(tip, issuer);
    if (fault !== null) return this.#note(2, fault);
    if (isAnchor) {
      const whole = checkWholePath([...longer].reverse(), policies) ?? finish(longer);
      return whole === null ? longer : this.#note(3, whole);
    }
    if (this.#intermediates(longer) > this.#input.limits.maxIntermediates) {
      const reason = `more than ${this.#input.limits.maxIntermediates} CAs between anchor and end entity`;
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
