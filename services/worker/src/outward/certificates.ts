import {
  AUTHORITY_NAMES,
  checkAuthorityName,
  checkNameMapping,
  namingOptions,
} from '@sallyport/domsec';
import {
  type Candidate,
  type DoorName,
  type LocateResult,
  locateCertificates,
  type TraceStep,
  type Verdict,
} from '@sallyport/lookup';
import {
  formatMailbox,
  isSameOrSubdomain,
  type Mailbox,
  parseDomain,
  sameMailbox,
} from '@sallyport/mail';
import { type Certificate, parseCertificate, type ValidatedCertificate } from '@sallyport/pki';
import type {
  AppliedPartner,
  CertificateFacts,
  Proof,
  TrustPolicy,
  Unusable,
} from '@sallyport/policy';
import type { LookupPorts } from '../shared/lookup-ports.ts';
import { certificatesOf, pinsFor } from '../shared/policy-certificates.ts';
import { judgeTrust, type KeyChange, unusableOf } from '../shared/proof.ts';

export interface LocatedCertificate {
  readonly facts: CertificateFacts;
  readonly trace: readonly TraceStep[];
  /** Certificates with a path that are not the pinned ones. */
  readonly keyChanges: readonly KeyChange[];
}

type Owner = AppliedPartner['outbound']['to'][number];

/** What is asked, and of which doors. */
interface Wanted {
  readonly recipient: Mailbox;
  readonly applied: AppliedPartner;
  readonly doors: readonly DoorName[];
  readonly ports: LookupPorts;
  readonly now: Date;
}

/**
 * Finds the certificate that mail for a recipient is encrypted to: the domain's, or the person's, as
 * the rule prefers. It may be used only if it is named and mapped as RFC 3183 section 4.1 says and
 * trusted under the record of this partner (CD-5).
 */
export async function locateForRecipient(
  recipient: Mailbox,
  applied: AppliedPartner,
  ports: LookupPorts,
  now: Date,
): Promise<LocatedCertificate> {
  if (applied.outbound.encrypt === 'none') {
    return { facts: { kind: 'not-looked-up' }, trace: [], keyChanges: [] };
  }
  // Messages for one recipient that come together ask the partner's directory once.
  const searches = running.get(applied.trust) ?? new Map<string, Promise<LocatedCertificate>>();
  running.set(applied.trust, searches);
  const key = formatMailbox(recipient);
  const known = searches.get(key);
  if (known !== undefined) return await known;
  const wanted = { recipient, applied, doors: doorsOf(applied), ports, now };
  const search = locate(wanted).finally(() => searches.delete(key));
  searches.set(key, search);
  return await search;
}

const running = new WeakMap<TrustPolicy, Map<string, Promise<LocatedCertificate>>>();

function doorsOf({ outbound, trust }: AppliedPartner): readonly DoorName[] {
  const doors: DoorName[] = [...outbound.discovery];
  if (trust.pinned.length > 0 && !doors.includes('pinned')) doors.unshift('pinned');
  return doors;
}

/**
 * Looks behind the doors for a certificate that differs from the pinned ones, which are in use and
 * would not be looked past otherwise (design section 6).
 */
export async function lookForKeyChange(
  recipient: Mailbox,
  applied: AppliedPartner,
  ports: LookupPorts,
  now: Date,
): Promise<readonly KeyChange[]> {
  const doors = doorsOf(applied).filter((door) => door !== 'pinned');
  if (doors.length === 0) return [];
  return (await locate({ recipient, applied, doors, ports, now })).keyChanges;
}

/** One search for each owner that the rule names; the next only if it is known that the one before has none. */
async function locate(wanted: Wanted): Promise<LocatedCertificate> {
  const trace: TraceStep[] = [];
  const keyChanges: KeyChange[] = [];
  const codes: string[] = [];
  const { recipient, applied } = wanted;
  const searches = applied.outbound.to.flatMap((owner) =>
    [recipient, ...(owner === 'domain' ? authoritiesAbove(recipient, applied) : [])].map(
      (mailbox) => ({ owner, mailbox }),
    ),
  );
  for (const { owner, mailbox } of searches) {
    const { located, changes } = await locateOf(owner, mailbox, wanted);
    trace.push(...located.trace);
    keyChanges.push(...changes);
    codes.push(...located.unusable.map(({ code }) => code));
    if (located.kind !== 'none') return { facts: factsOf(located, owner), trace, keyChanges };
  }
  return { facts: { kind: 'none', unusable: worstOf(codes) }, trace, keyChanges };
}

const MAX_ABOVE = 4;

/**
 * RFC 3183 section 4.1: the authority may stand for a domain above the recipient's. It is looked for
 * in the domains of the partner's record, and nowhere else above.
 */
function authoritiesAbove({ domain }: Mailbox, { domains }: AppliedPartner): readonly Mailbox[] {
  const named = domains.flatMap((pattern) => parseDomain(pattern.replace(/^\*\./, '')) ?? []);
  const above = named.filter((one) => one !== domain && isSameOrSubdomain(domain, one));
  const localPart = AUTHORITY_NAMES.confidentiality;
  return [...new Set(above)].slice(0, MAX_ABOVE).map((one) => ({ localPart, domain: one }));
}

interface Usable {
  readonly kind: 'usable';
  readonly certificate: ValidatedCertificate;
  readonly proof: Proof;
}

async function locateOf(
  owner: Owner,
  mailbox: Mailbox,
  wanted: Wanted,
): Promise<{ readonly located: LocateResult<Usable>; readonly changes: readonly KeyChange[] }> {
  const { applied, doors, ports } = wanted;
  const changes: KeyChange[] = [];
  const located = await locateCertificates<Usable>({
    mailbox,
    role: 'confidentiality',
    doors,
    // The authority's certificate may stand in anybody's entry (DS-E4), a person's in its own alone.
    ...(owner === 'user' ? { bindings: ['address' as const] } : {}),
    pinned: certificatesOf(applied.trust.pinned).map((certificate) => certificate.der),
    validate: async (der, candidate, tell) =>
      await checkCandidate(
        { der, candidate, owner, wanted },
        { tell, changed: (change) => void changes.push(change) },
      ),
    pathOf: ({ certificate }) => certificate.path.map((one) => one.der),
    ports,
  });
  return { located, changes };
}

function factsOf(
  located: Exclude<LocateResult<Usable>, { kind: 'none' }>,
  owner: Owner,
): CertificateFacts {
  if (located.kind === 'unavailable') return { kind: 'unavailable', fault: located.fault };
  const { certificate, proof } = located.verdict;
  return { kind: 'found', certificate, door: located.door, owner, proof };
}

/** What is nearest to being used says most. */
const NEAREST: readonly Unusable[] = [
  'key-changed',
  'revoked',
  'unfit',
  'expired',
  'mismatch',
  'untrusted',
];

function worstOf(codes: readonly string[]): Unusable | null {
  const known = NEAREST.find((code) => codes.includes(code));
  return known ?? (codes.some((code) => code !== OF_OTHERS) ? 'untrusted' : null);
}

/** A certificate of an owner whom the search was not about: nothing is wrong with it. */
const OF_OTHERS = 'of-others';

interface Judged {
  readonly der: Buffer;
  readonly candidate: Candidate;
  readonly owner: Owner;
  readonly wanted: Wanted;
}

interface Listeners {
  readonly tell: (step: TraceStep) => void;
  readonly changed: (change: KeyChange) => void;
}

async function checkCandidate(
  { der, candidate, owner, wanted }: Judged,
  { tell, changed }: Listeners,
): Promise<Verdict<Usable>> {
  const { applied, ports, now } = wanted;
  const parsed = parsedOnce(der);
  if (parsed.kind !== 'certificate')
    return { kind: 'unusable', code: 'untrusted', reason: parsed.reason };
  const leaf = parsed.value;
  const stray = ownerFault(leaf, owner, wanted);
  if (stray !== null) return { kind: 'unusable', ...stray };
  const pinned = pinsFor(applied.trust, 'encrypt').filter(
    (pin) => ownerFault(pin, owner, wanted) === null,
  );
  const { trust } = applied;
  const question = { leaf, trust, pinned, now, intermediates: [], direction: 'encrypt' as const };
  const dnssecAnchors = trust.smimea === 'accept' ? namedByDnssec(leaf, candidate) : [];
  const trusted = await judgeTrust({ ...question, dnssecAnchors }, ports, tell);
  if (trusted.keyChange !== null) changed({ ...trusted.keyChange, door: candidate.door });
  if (trusted.kind === 'trusted') {
    return { kind: 'usable', certificate: trusted.certificate, proof: trusted.proof };
  }
  return unusableOf(trusted);
}

/** RFC 8162 section 2: usage 3 names the certificate itself, usage 2 a CA above it. */
function namedByDnssec(leaf: Certificate, candidate: Candidate): readonly Certificate[] {
  if (candidate.dnssec === true) return [leaf];
  return (candidate.dnssecAnchors ?? []).flatMap((der) => {
    const parsed = parsedOnce(der);
    return parsed.kind === 'certificate' ? [parsed.value] : [];
  });
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

interface Stray {
  readonly code: string;
  readonly reason: string;
}

function ownerFault(leaf: Certificate, owner: Owner, wanted: Wanted): Stray | null {
  const { recipient, applied, now } = wanted;
  const isPersonal =
    leaf.mailboxes.some((one) => sameMailbox(one, recipient)) &&
    checkAuthorityName(leaf, 'confidentiality').kind === 'mismatch';
  if (owner === 'user') {
    if (isPersonal) return null;
    return { code: OF_OTHERS, reason: "it is not the recipient's own, and that is looked for" };
  }
  const reason = checkNames(leaf, recipient, applied, now);
  if (reason === null) return null;
  // What the rule would take in its turn is not wrong.
  const isWanted = isPersonal && applied.outbound.to.includes('user');
  return { code: isWanted ? OF_OTHERS : 'mismatch', reason };
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
