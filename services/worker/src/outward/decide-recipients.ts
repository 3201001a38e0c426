import { type OpenedMessage, protectedSizeEstimate, reviewState } from '@sallyport/domsec';
import { formatMailbox, type Mailbox, never, parseMailbox } from '@sallyport/mail';
import {
  type AppliedPartner,
  decideOutward,
  type FilterFacts,
  type OutboundPolicy,
  type OutwardDecision,
  outwardRuleFor,
  type PolicyDocument,
  type ReviewFacts,
  withListDemand,
} from '@sallyport/policy';
import { isTlsReport } from '@sallyport/spool';
import { locateForRecipient } from './certificates.ts';
import { listFacts, type MessageFacts } from './facts.ts';
import type { ForwardEntry, Job, OutwardPorts } from './job.ts';
import { loggedStep } from './logged-step.ts';
import { type Treatment, treatmentKey } from './protect.ts';

interface Decided {
  readonly recipient: ForwardEntry;
  readonly decision: OutwardDecision;
}

interface DecideAllInput {
  readonly job: Job;
  readonly pending: readonly ForwardEntry[];
  readonly facts: MessageFacts;
  readonly message: OpenedMessage;
  readonly filter: FilterFacts;
}

/** People whose own certificates are looked for at once, for one message. */
const AT_ONCE = 16;

/** Decides for each recipient; those of one domain share the lookup, unless each has a certificate. */
export async function decideAll(input: DecideAllInput, ports: OutwardPorts): Promise<Decided[]> {
  const known = new Map<string, Promise<OutwardDecision>>();
  const decide = async (recipient: ForwardEntry): Promise<Decided> => {
    const mailbox = parseMailbox(recipient.path);
    if (mailbox === null) {
      const sentence = 'Returned: the recipient address is not valid.';
      const decision = { kind: 'refuse', fault: 'mailbox-syntax', rule: 'format' } as const;
      return { recipient, decision: { ...decision, sentence } };
    }
    const { domain, localPart } = mailbox;
    const { outbound, rule } = outwardRuleFor(input.job.active.policy, domain, localPart);
    const isPersonal = outbound.to.includes('user');
    const key = isPersonal ? formatMailbox(mailbox) : `${domain} ${rule}`;
    const decision = known.get(key) ?? decideOne(mailbox, input, ports);
    known.set(key, decision);
    return { recipient, decision: await decision };
  };
  const decided: Decided[] = [];
  for (let at = 0; at < input.pending.length; at += AT_ONCE) {
    decided.push(...(await Promise.all(input.pending.slice(at, at + AT_ONCE).map(decide))));
  }
  return decided;
}

async function decideOne(
  recipient: Mailbox,
  input: DecideAllInput,
  ports: OutwardPorts,
): Promise<OutwardDecision> {
  const { job, facts, filter } = input;
  const list = listFacts(facts.plan);
  const rule = appliedFor(recipient, job, ports.ownDomains);
  // What must be encrypted needs a certificate, whatever the rule says.
  const applied = withListDemand(rule, list);
  const now = ports.clock.now();
  const located = await locateForRecipient(recipient, applied, ports.lookup, now);
  const { id: queueId } = job.header;
  const occasion = { queueId, domain: recipient.domain, rule: applied.rule };
  await ports.keyChangeLog.record(located.keyChanges, occasion);
  if (located.facts.kind === 'found' && located.facts.proof === 'pinned') {
    ports.keyWatch.look(queueId, recipient, applied);
  }
  // The way to a find is told by `cert locate`; the way to none belongs in the log.
  if (located.facts.kind !== 'found') {
    for (const step of located.trace) {
      ports.logger.info('lookup.step', { queueId, ...loggedStep(step) });
    }
  }
  const { outbound } = applied;
  const profile = outbound.sign === 'none' ? 'none' : outbound.profile;
  const encrypted = located.facts.kind === 'found';
  const asked = { recipient, rule: applied.rule, now };
  const certificate = await ports.capabilities.addTo(located.facts, asked);
  return decideOutward(
    {
      originator: facts.originator,
      innerSignatures: facts.innerSignatures,
      review: reviewFacts(input, outbound),
      list,
      certificate,
      filter,
      waitedMs: now.getTime() - Date.parse(job.header.createdAt),
      protectedBytes: protectedSizeEstimate(job.content.sizeBytes, {
        profile,
        encrypted,
        headerBytes: input.message.root.headerBytes,
      }),
      nextHopLimitBytes: await ports.nextHopLimit(recipient.domain),
      released: job.state.releasedAt !== null,
      now,
    },
    applied,
  );
}

/** What a review on it says (DS-V9), where the rule asks. */
export function reviewFacts(
  { message, facts }: Pick<DecideAllInput, 'message' | 'facts'>,
  { review, reviewers }: OutboundPolicy,
): ReviewFacts {
  if (review === 'none') return { kind: 'none' };
  return reviewState(message, facts.layers, { originators: facts.originators, reviewers });
}

/**
 * Mail for our own people goes to the inner MTA as it is; only the filter looks at it. TLS reports of
 * ours leave as they are: who collects them reads multipart/report (RFC 8460 section 5.3), and knows
 * us by our DKIM signature. They tell of sessions, and nothing of anybody's mail.
 */
function appliedFor(
  recipient: Mailbox,
  { header, active }: Job,
  ownDomains: ReadonlySet<string>,
): AppliedPartner {
  const applied = outwardRuleFor(active.policy, recipient.domain, recipient.localPart);
  const isReport = isTlsReport(header);
  if (!isReport && !ownDomains.has(recipient.domain)) return applied;
  return untreated(active.policy, isReport ? 'tls-report' : 'own-domain');
}

/** The rule for what leaves as it is. */
export function untreated(
  { default: others }: PolicyDocument,
  rule: 'tls-report' | 'own-domain',
): AppliedPartner {
  return {
    rule,
    outbound: { ...others.outbound, sign: 'none', encrypt: 'none', review: 'none' },
    trust: others.trust,
    agreement: undefined,
    domains: [],
  };
}

/** Recipients for whom the decision is the same. */
export interface Group<D> {
  readonly decision: D;
  readonly recipients: readonly ForwardEntry[];
}

export type Held = Extract<OutwardDecision, { kind: 'hold' }>;
type Refused = Extract<OutwardDecision, { kind: 'refuse' }>;
type Waiting = Extract<OutwardDecision, { kind: 'wait' }>;

export interface Groups {
  readonly treatments: readonly Group<Treatment>[];
  readonly held: readonly Group<Held>[];
  readonly refused: readonly Group<Refused>[];
  readonly waiting: readonly Group<Waiting>[];
}

/** One message for each treatment: what differs for two recipients is never in one message. */
export function groupByTreatment(decided: readonly Decided[]): Groups {
  const groups = new Map<string, { decision: OutwardDecision; recipients: ForwardEntry[] }>();
  for (const { recipient, decision } of decided) {
    const key = groupKey(decision);
    const group = groups.get(key) ?? { decision, recipients: [] };
    group.recipients.push(recipient);
    groups.set(key, group);
  }
  const treatments: Group<Treatment>[] = [];
  const held: Group<Held>[] = [];
  const refused: Group<Refused>[] = [];
  const waiting: Group<Waiting>[] = [];
  for (const { decision, recipients } of groups.values()) {
    if (decision.kind === 'hold') held.push({ decision, recipients });
    else if (decision.kind === 'refuse') refused.push({ decision, recipients });
    else if (decision.kind === 'wait') waiting.push({ decision, recipients });
    else treatments.push({ decision, recipients });
  }
  return { treatments, held, refused, waiting };
}

function groupKey(decision: OutwardDecision): string {
  switch (decision.kind) {
    case 'hold':
    case 'refuse':
    case 'wait':
      return `${decision.kind}:${decision.fault}:${decision.rule}`;
    case 'protect':
    case 'sign-only':
    case 'pass':
      return treatmentKey(decision);
    default:
      return never(decision);
  }
}
