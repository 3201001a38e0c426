import { checkAuthorityName, checkNameMapping } from '@sallyport/domsec';
import {
  type DoorName,
  type LocatePorts,
  type LocateResult,
  locateCertificates,
  type TraceStep,
} from '@sallyport/lookup';
import { formatMailbox, type Mailbox } from '@sallyport/mail';
import {
  type Certificate,
  parseCertificate,
  type ValidatedCertificate,
  validatePath,
} from '@sallyport/pki';
import type { AppliedPartner, CertificateFacts, TrustPolicy } from '@sallyport/policy';
import { certificatesOf, namingOptions } from '../shared/trust.ts';

export interface LocatedCertificate {
  readonly facts: CertificateFacts;
  readonly trace: readonly TraceStep[];
}

/**
 * Finds the domain confidentiality certificate for a recipient and proves that it may be used:
 * named and mapped as RFC 3183 section 4.1 says, with a path to an anchor of this partner (CD-5).
 */
export async function locateForRecipient(
  recipient: Mailbox,
  applied: AppliedPartner,
  ports: LocatePorts,
  now: Date,
): Promise<LocatedCertificate> {
  if (applied.outbound.encrypt === 'none') return { facts: { kind: 'not-looked-up' }, trace: [] };
  // Messages for one recipient that come together ask the partner's directory once.
  const searches = running.get(applied.trust) ?? new Map<string, Promise<LocatedCertificate>>();
  running.set(applied.trust, searches);
  const key = formatMailbox(recipient);
  const known = searches.get(key);
  if (known !== undefined) return await known;
  const search = locate(recipient, applied, ports, now).finally(() => searches.delete(key));
  searches.set(key, search);
  return await search;
}

const running = new WeakMap<TrustPolicy, Map<string, Promise<LocatedCertificate>>>();

async function locate(
  recipient: Mailbox,
  applied: AppliedPartner,
  ports: LocatePorts,
  now: Date,
): Promise<LocatedCertificate> {
  const doors: DoorName[] = [...applied.outbound.discovery];
  if (applied.trust.pinned.length > 0 && !doors.includes('pinned')) doors.unshift('pinned');
  const located = await locateCertificates<Usable>({
    mailbox: recipient,
    role: 'confidentiality',
    doors,
    pinned: certificatesOf(applied.trust.pinned).map((certificate) => certificate.der),
    validate: (der) => checkCandidate(der, recipient, applied, now),
    ports,
  });
  return { facts: factsOf(located), trace: located.trace };
}

interface Usable {
  readonly kind: 'usable';
  readonly certificate: ValidatedCertificate;
}

function factsOf(located: LocateResult<Usable>): CertificateFacts {
  switch (located.kind) {
    case 'found':
      return { kind: 'found', certificate: located.verdict.certificate, door: located.door };
    case 'unavailable':
      return { kind: 'unavailable', fault: located.fault };
    default:
      return { kind: 'none', unusable: worstOf(located.unusable.map((one) => one.code)) };
  }
}

type Code = 'untrusted' | 'expired' | 'mismatch';

function worstOf(codes: readonly string[]): Code | null {
  for (const code of ['expired', 'mismatch', 'untrusted'] as const) {
    if (codes.includes(code)) return code;
  }
  return codes.length === 0 ? null : 'untrusted';
}

type Checked = Usable | { readonly kind: 'unusable'; readonly code: Code; readonly reason: string };

function checkCandidate(
  der: Buffer,
  recipient: Mailbox,
  applied: AppliedPartner,
  now: Date,
): Checked {
  const parsed = parsedOnce(der);
  if (parsed.kind !== 'certificate')
    return { kind: 'unusable', code: 'untrusted', reason: parsed.reason };
  const leaf = parsed.value;
  const pinned = applied.trust.pinned.length > 0 && isPinned(leaf, applied);
  const names = checkNames(leaf, recipient, applied, now);
  if (names !== null) return { kind: 'unusable', code: 'mismatch', reason: names };
  const proven = recallProof(leaf, applied.trust, now);
  if (proven !== null) return { kind: 'usable', certificate: proven };
  const path = validatePath({
    leaf,
    intermediates: [],
    anchors: pinned ? [leaf] : certificatesOf(applied.trust.anchors),
    time: now,
    purpose: 'email-encrypt',
  });
  if (path.kind === 'valid') {
    rememberProof(path.certificate, applied.trust);
    return { kind: 'usable', certificate: path.certificate };
  }
  const code = path.code === 'expired' || path.code === 'not-yet-valid' ? 'expired' : 'untrusted';
  return { kind: 'unusable', code, reason: path.reason };
}

const parsedDers = new WeakMap<Buffer, ReturnType<typeof parseCertificate>>();

/** The memory of lookups hands out the same bytes again and again. */
function parsedOnce(der: Buffer): ReturnType<typeof parseCertificate> {
  const known = parsedDers.get(der);
  if (known !== undefined) return known;
  const parsed = parseCertificate(der);
  parsedDers.set(der, parsed);
  return parsed;
}

const PROOF_MS = 10_000;
const proofs = new WeakMap<TrustPolicy, WeakMap<Certificate, ValidatedCertificate>>();

function rememberProof(proof: ValidatedCertificate, trust: TrustPolicy): void {
  const known = proofs.get(trust) ?? new WeakMap<Certificate, ValidatedCertificate>();
  known.set(proof.certificate, proof);
  proofs.set(trust, known);
}

/**
 * A path that was proven under the same trust a moment ago. The dates are compared each time; a
 * new policy has a new trust, and so proves anew.
 */
function recallProof(
  leaf: Certificate,
  trust: TrustPolicy,
  now: Date,
): ValidatedCertificate | null {
  const proof = proofs.get(trust)?.get(leaf);
  if (proof === undefined) return null;
  const age = now.getTime() - proof.validatedAt.getTime();
  if (age < 0 || age > PROOF_MS) return null;
  const isInTime = proof.path.every((one) => one.notBefore <= now && now <= one.notAfter);
  return isInTime ? proof : null;
}

function isPinned(leaf: Certificate, applied: AppliedPartner): boolean {
  return certificatesOf(applied.trust.pinned).some((one) => one.fingerprint === leaf.fingerprint);
}

// RFC 3183 section 4.1: the DCA's domain is the recipient's or above it (DS-E4: whoever's entry it stood in).
function checkNames(
  leaf: Certificate,
  recipient: Mailbox,
  applied: AppliedPartner,
  now: Date,
): string | null {
  const mapped = checkNameMapping(
    leaf,
    [recipient],
    namingOptions([applied.trust], applied.domains, now),
  );
  if (mapped.kind === 'ok' && mapped.convention === 'exception') return null;
  const named = checkAuthorityName(leaf, 'confidentiality');
  if (named.kind === 'mismatch') return named.reason;
  return mapped.kind === 'mismatch' ? mapped.reason : null;
}
