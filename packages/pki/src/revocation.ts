import { checkSignature } from './algorithms.ts';
import type { UntrustedCertificate } from './certificate.ts';
import type { Crl } from './crl.ts';
import { continues, IMPLIED_POINT, isCurrent, reasonsInScope } from './crl-scope.ts';
import {
  ALL_REASONS,
  type DistributionPoint,
  distributionPointsOf,
} from './distribution-points.ts';
import { checkOcsp } from './ocsp-check.ts';
import { PKIX } from './oids.ts';
import { called, type PathFault } from './path-rules.ts';
import type { RevocationEvidence, RevocationFacts, RevocationStatus } from './revocation-types.ts';

/** CRL issuers whose own path needs CRL issuers whose own path … */
const MAX_DEPTH = 3;
/** Paths to CRL issuers built in one validation. */
const MAX_PATHS = 16;
/** OCSP responses looked at for one certificate. */
const MAX_OCSP_FACTS = 16;
/** Signatures of CRLs and OCSP responses in one validation. */
const MAX_SIGNATURES = 256;

/** What the check needs of path building, which itself calls it. */
export interface RevocationPorts {
  readonly time: Date;
  /** Every certificate at hand, anchors among them. */
  readonly known: readonly UntrustedCertificate[];
  /** A path from a CRL issuer to this anchor, revocation left aside; null if there is none. */
  readonly build: (
    leaf: UntrustedCertificate,
    anchor: UntrustedCertificate,
  ) => readonly UntrustedCertificate[] | null;
}

type Path = readonly UntrustedCertificate[];

/** The certificate in question, its path up to the anchor, and how deep the question is nested. */
interface Question {
  readonly certificate: UntrustedCertificate;
  readonly above: Path;
  readonly depth: number;
}

function unknown(reason: string): RevocationStatus {
  return { kind: 'unknown', reason };
}

/** Revocation of the certificates of one path (RFC 5280 section 6.3). */
export class RevocationCheck {
  readonly #facts: RevocationFacts;
  readonly #ports: RevocationPorts;
  readonly #crls = new Map<string, Crl[]>();
  readonly #signatures = new Map<string, boolean>();
  readonly #issuers = new Map<string, boolean>();
  readonly #asked = new Set<string>();
  #left = MAX_SIGNATURES;
  #paths = MAX_PATHS;

  constructor(facts: RevocationFacts, ports: RevocationPorts) {
    this.#facts = facts;
    this.#ports = ports;
    // The newest first: an older list adds only reasons that the newer one leaves open.
    const newest = [...(facts.crls ?? [])].sort(
      (a, b) => b.thisUpdate.getTime() - a.thisUpdate.getTime(),
    );
    for (const crl of newest) {
      const list = this.#crls.get(crl.issuerName.key);
      if (list === undefined) this.#crls.set(crl.issuerName.key, [crl]);
      else list.push(crl);
    }
  }

  /** The path from end entity to anchor; the anchor is not asked about. */
  check(path: Path): { readonly fault: PathFault | null; readonly evidence: RevocationEvidence } {
    const { mode } = this.#facts;
    const certificates = path.slice(0, -1).map((certificate, index) => ({
      certificate,
      status: this.#statusOf({ certificate, above: path.slice(index + 1), depth: 0 }),
    }));
    return { fault: this.#faultIn(certificates, mode), evidence: { mode, certificates } };
  }

  /** Whether facts that the CA at hand signed say that a pinned certificate is revoked. */
  checkPinned(
    certificate: UntrustedCertificate,
    issuers: Path,
  ): { readonly fault: PathFault | null; readonly evidence: RevocationEvidence } {
    const { mode } = this.#facts;
    const statuses = issuers.map((issuer) =>
      this.#statusOf({ certificate, above: [issuer], depth: 0 }),
    );
    const status =
      statuses.find(({ kind }) => kind === 'revoked') ??
      statuses.find(({ kind }) => kind === 'good') ??
      unknown('it is pinned, and nothing is known of its revocation');
    const certificates = [{ certificate, status }];
    return { fault: this.#faultIn(certificates, 'soft'), evidence: { mode, certificates } };
  }

  #faultIn(
    certificates: RevocationEvidence['certificates'],
    mode: RevocationFacts['mode'],
  ): PathFault | null {
    const fault = faultIn(certificates, mode);
    // Soft mode as well: a crowd of false CRL issuers must not pass for there being no facts.
    if (fault?.code === 'revoked' || (this.#left >= 0 && this.#paths >= 0)) return fault;
    const reason = 'too many signatures to try on the way to what is known of revocation';
    return { code: 'budget', reason };
  }

  #statusOf(question: Question): RevocationStatus {
    const { certificate } = question;
    // A certificate never vouches for itself, not even by way of others.
    if (question.depth > MAX_DEPTH || this.#asked.has(certificate.fingerprint)) {
      return unknown('its status depends on itself');
    }
    this.#asked.add(certificate.fingerprint);
    try {
      const statuses = [...this.#byOcsp(question), this.#byCrls(question)];
      return (
        statuses.find(({ kind }) => kind === 'revoked') ??
        statuses.find(({ kind }) => kind === 'good') ??
        statuses.find(({ kind }) => kind === 'unknown') ??
        unknown('nothing is known')
      );
    } finally {
      this.#asked.delete(certificate.fingerprint);
    }
  }

  #byOcsp({ certificate, above, depth }: Question): RevocationStatus[] {
    const [issuer] = above;
    if (issuer === undefined) return [];
    const { time } = this.#ports;
    return (this.#facts.ocsp ?? []).slice(0, MAX_OCSP_FACTS).flatMap((fact) => {
      if (this.#left <= 0) {
        this.#left = -1;
        return [];
      }
      const isDelegateGood = (delegate: UntrustedCertificate) =>
        this.#statusOf({ certificate: delegate, above, depth: depth + 1 }).kind === 'good';
      const answer = checkOcsp(fact, { certificate, issuer, time, isDelegateGood });
      if (answer.kind === 'not-about-it') return [];
      this.#left -= 1;
      return [answer];
    });
  }

  /** RFC 5280 section 6.3.3: point by point, until every reason is covered. */
  #byCrls(question: Question): RevocationStatus {
    const { certificate } = question;
    const own = distributionPointsOf(certificate);
    if (own === 'malformed') return unknown('its distribution points cannot be read');
    const used: Crl[] = [];
    const doubts: string[] = [];
    let covered = 0;
    for (const { crl, reasons } of this.#listsInScope(certificate, [...own, IMPLIED_POINT])) {
      if ((reasons & ~covered) === 0) continue;
      const found = this.#read(crl, question);
      if (typeof found === 'string') {
        doubts.push(found);
        continue;
      }
      used.push(...found.lists);
      const source = sourceOf(used);
      if (found.entry !== null) {
        return { kind: 'revoked', at: found.entry.revokedAt, reason: found.entry.reason, source };
      }
      covered |= reasons;
      if (covered === ALL_REASONS) return { kind: 'good', source };
    }
    if (covered !== 0) return unknown('the lists at hand do not cover every reason for revocation');
    return unknown(doubts[0] ?? 'no list at hand speaks about it');
  }

  *#listsInScope(certificate: UntrustedCertificate, points: readonly DistributionPoint[]) {
    for (const point of points) {
      const issuers = point.crlIssuer ?? [certificate.issuerName];
      for (const crl of issuers.flatMap(({ key }) => this.#crls.get(key) ?? [])) {
        const reasons = crl.baseNumber === null ? reasonsInScope(crl, certificate, point) : 0;
        if (reasons !== 0) yield { crl, reasons };
      }
    }
  }

  /** A complete CRL with its deltas; a string is why it does not count. */
  #read(crl: Crl, question: Question) {
    const { certificate } = question;
    const fault = this.#whyUnusable(crl, question);
    if (fault !== null) return fault;
    const issuerKey = certificate.issuerName.key;
    const { time } = this.#ports;
    const [delta] = (this.#crls.get(crl.issuerName.key) ?? [])
      .filter((one) => continues(one, crl) && isCurrent(one, time))
      .filter((one) => this.#whyUnusable(one, question) === null)
      .sort((a, b) => Number((b.number ?? 0n) - (a.number ?? 0n)));
    // RFC 5280 section 6.3.3 (a): an overdue list still counts together with a current delta.
    if (delta === undefined && !isCurrent(crl, time)) return 'the list is not of this time';
    const lists = delta === undefined ? [crl] : [crl, delta];
    const changed = delta?.find(issuerKey, certificate.serial) ?? null;
    const before = crl.find(issuerKey, certificate.serial);
    if (changed?.reason !== 'removeFromCRL') return { lists, entry: changed ?? before };
    // RFC 5280 section 5.3.1: a hold is lifted; no other revocation is ever taken back.
    return { lists, entry: before?.reason === 'certificateHold' ? null : before };
  }

  #whyUnusable(crl: Crl, question: Question): string | null {
    if (crl.unusable !== null) return `the list cannot be used: ${crl.unusable}`;
    if (crl.thisUpdate.getTime() > this.#ports.time.getTime())
      return 'the list is of a time to come';
    if (crl.nextUpdate === null) return 'the list does not say until when it counts';
    return this.#isAuthentic(crl, question) ? null : 'nobody who may sign the list has signed it';
  }

  /** RFC 5280 section 6.3.3 (f) and (g): by the issuer above, or by another with the same anchor. */
  #isAuthentic(crl: Crl, { certificate, above, depth }: Question): boolean {
    const anchor = above.at(-1);
    if (anchor === undefined) return false;
    const maySign = (one: UntrustedCertificate) =>
      one.subjectName.key === crl.issuerName.key &&
      (one.keyUsage === null || one.keyUsage.has('cRLSign'));
    if (above.some((one) => maySign(one) && this.#isSignedBy(crl, one))) return true;
    return this.#ports.known.some((one) => {
      // A bare end entity of the CA's name signs nothing in its place.
      const isIssuer = maySign(one) && (one.isCa || one.keyUsage?.has('cRLSign') === true);
      if (!isIssuer || one.fingerprint === certificate.fingerprint) return false;
      return this.#isSignedBy(crl, one) && this.#isTrusted(one, anchor, depth + 1);
    });
  }

  #isTrusted(issuer: UntrustedCertificate, anchor: UntrustedCertificate, depth: number): boolean {
    if (issuer.fingerprint === anchor.fingerprint) return true;
    const memo = `${issuer.fingerprint} ${anchor.fingerprint}`;
    const known = this.#issuers.get(memo);
    if (known !== undefined) return known;
    this.#paths -= 1;
    const isOver = depth > MAX_DEPTH || this.#paths < 0;
    const path = isOver ? null : this.#ports.build(issuer, anchor);
    const isTrusted =
      path?.slice(0, -1).every((certificate, index) => {
        const { kind } = this.#statusOf({ certificate, above: path.slice(index + 1), depth });
        return kind === 'good' || (kind === 'unknown' && this.#facts.mode === 'soft');
      }) ?? false;
    // Inside another question the answer may be no only because that one is open.
    if (isTrusted || this.#asked.size <= 1) this.#issuers.set(memo, isTrusted);
    return isTrusted;
  }

  #isSignedBy(crl: Crl, issuer: UntrustedCertificate): boolean {
    const memo = `${crl.fingerprint} ${issuer.spki.toString('base64')}`;
    const known = this.#signatures.get(memo);
    if (known !== undefined) return known;
    const key = issuer.checkKey();
    this.#left -= 1;
    if (key.kind !== 'ok' || this.#left < 0) return false;
    const { signatureAlgorithm: algorithm, tbs: signed, signature } = crl;
    const check = checkSignature({ algorithm, key: key.key, signed, signature });
    this.#signatures.set(memo, check.kind === 'valid');
    return check.kind === 'valid';
  }
}

function sourceOf(lists: readonly Crl[]) {
  const last = lists.at(-1);
  return {
    kind: 'crl',
    fingerprints: [...new Set(lists.map(({ fingerprint }) => fingerprint))],
    thisUpdate: last?.thisUpdate ?? new Date(0),
    nextUpdate: last?.nextUpdate ?? null,
  } as const;
}

function faultIn(
  certificates: RevocationEvidence['certificates'],
  mode: RevocationFacts['mode'],
): PathFault | null {
  for (const { certificate, status } of certificates) {
    if (status.kind !== 'revoked') continue;
    const at = status.at.toISOString();
    const reason = `${called(certificate)} is revoked since ${at}: ${status.reason}`;
    return { code: 'revoked', reason };
  }
  if (mode === 'soft') return null;
  for (const { certificate, status } of certificates) {
    if (status.kind !== 'unknown') continue;
    const reason = `whether ${called(certificate)} is revoked is not known: ${status.reason}`;
    return { code: 'revocation-unknown', reason };
  }
  return null;
}

/** Critical extensions that revocation checking acts on, and path validation alone does not. */
export const REVOCATION_EXTENSIONS: readonly string[] = [PKIX.crlDistributionPoints];
