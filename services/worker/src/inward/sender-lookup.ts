import { checkAuthorityName, type OpenedMessage, type Verdict } from '@sallyport/domsec';
import {
  type Candidate,
  type DoorName,
  type LocatePorts,
  type LocateResult,
  locateCertificates,
} from '@sallyport/lookup';
import { type Domain, type Mailbox, sameMailbox } from '@sallyport/mail';
import { type Certificate, parseCertificate } from '@sallyport/pki';
import {
  type InwardRule,
  outwardRuleFor,
  type PolicyDocument,
  type SenderLookup,
} from '@sallyport/policy';

/** Inside DATA the partner waits for it. */
const DEADLINE_MS = 8_000;
/** Those who sign one message are of few domains. */
const MAX_SENDERS = 8;

/** Doors that tell what the domain publishes; the others tell what we know of it. */
const OWN_KNOWLEDGE: ReadonlySet<DoorName> = new Set(['pinned', 'harvested']);

interface Asked {
  readonly opened: OpenedMessage;
  readonly verdict: Verdict;
  readonly originators: readonly Mailbox[];
  readonly policy: PolicyDocument;
  readonly rule: InwardRule;
  readonly ports: LocatePorts;
}

/**
 * Whether the domain of each originator publishes the certificate that signed (TM-4), if the rule
 * asks for it. Only for a message whose signature is valid, so that a plaintext that nobody
 * vouches for asks nobody anything.
 *
 * @returns null if nobody was looked for.
 */
export async function lookUpSender(asked: Asked): Promise<SenderLookup | null> {
  const { opened, verdict, originators, policy, rule } = asked;
  if (verdict.signature !== 'valid' || rule.senderLookup === 'off') return null;
  const signers = decidingSigners(opened, verdict);
  const isDomain = verdict.signatureType === 'domain';
  // DNSSEC may name the certificate by its hash alone (RFC 8162 section 2): what came with the
  // message is then the find, and stands behind the doors that tell what we know.
  const ports = { ...asked.ports, harvested: async () => signers.map(({ der }) => der) };
  const results = await Promise.all(
    sendersOf(verdict, signers, originators).map(async (sender) => {
      const { outbound } = outwardRuleFor(policy, sender.domain);
      const doors = outbound.discovery.filter((door) => !OWN_KNOWLEDGE.has(door));
      const found = await locateCertificates<{ readonly kind: 'usable' }>({
        mailbox: sender,
        role: 'signing',
        doors: [...doors, 'harvested'],
        pinned: [],
        ...(isDomain ? {} : { bindings: ['address' as const] }),
        validate: (_, candidate) => compare(candidate, signers, isDomain ? null : sender),
        ports,
        deadlineMs: DEADLINE_MS,
      });
      return wordFor(found);
    }),
  );
  return WORST.find((word) => results.includes(word)) ?? null;
}

/**
 * Authors where authors signed. A domain signature is looked for where the authority itself stands,
 * which may be above the originators (RFC 3183 section 3.1.1); one that bears no address, at theirs.
 */
function sendersOf(
  { signatureType }: Verdict,
  signers: readonly Certificate[],
  originators: readonly Mailbox[],
): readonly Mailbox[] {
  if (signatureType !== 'domain') return originators.slice(0, MAX_SENDERS);
  const named = signers.flatMap(({ mailboxes }) => mailboxes);
  const byDomain = new Map<Domain, Mailbox>();
  for (const one of named.length > 0 ? named : originators) {
    if (!byDomain.has(one.domain)) byDomain.set(one.domain, one);
  }
  return [...byDomain.values()].slice(0, MAX_SENDERS);
}

function decidingSigners(
  opened: OpenedMessage,
  { layers, signatureType }: Verdict,
): readonly Certificate[] {
  return opened.layers.flatMap((layer, index) => {
    const report = layers[index];
    if (layer.kind !== 'signed' || report?.kind !== 'signed') return [];
    if (report.state !== 'valid' || report.role !== signatureType) return [];
    return layer.signers.flatMap(({ certificate }, at) =>
      report.signers[at]?.state === 'valid' && certificate !== null ? [certificate] : [],
    );
  });
}

const UNFIT = 'no-signing-certificate';
const OTHER = 'another-certificate';
/** The second is of lookup: DNSSEC names another certificate than a find. */
const CONTRADICTS: ReadonlySet<string> = new Set([OTHER, 'dnssec-mismatch']);

/** Only what signs for the same holder can contradict: an encryption certificate says nothing of it. */
function compare(
  { der, door, dnssec }: Candidate,
  signers: readonly Certificate[],
  author: Mailbox | null,
) {
  const parsed = parseCertificate(der);
  if (parsed.kind === 'malformed') {
    return { kind: 'unusable', code: UNFIT, reason: parsed.reason } as const;
  }
  const certificate = parsed.value;
  if (door === 'harvested' && dnssec !== true) {
    return { kind: 'unusable', code: UNFIT, reason: 'it came with the message' } as const;
  }
  if (signers.some(({ fingerprint }) => fingerprint === certificate.fingerprint)) {
    return { kind: 'usable' } as const;
  }
  if (!signsFor(certificate, author)) {
    const reason = 'it is not one that signs for the sender';
    return { kind: 'unusable', code: UNFIT, reason } as const;
  }
  return { kind: 'unusable', code: OTHER, reason: 'it is not the one that signed' } as const;
}

function signsFor(certificate: Certificate, author: Mailbox | null): boolean {
  const { keyUsage, isCa, mailboxes } = certificate;
  const signs =
    keyUsage === null || keyUsage.has('digitalSignature') || keyUsage.has('nonRepudiation');
  if (isCa || !signs) return false;
  return author === null
    ? checkAuthorityName(certificate, 'domain').kind === 'ok'
    : mailboxes.some((one) => sameMailbox(one, author));
}

function wordFor(found: LocateResult<{ readonly kind: 'usable' }>): SenderLookup {
  if (found.kind === 'found') return 'match';
  if (found.unusable.some(({ code }) => CONTRADICTS.has(code))) return 'mismatch';
  return found.kind === 'unavailable' ? 'unavailable' : 'not-found';
}

const WORST: readonly SenderLookup[] = ['mismatch', 'not-found', 'unavailable', 'match'];
