import {
  type JudgeOptions,
  type Layer,
  namingOptions,
  type OpenedMessage,
} from '@sallyport/domsec';
import { type Domain, type Mailbox, sameMailbox } from '@sallyport/mail';
import { type Certificate, newStepBudget } from '@sallyport/pki';
import {
  type InwardRule,
  inwardRuleFor,
  type PolicyDocument,
  type TrustPolicy,
} from '@sallyport/policy';
import { pinsFor } from './policy-certificates.ts';
import { judgeTrust, type KeyChange, type Trusted, type TrustPorts } from './proof.ts';

/** Proofs for one message: more signers with good signatures is no mail that people write. */
const MAX_PROOFS = 64;
/** Inside DATA a partner waits for it. */
const PROOF_DEADLINE_MS = 8_000;

/** What `judgeLayers` asks of trust, with what was fetched for it before. */
export interface SignerTrust {
  readonly validate: JudgeOptions['validate'];
  /** Signers whose key is not the pinned one. */
  readonly keyChanges: readonly KeyChange[];
  /** Of some signer nobody says whether it is revoked, and its rule is hard. */
  readonly isPending: boolean;
}

interface Asked {
  readonly now: Date;
  readonly ports: TrustPorts;
}

/**
 * Proves the signers of a message whose signature verified, each under the trusts given, so that
 * `judgeLayers` can ask without waiting.
 *
 * What came with a message decides here whom we talk to, and an onlooker sees that we do. So (design
 * section 4, Decryption): a place is asked only about a signer whose signature verified over what it
 * covers and who has a path to an anchor of this partner without anything fetched. Whoever could
 * make such a signature knew the plaintext and learns nothing from the fetch; a plaintext that was
 * tampered with causes none. What it takes counts within the time floor of the answer.
 */
export async function proveSigners(
  message: Pick<OpenedMessage, 'layers'>,
  trusts: readonly TrustPolicy[],
  { now, ports }: Asked,
): Promise<SignerTrust> {
  const budget = newStepBudget();
  const signers = signersIn(message.layers);
  const pairs = trusts.flatMap((trust) => signers.map((signer) => ({ trust, ...signer })));
  const known = new Map(trusts.map((trust) => [trust, new Map<string, Trusted>()]));
  const prove = async ({ trust, leaf, others }: (typeof pairs)[number]): Promise<Trusted> => {
    const pinned = pinsFor(trust, 'sign').filter((pin) => isSameHolder(pin, leaf));
    const question = { leaf, intermediates: others, trust, pinned, now, budget };
    const asked = { ...question, direction: 'sign', deadlineMs: PROOF_DEADLINE_MS } as const;
    const trusted = await judgeTrust(asked, ports);
    known.get(trust)?.set(leaf.fingerprint, trusted);
    return trusted;
  };
  const results = await Promise.all(pairs.slice(0, MAX_PROOFS).map(prove));
  return {
    validate: (leaf) =>
      strictest(trusts.map((trust) => answerOf(known.get(trust)?.get(leaf.fingerprint)))),
    keyChanges: results.flatMap(({ keyChange }) => keyChange ?? []),
    isPending: results.some(
      (one) => one.kind === 'untrusted' && one.code === 'revocation-unavailable',
    ),
  };
}

interface Signer {
  readonly leaf: Certificate;
  readonly others: readonly Certificate[];
}

/** Each once, with all certificates that came with what it signed. */
function signersIn(layers: readonly Layer[]): readonly Signer[] {
  const found = new Map<string, Signer>();
  for (const layer of layers) {
    if (layer.kind !== 'signed') continue;
    for (const { certificate: leaf, check } of layer.signers) {
      if (leaf === null || check.kind !== 'valid') continue;
      const before = found.get(leaf.fingerprint)?.others ?? [];
      found.set(leaf.fingerprint, { leaf, others: [...before, ...layer.certificates] });
    }
  }
  return [...found.values()];
}

/** Who is pinned and who signed are one: by an address of both, or else by the subject. */
function isSameHolder(pin: Certificate, leaf: Certificate): boolean {
  const shared = pin.mailboxes.some((own) => leaf.mailboxes.some((one) => sameMailbox(own, one)));
  return shared || pin.subjectName.key === leaf.subjectName.key;
}

type Answer = ReturnType<JudgeOptions['validate']>;

function answerOf(trusted: Trusted | undefined): Answer {
  if (trusted === undefined) return { kind: 'invalid', reason: 'there are too many signers' };
  if (trusted.kind === 'trusted') return { kind: 'valid', certificate: trusted.certificate };
  const { reason, code } = trusted;
  switch (code) {
    case 'revoked':
      return { kind: 'invalid', reason, fault: 'signer-revoked' };
    case 'revocation-unavailable':
      return { kind: 'invalid', reason, fault: 'revocation-unavailable' };
    default:
      return { kind: 'invalid', reason };
  }
}

/** All must say yes; of several refusals the final one counts, since nothing temporary mends it. */
function strictest(answers: readonly Answer[]): Answer {
  const refused = answers.filter((answer) => answer.kind === 'invalid');
  const [first = { kind: 'invalid', reason: 'the message names no originator' }] = answers;
  return refused.find(({ fault }) => fault !== 'revocation-unavailable') ?? refused[0] ?? first;
}

/**
 * Trust and naming for what originators of several partners claim together. Each originator is
 * judged by the record of its own domain: the anchors and exceptions of one partner, or of the
 * partner that RFC5321.MailFrom names, say nothing about the domains of another.
 */
export async function trustByOriginator(
  message: Pick<OpenedMessage, 'layers'>,
  context: Asked & {
    readonly policy: PolicyDocument;
    readonly originators: readonly Mailbox[];
  },
): Promise<SignerTrust & Pick<JudgeOptions, 'naming'>> {
  const { policy, originators, now } = context;
  const byDomain = new Map<Domain, InwardRule>();
  const ruleOf = (domain: Domain): InwardRule => {
    const rule =
      byDomain.get(domain) ?? inwardRuleFor(policy, { reversePath: null, claimed: [domain] });
    byDomain.set(domain, rule);
    return rule;
  };
  const trusts = new Set(originators.flatMap(({ domain }) => ruleOf(domain).trusts));
  const proven = await proveSigners(message, [...trusts], context);
  return {
    ...proven,
    naming: ({ domain }) => {
      const { trusts: own, partnerDomains } = ruleOf(domain);
      return namingOptions(own, partnerDomains, now);
    },
  };
}
