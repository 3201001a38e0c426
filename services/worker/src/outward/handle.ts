import { protectedSizeEstimate } from '@sallyport/domsec';
import { enhancedCode, type FaultId } from '@sallyport/faults';
import type { Logger } from '@sallyport/log';
import type { LocatePorts } from '@sallyport/lookup';
import {
  type Clock,
  type Content,
  childQueueId,
  type Mailbox,
  never,
  parseMailbox,
  parseQueueId,
  type QueueId,
} from '@sallyport/mail';
import { fieldValues } from '@sallyport/mime';
import {
  type AppliedPartner,
  decideOutward,
  type FilterFacts,
  filterRuleFor,
  type OutwardDecision,
  outwardRuleFor,
} from '@sallyport/policy';
import {
  type ActivePolicy,
  type PolicyReader,
  PolicyUnavailable,
} from '@sallyport/policy-store/read';
import { nextAttempt, type RetrySchedule } from '@sallyport/queue';
import type { QueueFileHeader } from '@sallyport/spool';
import { filterContent, type Scanner } from '../filter/filter.ts';
import type { HashIndex } from '../shared/hash-index.ts';
import type { Keyring } from '../shared/keyholder-client.ts';
import { openMessage } from '../shared/open-message.ts';
import { Unavailable } from '../shared/ports.ts';
import { writeQueueFile } from '../shared/spool-client.ts';
import { locateForRecipient } from './certificates.ts';
import { type MessageFacts, messageFacts } from './facts.ts';
import { Protector, type Treatment, treatmentKey } from './protect.ts';
import { type ReportPorts, reportToAuthor } from './reports.ts';
import { FIRST_STATE, type OutwardState, parseOutwardState } from './state.ts';

export interface OutwardPorts extends ReportPorts {
  readonly keyring: Keyring;
  readonly policy: PolicyReader;
  readonly lookup: LocatePorts;
  readonly scanner: Scanner | null;
  readonly sent: HashIndex;
  readonly ownDomains: ReadonlySet<string>;
  /** What the next hop of a domain takes, in bytes; null if it does not say. */
  readonly nextHopLimit: (domain: string) => Promise<number | null>;
  /** Tells egress that there is a new message in `outgoing`. */
  readonly relay: (id: QueueId) => void;
  readonly retry: RetrySchedule;
  readonly logger: Logger;
  readonly clock: Clock;
}

export type JobResult = { readonly kind: 'done' } | { readonly kind: 'again'; readonly at: Date };

const DONE: JobResult = { kind: 'done' };
export type ForwardEntry = QueueFileHeader['forwardPaths'][number];

/** One message on its way out, with what is known of it. */
interface Job {
  readonly header: QueueFileHeader;
  readonly content: Content;
  readonly state: OutwardState;
  readonly active: ActivePolicy;
  /** The id under which it was accepted; keys are used in its name. */
  readonly acceptedAs: QueueId;
}

/** Takes one message from `incoming` to `outgoing`, `hold` or back to its author. */
export async function handleOutward(id: QueueId, ports: OutwardPorts): Promise<JobResult> {
  const stored = await ports.spool.read('incoming', id);
  if (stored.kind === 'gone') return DONE;
  if (stored.kind === 'corrupt') {
    await ports.spool.quarantine('incoming', id, stored.reason);
    await ports.recorder.record(
      { kind: 'corrupt-found', queueId: id, folder: 'incoming', reason: stored.reason },
      true,
    );
    return DONE;
  }
  const { header, content } = stored;
  const state = parseOutwardState((await ports.spool.readState('incoming', id)) ?? FIRST_STATE);
  try {
    const active = await currentPolicy(ports);
    return await work({ header, content, state, active, acceptedAs: acceptedAs(header) }, ports);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    ports.logger.warn('outward.waits', { queueId: id, fault: error.fault, cause: error });
    const sentence = `Waits: ${enhancedCode(error.fault)} ${error.fault}.`;
    return await waitLonger(
      { header, content },
      state,
      { fault: error.fault, sentence, waitMs: null },
      ports,
    );
  }
}

function acceptedAs(header: QueueFileHeader): QueueId {
  const given = header.extra['acceptedAs'];
  return (typeof given === 'string' ? parseQueueId(given) : null) ?? header.id;
}

async function currentPolicy(ports: OutwardPorts): Promise<ActivePolicy> {
  try {
    return await ports.policy.current();
  } catch (cause) {
    if (cause instanceof PolicyUnavailable) throw new Unavailable('internal', { cause });
    throw cause;
  }
}

async function work(job: Job, ports: OutwardPorts): Promise<JobResult> {
  const { header, state, active } = job;
  const pending = header.forwardPaths.filter((one) => !state.settled.includes(one.path));
  const read = await openMessage({
    content: job.content,
    queueId: job.acceptedAs,
    keyring: ports.keyring,
    knownCertificates: [],
    mayOpen: () => Promise.resolve(true),
  });
  if (read.kind === 'malformed') {
    const sentence = `Returned: ${read.reason}.`;
    await settleRefused(job, pending, { fault: read.fault, sentence, rule: 'format' }, ports);
    return await finish(job, ports);
  }
  const now = ports.clock.now();
  const facts = messageFacts(header, read.message, ports.ownDomains, active, now);
  const filter = await filterContent(
    read.message,
    filterRuleFor(active.policy, 'outward'),
    ports.scanner,
  );
  const decided = await decideAll({ job, pending, facts, filter }, ports);
  const protector = new Protector(read.message.root, () => {
    if (facts.authorDomain === null) throw new Unavailable('own-key-unavailable');
    return ports.keyring.signerFor(facts.authorDomain, job.acceptedAs);
  });
  const groups = groupByTreatment(decided);
  for (const group of groups.treatments) await sendOn(job, group, protector, ports);
  if (groups.treatments.length > 0)
    await rememberSent(fieldValues(read.message.root, 'message-id'), ports);
  for (const group of groups.held) await settleHeld(job, group, ports);
  for (const group of groups.refused) {
    await settleRefused(job, group.recipients, group.decision, ports);
  }
  const [waiting] = groups.waiting;
  if (waiting === undefined) return await finish(job, ports);
  const left = groups.waiting.flatMap((group) => group.recipients.map((one) => one.path));
  const settled = header.forwardPaths.map((one) => one.path).filter((path) => !left.includes(path));
  return await waitLonger(job, { ...state, settled }, waiting.decision, ports);
}

async function finish(job: Job, ports: OutwardPorts): Promise<JobResult> {
  await ports.spool.remove('incoming', job.header.id);
  return DONE;
}

interface Decided {
  readonly recipient: ForwardEntry;
  readonly decision: OutwardDecision;
}

interface DecideAllInput {
  readonly job: Job;
  readonly pending: readonly ForwardEntry[];
  readonly facts: MessageFacts;
  readonly filter: FilterFacts;
}

async function decideAll(input: DecideAllInput, ports: OutwardPorts): Promise<Decided[]> {
  const byDomain = new Map<string, Promise<OutwardDecision>>();
  return await Promise.all(
    input.pending.map(async (recipient) => {
      const mailbox = parseMailbox(recipient.path);
      if (mailbox === null) {
        const sentence = 'Returned: the recipient address is not valid.';
        return {
          recipient,
          decision: { kind: 'refuse', fault: 'mailbox-syntax', rule: 'format', sentence },
        };
      }
      const known = byDomain.get(mailbox.domain) ?? decideOne(mailbox, input, ports);
      byDomain.set(mailbox.domain, known);
      return { recipient, decision: await known };
    }),
  );
}

async function decideOne(
  recipient: Mailbox,
  input: DecideAllInput,
  ports: OutwardPorts,
): Promise<OutwardDecision> {
  const { job, facts, filter } = input;
  const applied = appliedFor(recipient, job.active, ports.ownDomains);
  const now = ports.clock.now();
  const located = await locateForRecipient(recipient, applied, ports.lookup, now);
  for (const step of located.trace) {
    ports.logger.info('lookup.step', { queueId: job.header.id, ...step });
  }
  const { outbound } = applied;
  const profile = outbound.sign === 'none' ? 'none' : outbound.profile;
  const encrypted = located.facts.kind === 'found';
  return decideOutward(
    {
      originator: facts.originator,
      innerSignatures: facts.innerSignatures,
      certificate: located.facts,
      filter,
      waitedMs: now.getTime() - Date.parse(job.header.createdAt),
      protectedBytes: protectedSizeEstimate(job.content.sizeBytes, { profile, encrypted }),
      nextHopLimitBytes: await ports.nextHopLimit(recipient.domain),
      released: job.state.released,
      now,
    },
    applied,
  );
}

/** Mail for our own people goes to the inner MTA as it is; only the filter looks at it. */
function appliedFor(
  recipient: Mailbox,
  active: ActivePolicy,
  ownDomains: ReadonlySet<string>,
): AppliedPartner {
  const applied = outwardRuleFor(active.policy, recipient.domain);
  if (!ownDomains.has(recipient.domain)) return applied;
  return {
    rule: 'own-domain',
    outbound: { ...active.policy.default.outbound, sign: 'none', encrypt: 'none' },
    trust: active.policy.default.trust,
    agreement: undefined,
    domains: [],
  };
}

interface Group<D> {
  readonly decision: D;
  readonly recipients: readonly ForwardEntry[];
}

type Held = Extract<OutwardDecision, { kind: 'hold' }>;
type Refused = Extract<OutwardDecision, { kind: 'refuse' }>;
type Waiting = Extract<OutwardDecision, { kind: 'wait' }>;

interface Groups {
  readonly treatments: readonly Group<Treatment>[];
  readonly held: readonly Group<Held>[];
  readonly refused: readonly Group<Refused>[];
  readonly waiting: readonly Group<Waiting>[];
}

function groupByTreatment(decided: readonly Decided[]): Groups {
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

async function sendOn(
  job: Job,
  group: Group<Treatment>,
  protector: Protector,
  ports: OutwardPorts,
): Promise<void> {
  const { decision, recipients } = group;
  await recordDecision(job, decision, recipients.length, ports);
  // The id follows from what it is: after a crash the same work lands in the same file.
  const label = `${treatmentKey(decision)}|${recipients.map((one) => one.path).join('|')}`;
  const id = childQueueId(job.header.id, label);
  const content = await protector.protect(decision);
  const { policyVersion, ...extra } = { ...job.header.extra, policyVersion: job.active.version };
  const header: QueueFileHeader = {
    ...job.header,
    id,
    forwardPaths: [...recipients],
    extra: {
      ...extra,
      policyVersion,
      acceptedAs: job.acceptedAs,
      rule: decision.rule,
      treatment: decision.kind,
    },
  };
  await writeQueueFile(ports.spool, header, content, 'egress');
  await ports.spool.commit(id, 'tmp', 'outgoing');
  await ports.recorder.record(
    {
      kind: 'protected',
      queueId: job.header.id,
      outputs: [{ id, folder: 'outgoing' }],
      profile: decision.kind === 'pass' ? null : decision.profile,
      signed: decision.kind === 'sign-only' || (decision.kind === 'protect' && decision.sign),
      encryption: decision.kind === 'protect' ? 'domain' : 'none',
      ...(decision.kind === 'protect'
        ? { certificates: [decision.encryptTo.certificate.fingerprint] }
        : {}),
      sentence: decision.sentence,
      rule: decision.rule.slice(0, 128),
    },
    false,
  );
  ports.relay(id);
}

async function rememberSent(messageIds: readonly string[], ports: OutwardPorts): Promise<void> {
  const [messageId] = messageIds;
  if (messageId !== undefined) await ports.sent.add(Buffer.from(messageId.trim()), Buffer.alloc(1));
}

async function recordDecision(
  job: Job,
  decision: OutwardDecision,
  recipients: number,
  ports: OutwardPorts,
): Promise<void> {
  await ports.recorder.record(
    {
      kind: 'decided',
      queueId: job.header.id,
      decision: decision.kind,
      recipients,
      ...('fault' in decision ? { fault: decision.fault } : {}),
      sentence: decision.sentence.slice(0, 2_000),
      rule: decision.rule.slice(0, 128),
      policyVersion: job.active.version,
    },
    false,
  );
}

async function settleHeld(job: Job, group: Group<Held>, ports: OutwardPorts): Promise<void> {
  const { decision, recipients } = group;
  await recordDecision(job, decision, recipients.length, ports);
  const label = `hold|${decision.fault}|${recipients.map((one) => one.path).join('|')}`;
  const id = childQueueId(job.header.id, label);
  const hold = {
    fault: decision.fault,
    sentence: decision.sentence,
    rule: decision.rule,
    heldAt: ports.clock.now().toISOString(),
  };
  const header: QueueFileHeader = {
    ...job.header,
    id,
    forwardPaths: [...recipients],
    extra: { ...job.header.extra, acceptedAs: job.acceptedAs, hold },
  };
  await writeQueueFile(ports.spool, header, job.content, 'worker');
  await ports.spool.commit(id, 'tmp', 'hold');
  await ports.recorder.record(
    {
      kind: 'held',
      queueId: job.header.id,
      heldId: id,
      fault: decision.fault,
      sentence: decision.sentence.slice(0, 2_000),
    },
    true,
  );
}

async function settleRefused(
  job: Job,
  recipients: readonly ForwardEntry[],
  decision: { readonly fault: FaultId; readonly sentence: string; readonly rule: string },
  ports: OutwardPorts,
): Promise<void> {
  await ports.recorder.record(
    {
      kind: 'refused',
      queueId: job.header.id,
      fault: decision.fault,
      stage: 'decide',
      sentence: decision.sentence.slice(0, 2_000),
      rule: decision.rule.slice(0, 128),
    },
    true,
  );
  const { fault, sentence } = decision;
  await reportToAuthor(
    job.header,
    job.content,
    { action: 'failed', fault, sentence, recipients },
    ports,
  );
}

interface Wait {
  readonly fault: FaultId;
  readonly sentence: string;
  /** How long at most; null leaves it to the retry schedule. */
  readonly waitMs: number | null;
}

/** Keeps the message for another try, warns of the delay once, and returns it when its time is up. */
async function waitLonger(
  message: { readonly header: QueueFileHeader; readonly content: Content },
  state: OutwardState,
  wait: Wait,
  ports: OutwardPorts,
): Promise<JobResult> {
  const { header, content } = message;
  const now = ports.clock.now();
  const createdAt = new Date(header.createdAt);
  const attempts = state.attempts + 1;
  const next = nextAttempt({ attempts, createdAt, now, schedule: ports.retry });
  const recipients = header.forwardPaths.filter((one) => !state.settled.includes(one.path));
  const { fault, sentence } = wait;
  if (next.kind === 'expired') {
    await ports.recorder.record({ kind: 'expired', queueId: header.id, fault, sentence }, true);
    await reportToAuthor(
      header,
      content,
      { action: 'failed', fault: 'expired', sentence, recipients },
      ports,
    );
    await ports.spool.remove('incoming', header.id);
    return DONE;
  }
  const soonest = wait.waitMs === null ? Number.POSITIVE_INFINITY : now.getTime() + wait.waitMs;
  const at = new Date(Math.min(next.at.getTime(), soonest));
  const warn = next.isWarningDue && !state.delayWarned;
  await ports.spool.writeState('incoming', header.id, {
    ...state,
    attempts,
    nextAttemptAt: at.toISOString(),
    fault,
    sentence,
    delayWarned: state.delayWarned || warn,
  });
  if (warn) {
    const willRetryUntil = new Date(createdAt.getTime() + ports.retry.expireAfterMs);
    await reportToAuthor(
      header,
      content,
      { action: 'delayed', fault, sentence, recipients, willRetryUntil },
      ports,
    );
  }
  return { kind: 'again', at };
}
