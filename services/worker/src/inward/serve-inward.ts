import type { ReplyFaultId } from '@sallyport/faults';
import {
  type CallParams,
  type CallResult,
  type Handlers,
  IpcRefused,
  type inwardProtocol,
} from '@sallyport/ipc';
import type { Logger } from '@sallyport/log';
import {
  type Clock,
  type Content,
  childQueueId,
  isTlsReportAddress,
  parseMailbox,
  parseQueueId,
  type QueueId,
} from '@sallyport/mail';
import type { PolicyReader } from '@sallyport/policy-store/read';
import { PolicyUnavailable } from '@sallyport/policy-store/read';
import { type QueueFileHeader, type Spool, writeQueueFile } from '@sallyport/spool';
import { provesReversePath } from '../authentication/facts.ts';
import type { KeyChangeLog } from '../shared/key-change-log.ts';
import { type Recorder, Unavailable } from '../shared/ports.ts';
import type { ReceivedReports } from '../tls-reports/received-folder.ts';
import { isForTlsReports, takeTlsReport } from '../tls-reports/take.ts';
import { activeFor } from './active-for.ts';
import { checkDemands } from './check-demands.ts';
import { type Judgement, type JudgePorts, judgeMessage } from './judge.ts';
import { checkRecipient, type RecipientAsker } from './recipients.ts';
import { recordJudgement } from './record-judgement.ts';
import { decryptionFloorMs, padToFloor } from './time-floor.ts';

type Protocol = typeof inwardProtocol;
type JudgeParams = CallParams<Protocol, 'judge'>;
type JudgeResult = CallResult<Protocol, 'judge'>;
type Judged = Extract<Judgement, { kind: 'judged' }>;

export interface InwardPorts extends Omit<JudgePorts, 'now' | 'mayOpen'> {
  readonly policy: PolicyReader;
  readonly spool: Spool;
  readonly recorder: Recorder;
  readonly askers: ReadonlyMap<string, RecipientAsker>;
  readonly mayOpenFor: (queueId: QueueId) => JudgePorts['mayOpen'];
  readonly decryptionFloorMs: number;
  /** Takes in what partners announce; left out where nothing is learned. */
  readonly learn?: (judgement: Pick<Judged, 'heard' | 'harvested'>) => void;
  readonly keyChangeLog: KeyChangeLog;
  /** Left out where no TLS reports are taken. */
  readonly tlsReports?: ReceivedReports;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The methods that ingress calls. Results are left in `tmp`; ingress alone commits them. */
export function inwardHandlers(ports: InwardPorts): Handlers<Protocol> {
  // A cancel that comes when the judgement is over must not stay behind.
  const judging = new Map<string, { isCancelled: boolean }>();
  return {
    demands: async (params) => {
      const { policy } = await currentPolicy(ports);
      return checkDemands(params, policy, ports.clock.now());
    },
    recipient: async (params) => {
      const mailbox = parseMailbox(params.forwardPath);
      if (mailbox === null) return { kind: 'refuse', fault: 'mailbox-syntax' };
      const isOurs = ports.askers.has(mailbox.domain);
      if (isOurs && isTlsReportAddress(mailbox) && ports.tlsReports !== undefined) {
        return { kind: 'ok', ruleKey: 'tls-reports' };
      }
      const fault = await checkRecipient(mailbox, ports.askers);
      // Keys and rules of ours differ by recipient domain alone.
      return fault === null ? { kind: 'ok', ruleKey: mailbox.domain } : { kind: 'refuse', fault };
    },
    judge: async (params, { closed }) => {
      const work = { isCancelled: false };
      judging.set(params.queueId, work);
      try {
        return await judge(params, ports, () => closed.aborted || work.isCancelled);
      } finally {
        judging.delete(params.queueId);
      }
    },
    cancel: ({ queueId }) => {
      const work = judging.get(queueId);
      if (work !== undefined) work.isCancelled = true;
      return {};
    },
  };
}

async function currentPolicy(ports: InwardPorts) {
  try {
    return await ports.policy.current();
  } catch (cause) {
    if (cause instanceof PolicyUnavailable)
      throw new IpcRefused('internal', 'no policy', { cause });
    throw cause;
  }
}

async function judge(
  params: JudgeParams,
  ports: InwardPorts,
  gone: () => boolean,
): Promise<JudgeResult> {
  const startedMs = performance.now();
  const id = parseQueueId(params.queueId);
  if (id === null) throw new IpcRefused(null, 'no queue id');
  // Design section 4: whatever becomes of a message once a key of ours was asked for, a surprise
  // included, its time tells nobody where it failed. Mail that is taken has nothing to hide.
  let isUnwrapped = false;
  const mayOpenFor: InwardPorts['mayOpenFor'] = (queueId) => {
    const mayOpen = ports.mayOpenFor(queueId);
    return async (encryptedKey, contentDigest) => {
      isUnwrapped = true;
      return await mayOpen(encryptedKey, contentDigest);
    };
  };
  const keepFloor = async (): Promise<void> =>
    await padToFloor(startedMs, decryptionFloorMs(params.sizeBytes, ports.decryptionFloorMs));
  try {
    const result = await judgeOne(id, params, { ...ports, mayOpenFor }, gone);
    const isTaken = result.kind === 'accept' && !isSecretHold(result);
    const secret = result.kind === 'refuse' && result.fault === 'decryption-failed';
    if (secret || isSecretHold(result) || (isUnwrapped && !isTaken)) await keepFloor();
    return result;
  } catch (error) {
    if (isUnwrapped) await keepFloor();
    if (!(error instanceof Unavailable)) throw error;
    ports.logger.warn('judgement.unavailable', { queueId: id, fault: error.fault, cause: error });
    return { kind: 'defer', fault: deferFault(error) };
  }
}

function isSecretHold(result: JudgeResult): boolean {
  return result.kind === 'accept' && result.results.some((one) => one.folder === 'hold');
}

function deferFault(error: Unavailable): ReplyFaultId {
  return error.fault === 'recorder-unavailable' || error.fault === 'keyholder-unavailable'
    ? error.fault
    : 'internal';
}

async function judgeOne(
  id: QueueId,
  params: JudgeParams,
  ports: InwardPorts,
  gone: () => boolean,
): Promise<JudgeResult> {
  const stored = await ports.spool.read('tmp', id);
  if (stored.kind !== 'ok') throw new IpcRefused('internal', `no readable message: ${stored.kind}`);
  if (ports.tlsReports !== undefined && isForTlsReports(params.forwardPaths)) {
    return await keepTlsReport(params, stored.content, { ...ports, tlsReports: ports.tlsReports });
  }
  const active = activeFor(await currentPolicy(ports), stored.header);
  const judgement = await judgeMessage(
    {
      queueId: id,
      client: params.client,
      reversePath: params.reversePath,
      content: stored.content,
      released: false,
    },
    active,
    { ...ports, mayOpen: ports.mayOpenFor(id), now: ports.clock.now() },
  );
  await recordJudgement(id, judgement, active.version, ports);
  if (judgement.kind === 'malformed') {
    return { kind: 'refuse', fault: judgement.fault, sentence: judgement.reason };
  }
  const { decision } = judgement;
  if (gone()) return { kind: 'defer', fault: 'verdict-timeout' };
  switch (decision.kind) {
    case 'refuse':
      return { kind: 'refuse', fault: decision.fault, sentence: decision.sentence };
    case 'wait':
      return { kind: 'defer', fault: decision.fault };
    default: {
      const folder = decision.kind === 'hold' ? 'hold' : 'outgoing';
      const result = childQueueId(id, folder);
      const header = resultHeader(result, stored.header, judgement, active.version);
      await writeQueueFile(
        ports.spool,
        decision.kind === 'hold'
          ? { header, content: stored.content, reader: 'worker' }
          : { header, content: judgement.delivered, reader: 'egress' },
      );
      if (gone()) {
        // Nobody commits it any more, and `tmp` is emptied at the next start only.
        await ports.spool.remove('tmp', result);
        return { kind: 'defer', fault: 'verdict-timeout' };
      }
      if (decision.kind === 'deliver') ports.learn?.(judgement);
      return { kind: 'accept', results: [{ id: result, folder }], sentence: decision.sentence };
    }
  }
}

/** A report for the gateway itself: kept on disk before anybody says 250. */
async function keepTlsReport(
  { client, reversePath }: JudgeParams,
  content: Content,
  ports: InwardPorts & { readonly tlsReports: ReceivedReports },
): Promise<JudgeResult> {
  const { askers: ownDomains, authservId, lookup, clock } = ports;
  const { resolver } = lookup;
  const taken = await takeTlsReport(
    { content, client, reversePath },
    { resolver, authservId, ownDomains, now: clock.now() },
  );
  switch (taken.kind) {
    case 'refused':
      return { kind: 'refuse', fault: taken.fault, sentence: taken.sentence };
    case 'unknown':
      return { kind: 'defer', fault: 'dns-failure' };
    default: {
      const { stored } = taken;
      if (!(await ports.tlsReports.keep(stored))) {
        const long = 'Refused: the TLS report says more than is kept of one.';
        return { kind: 'refuse', fault: 'tls-report-refused', sentence: long };
      }
      const sentence = `Kept: a TLS report of ${stored.submitter} about ${stored.domain}.`;
      return { kind: 'accept', results: [], sentence };
    }
  }
}

function resultHeader(
  id: QueueId,
  received: QueueFileHeader,
  judgement: Judgement & { kind: 'judged' },
  policyVersion: number,
): QueueFileHeader {
  const { decision } = judgement;
  const hold =
    decision.kind === 'hold'
      ? { hold: { fault: decision.fault, sentence: decision.sentence, rule: decision.rule } }
      : {};
  return {
    ...received,
    id,
    extra: {
      ...received.extra,
      ...returnFacts(judgement),
      receivedAs: received.id,
      policyVersion,
      rule: decision.rule,
      ...hold,
    },
  };
}

/** A later failure is reported only to an author whose domain is proven (design section 4). */
function returnFacts(judgement: Judgement & { kind: 'judged' }): Record<string, unknown> {
  const { verdict, authentication, outerHeader } = judgement;
  const isSigned =
    verdict.signature === 'valid' &&
    verdict.signatureType === 'domain' &&
    verdict.mapping !== 'mismatch';
  const isProven = isSigned || provesReversePath(authentication);
  return isProven && outerHeader !== null ? { returnable: true, outerHeader } : {};
}
