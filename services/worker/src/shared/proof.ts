import { type ProofPorts, provePath, type TraceStep } from '@sallyport/lookup';
import {
  type Certificate,
  newStepBudget,
  type PathCode,
  type ValidatedCertificate,
  validatePath,
} from '@sallyport/pki';
import {
  anchorsFor,
  checkRequirements,
  demandedPolicies,
  type Proof,
  type TrustDirection,
  type TrustPolicy,
  type Unusable,
} from '@sallyport/policy';
import { certificatesOf } from './policy-certificates.ts';

/** Another certificate than the pinned ones, which has a path. */
export interface KeyChange {
  readonly outcome: 'waits' | 'followed';
  readonly direction: TrustDirection;
  readonly certificate: Certificate;
  readonly pinned: readonly Certificate[];
  /** Behind which door it was found. */
  readonly door?: string;
}

/** Temporary answers: nobody says whether it is revoked, or who issued it (RFC 5280 section 4.2.2.1). */
type NotKnown = 'revocation-unavailable' | 'issuers-unreachable';

/** What a partner's trust says of one certificate. */
export type Trusted =
  | {
      readonly kind: 'trusted';
      readonly certificate: ValidatedCertificate;
      readonly proof: Proof;
      readonly keyChange: KeyChange | null;
    }
  | {
      readonly kind: 'untrusted';
      readonly code: Exclude<Unusable, 'mismatch'> | NotKnown;
      readonly reason: string;
      readonly keyChange: KeyChange | null;
    };

export interface TrustQuestion {
  readonly leaf: Certificate;
  readonly intermediates: readonly Certificate[];
  readonly trust: TrustPolicy;
  readonly direction: TrustDirection;
  /** The pinned certificates of the same holder: another one beside them is a change of key. */
  readonly pinned: readonly Certificate[];
  /** What DNSSEC named for it and the policy takes as proof (RFC 8162). */
  readonly dnssecAnchors?: readonly Certificate[];
  readonly now: Date;
  readonly deadlineMs?: number;
  /** Shared by the certificates of one message. */
  readonly budget?: ReturnType<typeof newStepBudget>;
}

/** What a proof needs of the world, and how old it may be. */
export type TrustPorts = ProofPorts & { readonly revocationRefreshMs: number };

/**
 * Whether a certificate may be used under the trust of one partner: it is pinned, or has a path to
 * an anchor for this direction (TM-1, CD-5), is not revoked as far as the rule asks, is what the
 * rule demands (TM-3), and is no change of a pinned key that nobody approved.
 */
export async function judgeTrust(
  question: TrustQuestion,
  ports: TrustPorts,
  tell: (step: TraceStep) => void = () => {},
): Promise<Trusted> {
  const { leaf, trust, direction, pinned } = question;
  const known = recallProof(question, ports.revocationRefreshMs);
  if (known !== null) return known;
  const isPinned = pinned.some(({ fingerprint }) => fingerprint === leaf.fingerprint);
  const proven = await prove(question, isPinned, ports, tell);
  if (proven.kind === 'unproven') {
    return { kind: 'untrusted', code: proven.code, reason: proven.reason, keyChange: null };
  }
  const { certificate, proof } = proven;
  const required = checkRequirements(certificate.path, trust.certificates[direction]);
  if (required.kind === 'unmet') {
    const reason = `it does not meet trust.certificates.${direction}.${required.field}: ${required.reason}`;
    return { kind: 'untrusted', code: 'unfit', reason, keyChange: null };
  }
  const change = isPinned || pinned.length === 0 ? null : changeOf(question);
  if (change?.outcome === 'waits') {
    const reason = 'another certificate is pinned; this one waits for the approval of an admin';
    return { kind: 'untrusted', code: 'key-changed', reason, keyChange: change };
  }
  const trusted = { kind: 'trusted', certificate, proof, keyChange: change } as const;
  rememberProof(question, trusted);
  return trusted;
}

function changeOf({ leaf, trust, direction, pinned }: TrustQuestion): KeyChange {
  const outcome = trust.keyChange === 'follow' ? 'followed' : 'waits';
  return { outcome, direction, certificate: leaf, pinned };
}

type Proven =
  | { readonly kind: 'proven'; readonly certificate: ValidatedCertificate; readonly proof: Proof }
  | {
      readonly kind: 'unproven';
      readonly code: Exclude<Unusable, 'mismatch' | 'key-changed'> | NotKnown;
      readonly reason: string;
    };

async function prove(
  question: TrustQuestion,
  isPinned: boolean,
  ports: TrustPorts,
  tell: (step: TraceStep) => void,
): Promise<Proven> {
  const { trust, direction } = question;
  const input = pathInput(question, isPinned);
  if (input.anchors.length === 0) {
    const what = direction === 'sign' ? 'this author' : 'this recipient';
    const reason = `no trust anchor is configured for ${what}`;
    return { kind: 'unproven', code: 'untrusted', reason };
  }
  const proven = (certificate: ValidatedCertificate): Proven => ({
    kind: 'proven',
    certificate,
    proof: proofOf(certificate, question, isPinned),
  });
  // What a stranger sent must not decide whom we talk to: issuers of signers come with the message.
  if (direction === 'sign') {
    const isOff = trust.revocation === 'off';
    const path = validatePath({ ...input, ...(isOff ? {} : { revocation: { mode: 'soft' } }) });
    if (path.kind === 'invalid') return unproven(path);
    if (isOff) return proven(path.certificate);
  }
  const { deadlineMs } = question;
  const { result, trace } = await provePath(
    { ...input, mode: trust.revocation, ...(deadlineMs === undefined ? {} : { deadlineMs }) },
    ports,
  );
  for (const step of trace) tell(step);
  if (result.kind === 'valid') return proven(result.certificate);
  // The issuer that did not come may be the one that leads to an anchor (CD-7).
  const isCut = trace.some(({ door, outcome }) => door === 'issuers' && outcome === 'failed');
  return result.code === 'no-path' && isCut
    ? { kind: 'unproven', code: 'issuers-unreachable', reason: result.reason }
    : unproven(result);
}

function pathInput(question: TrustQuestion, isPinned: boolean) {
  const { leaf, intermediates, trust, direction, dnssecAnchors = [], now, budget } = question;
  const own = isPinned ? [leaf] : dnssecAnchors;
  // What is its own anchor has no way on which policies could be asserted.
  const isAnchor = own.some(({ fingerprint }) => fingerprint === leaf.fingerprint);
  const policies = isAnchor ? undefined : demandedPolicies(trust.certificates[direction]);
  return {
    leaf,
    intermediates,
    anchors: [...own, ...certificatesOf(anchorsFor(trust, direction))],
    time: now,
    purpose: direction === 'sign' ? ('email-sign' as const) : ('email-encrypt' as const),
    ...(policies === undefined ? {} : { policies }),
    budget: budget ?? newStepBudget(),
  };
}

function proofOf(
  { path }: ValidatedCertificate,
  question: TrustQuestion,
  isPinned: boolean,
): Proof {
  if (isPinned) return 'pinned';
  const anchor = path.at(-1)?.fingerprint;
  const configured = certificatesOf(anchorsFor(question.trust, question.direction));
  return configured.some(({ fingerprint }) => fingerprint === anchor) ? 'path' : 'dnssec';
}

const CODES: Readonly<Partial<Record<PathCode, Extract<Proven, { kind: 'unproven' }>['code']>>> = {
  expired: 'expired',
  'not-yet-valid': 'expired',
  revoked: 'revoked',
  'revocation-unknown': 'revocation-unavailable',
  policy: 'unfit',
};

function unproven({
  code,
  reason,
}: {
  readonly code: PathCode;
  readonly reason: string;
}): Extract<Proven, { kind: 'unproven' }> {
  return { kind: 'unproven', code: CODES[code] ?? 'untrusted', reason };
}

/**
 * A proof counts so long for the same certificate: mail comes in crowds. A key that its CA revoked is
 * used no longer than this after the list was fetched, and lists are fetched anew each minute.
 */
const PROOF_MS = 10_000;

type Remembered = Extract<Trusted, { kind: 'trusted' }>;
const proofs = new WeakMap<TrustPolicy, WeakMap<Certificate, Remembered>>();

function rememberProof({ leaf, trust }: TrustQuestion, trusted: Remembered): void {
  const known = proofs.get(trust) ?? new WeakMap<Certificate, Remembered>();
  known.set(leaf, trusted);
  proofs.set(trust, known);
}

/**
 * What was proven under the same trust a moment ago. The dates are compared each time; a new policy
 * has a new trust, and so proves anew. What DNSSEC proved counts only for whom DNSSEC names again.
 */
function recallProof(question: TrustQuestion, refreshMs: number): Remembered | null {
  const { leaf, trust, now, direction } = question;
  const known = proofs.get(trust)?.get(leaf);
  if (known === undefined || !isRecalled(known, question)) return null;
  const { certificate } = known;
  if (certificate.purpose !== (direction === 'sign' ? 'email-sign' : 'email-encrypt')) return null;
  const age = now.getTime() - certificate.validatedAt.getTime();
  if (age < 0 || age > Math.min(PROOF_MS, refreshMs)) return null;
  const isInTime = certificate.path.every((one) => one.notBefore <= now && now <= one.notAfter);
  return isInTime ? known : null;
}

/** The proof is of this question too: what is pinned depends on who is meant. */
function isRecalled(
  { proof, keyChange }: Remembered,
  { leaf, pinned, dnssecAnchors = [] }: TrustQuestion,
): boolean {
  const isPinned = pinned.some(({ fingerprint }) => fingerprint === leaf.fingerprint);
  if (isPinned || proof === 'pinned') return isPinned && proof === 'pinned';
  if (proof === 'dnssec' && dnssecAnchors.length === 0) return false;
  return pinned.length === 0 || keyChange !== null;
}

/** What a search makes of a certificate that may not be used. */
export function unusableOf({ code, reason }: Extract<Trusted, { kind: 'untrusted' }>) {
  switch (code) {
    case 'revocation-unavailable':
      return { kind: 'unknown', fault: code, reason } as const;
    case 'issuers-unreachable':
      return { kind: 'unknown', fault: 'directory-unreachable', reason } as const;
    default:
      return { kind: 'unusable', code, reason } as const;
  }
}
