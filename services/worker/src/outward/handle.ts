import { MESSAGE_LIMITS, readReceipt } from '@sallyport/domsec';
import { type FaultId, faultOf } from '@sallyport/faults';
import { parseQueueId, type QueueId } from '@sallyport/mail';
import { fieldValues } from '@sallyport/mime';
import { filterRuleFor, policyFor } from '@sallyport/policy';
import { type ActivePolicy, PolicyUnavailable } from '@sallyport/policy-store/read';
import { isTlsReport, type QueueFileHeader } from '@sallyport/spool';
import type { DkimSigner } from '../dkim/sign.ts';
import { filterContent } from '../filter/filter.ts';
import { openMessage } from '../shared/open-message.ts';
import { Unavailable } from '../shared/ports.ts';
import { decideAll, groupByTreatment } from './decide-recipients.ts';
import { type MessageFacts, messageFacts } from './facts.ts';
import { DONE, type ForwardEntry, type Job, type JobResult, type OutwardPorts } from './job.ts';
import { lookedAtAgain, reportLookups, restOf } from './lookup-outage.ts';
import { Protector } from './protect.ts';
import { rememberSent, sendOn, settleHeld, settleRefused } from './settle.ts';
import { readOutwardState } from './state.ts';
import { withTlsRequired } from './tls-required.ts';
import { soonestOf, waitLonger } from './wait.ts';

const RECEIPT_OPTIONS = { limits: MESSAGE_LIMITS, knownCertificates: [] } as const;

/** Takes one message from `incoming` to `outgoing`, `hold` or back to its author. */
export async function handleOutward(id: QueueId, ports: OutwardPorts): Promise<JobResult> {
  const stored = await ports.spool.read('incoming', id);
  if (stored.kind === 'gone') return DONE;
  if (stored.kind === 'corrupt') {
    await ports.recorder.record(
      { kind: 'corrupt-found', queueId: id, folder: 'incoming', reason: stored.reason },
      true,
    );
    await ports.spool.quarantine('incoming', id, stored.reason);
    return DONE;
  }
  const { header, content } = stored;
  const state = await readOutwardState(ports.spool, 'incoming', id);
  const settled = new Set(state.settled);
  try {
    const active = await currentPolicy(ports);
    const job = { header, content, state, active, settled, acceptedAs: acceptedAs(header) };
    return await work(job, ports);
  } catch (error) {
    // A surprise waits like an outage does, so that it too comes back to its author in the end.
    const fault = error instanceof Unavailable ? error.fault : 'internal';
    if (error instanceof Unavailable) {
      ports.logger.warn('outward.waits', { queueId: id, fault, cause: error });
    } else {
      ports.logger.error('outward.surprise', { queueId: id, cause: error });
    }
    const sentence = `Waits: ${faultOf(fault).text}.`;
    return await waitLonger(
      { header, content },
      { ...state, settled: [...settled] },
      { fault, sentence, waitMs: OWN_OUTAGES.has(fault) ? ownOutageWaitMs(state.attempts) : null },
      ports,
    );
  }
}

/**
 * Processes of our own come back within seconds; mail need not wait for the partner's schedule. So
 * with a surprise: ingress, when it starts, empties `tmp` under the hands of whoever writes there.
 */
const OWN_OUTAGES: ReadonlySet<FaultId> = new Set([
  'internal',
  'keyholder-unavailable',
  'recorder-unavailable',
  'worker-unavailable',
]);
const OWN_OUTAGE_MS = 1_000;
const MAX_DOUBLINGS = 9;

function ownOutageWaitMs(attempts: number): number {
  return OWN_OUTAGE_MS * 2 ** Math.min(attempts, MAX_DOUBLINGS);
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

/** RFC 8460 section 3: a report without a DKIM signature is ignored, so none is sent. */
const UNSIGNED_REPORT = {
  fault: 'own-key-unavailable',
  sentence: 'Not sent: a TLS report must bear a DKIM signature, and there is no key for it.',
  rule: 'tls-report',
} as const;

function dkimSignersOf(
  { authorDomain, originator }: MessageFacts,
  { acceptedAs }: Job,
  { keyring }: OutwardPorts,
): () => Promise<readonly DkimSigner[]> {
  return async () =>
    authorDomain === null || originator !== 'authenticated'
      ? []
      : await keyring.dkimSignersFor(authorDomain, acceptedAs);
}

async function work(job: Job, ports: OutwardPorts): Promise<JobResult> {
  const { header, active, settled } = job;
  const pending = header.forwardPaths.filter((one) => !settled.has(one.path));
  const rest = restOf(job, pending, ports);
  if (rest !== null) {
    return await waitLonger(job, { ...job.state, settled: [...settled] }, rest, ports);
  }
  const read = await openMessage({
    content: job.content,
    queueId: job.acceptedAs,
    keyring: ports.keyring,
    knownCertificates: [],
    mayOpen: () => Promise.resolve(true),
  });
  if (read.kind === 'malformed') {
    const sentence = `Returned: ${read.reason}.`;
    const why = { fault: read.fault, sentence, rule: 'format' };
    return await refuseAll(job, pending, why, ports);
  }
  const now = ports.clock.now();
  const receipt = await readReceipt(read.message, RECEIPT_OPTIONS);
  const { lookup } = ports;
  const context = { active, now, receipt, lookup };
  const facts = await messageFacts(header, read.message, ports.ownDomains, context);
  const filter = await filterContent(
    read.message,
    filterRuleFor(active.policy, 'outward'),
    ports.scanner,
  );
  const own = {
    ...job,
    active: { ...active, policy: policyFor(active.policy, facts.authorDomain) },
  };
  const asked = { job: own, pending, facts, message: read.message, filter };
  const decided = await decideAll(asked, ports);
  reportLookups(decided, ports);
  const dkimSigners = dkimSignersOf(facts, job, ports);
  if (isTlsReport(header) && (await dkimSigners()).length === 0) {
    return await refuseAll(job, pending, UNSIGNED_REPORT, ports);
  }
  const protector = new Protector(read.message.root, facts.plan, {
    signers: () => {
      if (facts.authorDomain === null) throw new Unavailable('own-key-unavailable');
      return ports.keyring.signersFor(facts.authorDomain, job.acceptedAs);
    },
    confidentialityChain: () => ports.keyring.confidentialityChain(facts.authorDomain),
    dkimSigners,
  });
  const groups = groupByTreatment(decided);
  const tagged = { ...job, header: withTlsRequired(header, read.message.root) };
  const settle = (recipients: readonly ForwardEntry[]): void => {
    for (const { path } of recipients) settled.add(path);
  };
  for (const group of groups.treatments) {
    await sendOn(tagged, group, protector, ports);
    settle(group.recipients);
  }
  if (groups.treatments.length > 0) {
    rememberSent(fieldValues(read.message.root, 'message-id'), ports);
  }
  for (const group of groups.held) {
    await settleHeld(job, group, ports);
    settle(group.recipients);
  }
  for (const group of groups.refused) {
    await settleRefused(job, group.recipients, group.decision, ports);
    settle(group.recipients);
  }
  const waiting = soonestOf(groups.waiting.map(({ decision }) => decision));
  if (waiting === null) return await finish(job, ports);
  const restUntil = lookedAtAgain(groups.waiting, ports);
  const wait = restUntil === undefined ? waiting : { ...waiting, restUntil };
  return await waitLonger(job, { ...job.state, settled: [...settled] }, wait, ports);
}

async function refuseAll(
  job: Job,
  recipients: readonly ForwardEntry[],
  why: { readonly fault: FaultId; readonly sentence: string; readonly rule: string },
  ports: OutwardPorts,
): Promise<JobResult> {
  await settleRefused(job, recipients, why, ports);
  return await finish(job, ports);
}

async function finish(job: Job, ports: OutwardPorts): Promise<JobResult> {
  await ports.spool.remove('incoming', job.header.id);
  return DONE;
}
