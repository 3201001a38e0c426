import type { ReplyFaultId } from '@sallyport/faults';
import { type ClientFacts, IpcUnavailable } from '@sallyport/ipc';
import { formatMailbox, formatReversePath, parseQueueId, type QueueId } from '@sallyport/mail';
import type { InwardPort, Judgement } from '../ports.ts';
import type { DataOutcome, MailCommand, RecipientCommand } from '../smtp/types.ts';
import { BaseTransactions, type MailRefusal, type OpenMessage } from './base.ts';
import {
  acceptedEvent,
  destinationOf,
  isPostmaster,
  isReserved,
  type OpenEnvelope,
  type Surroundings,
} from './facts.ts';

/** The rule of a postmaster whom worker inward does not know. */
const POSTMASTER_RULE = 'postmaster';

interface Result {
  readonly id: QueueId;
  readonly folder: 'outgoing' | 'hold';
}

/**
 * Mail from partners. It is judged inside DATA, so that a bad message is refused to the partner's
 * MTA and never bounced at a forged author. Ingress alone commits the results.
 */
export class InwardTransactions extends BaseTransactions {
  readonly #inward: InwardPort;
  #ruleKey: string | null = null;

  constructor(around: Surroundings, inward: InwardPort) {
    super(around, 'partner');
    this.#inward = inward;
  }

  override reset(): void {
    super.reset();
    this.#ruleKey = null;
  }

  protected override async checkMail(
    command: MailCommand,
    client: ClientFacts,
  ): Promise<MailRefusal | null> {
    this.#ruleKey = null;
    const reversePath = formatReversePath(command.reversePath);
    const demands = await this.#ask(() => this.#inward.demands({ client, reversePath }));
    if (demands === null) return { fault: 'worker-unavailable' };
    if (demands.kind === 'ok') return null;
    const { fault, sentence } = demands;
    return { fault, ...(sentence === undefined ? {} : { sentence }) };
  }

  protected override async checkRecipient(
    command: RecipientCommand,
    client: ClientFacts,
    envelope: OpenEnvelope,
  ): Promise<ReplyFaultId | null> {
    const { forwardPath } = command;
    if (!this.around.ownDomains.has(forwardPath.domain)) return 'relay-denied';
    if (isReserved(forwardPath)) return 'recipient-reserved';
    const request = {
      client,
      reversePath: envelope.reversePath,
      forwardPath: formatMailbox(forwardPath),
    };
    const rule = await this.#ask(() => this.#inward.recipient(request));
    if (rule === null) return 'recipient-check-unavailable';
    if (rule.kind === 'refuse' && !isPostmaster(forwardPath)) return rule.fault;
    // One reply to DATA can only tell one verdict: another rule needs its own transaction.
    const ruleKey = rule.kind === 'ok' ? rule.ruleKey : POSTMASTER_RULE;
    this.#ruleKey ??= ruleKey;
    return this.#ruleKey === ruleKey ? null : 'recipient-needs-own-transaction';
  }

  protected override origin() {
    return { origin: 'inward', evidence: null } as const;
  }

  protected override async finish(message: OpenMessage): Promise<DataOutcome> {
    const { file, header, client } = message;
    const event = { header, client, sizeBytes: file.sizeBytes };
    // The keyholder opens nothing without this record (design section 2).
    const [fault, isRecorded] = await Promise.all([
      file.finish({ syncNow: false }),
      file.fault === null ? this.recordDurably(acceptedEvent(event)) : false,
    ]);
    if (fault !== null) return this.#refuse(message, fault);
    if (!isRecorded) return this.#refuse(message, 'recorder-unavailable');
    const judgement = await this.#judge(message);
    if (message.gone.aborted) return this.#dropVerdict(message, judgement);
    switch (judgement.kind) {
      case 'accept':
        return this.#commit(message, judgement);
      case 'refuse':
        return this.#refuse(message, judgement.fault, judgement.sentence);
      default:
        return this.#refuse(message, judgement.fault);
    }
  }

  async #judge(message: OpenMessage): Promise<Judgement> {
    const { header, client, file, gone } = message;
    const { judgeDeadlineMs: deadlineMs, logger } = this.around;
    const request = {
      client,
      queueId: header.id,
      reversePath: header.reversePath,
      forwardPaths: header.forwardPaths.map(({ path }) => path),
      sizeBytes: file.sizeBytes,
    };
    try {
      return await this.#inward.judge(request, { deadlineMs, signal: gone });
    } catch (cause) {
      if (!gone.aborted) {
        logger.error('verdict.missing', { queueId: header.id, cause });
        this.#cancel(header.id);
      }
      const isLate = cause instanceof IpcUnavailable && cause.kind === 'deadline';
      return { kind: 'defer', fault: isLate ? 'verdict-timeout' : 'worker-unavailable' };
    }
  }

  /** The client has gone: whatever the verdict, nothing of it stays. */
  async #dropVerdict(message: OpenMessage, judgement: Judgement): Promise<DataOutcome> {
    const results = judgement.kind === 'accept' ? parseResults(judgement) : [];
    for (const { id } of results) await this.removeQuietly('tmp', id);
    return this.#abandon(message, 'client has gone before the verdict');
  }

  async #commit(
    message: OpenMessage,
    judgement: Extract<Judgement, { kind: 'accept' }>,
  ): Promise<DataOutcome> {
    const { header, file } = message;
    const results = parseResults(judgement);
    // The record comes first: egress may find a result in the moment that it is renamed, and what is
    // not recorded must not be on its way.
    const isRecorded = await this.recordDurably({
      kind: 'committed',
      queueId: header.id,
      results: results.map(({ id, folder }) => ({ id, folder })),
      sizeBytes: file.sizeBytes,
      sentence: judgement.sentence.slice(0, 2_000),
    });
    if (!isRecorded) return this.#takeBack(message, results, 'recorder-unavailable');
    try {
      for (const result of results) {
        await this.around.ports.spool.commit(result.id, 'tmp', result.folder);
      }
    } catch (cause) {
      this.around.logger.error('spool.commit-failed', { queueId: header.id, cause });
      return this.#takeBack(message, results, 'internal');
    }
    if (!results.some(({ id }) => id === header.id)) await this.removeQuietly('tmp', header.id);
    for (const { id, folder } of results) {
      if (folder === 'outgoing') this.around.ports.hints.outgoing(id, destinationOf(header));
    }
    return { kind: 'accepted', queueId: header.id };
  }

  /** No 250 without all of it on disk: what was renamed already is removed again. */
  async #takeBack(
    message: OpenMessage,
    done: readonly Result[],
    fault: ReplyFaultId,
  ): Promise<DataOutcome> {
    for (const { id, folder } of done) {
      await this.removeQuietly(folder, id);
      await this.removeQuietly('tmp', id);
    }
    this.#cancel(message.header.id);
    return this.#abandon(message, 'results could not be committed', fault);
  }

  async #abandon(
    message: OpenMessage,
    reason: string,
    fault: ReplyFaultId = 'internal',
  ): Promise<DataOutcome> {
    const { id } = message.header;
    this.#cancel(id);
    await message.file.abort();
    this.abandoned(id, reason);
    return { kind: 'refused', fault };
  }

  async #refuse(
    message: OpenMessage,
    fault: ReplyFaultId,
    sentence?: string,
  ): Promise<DataOutcome> {
    await message.file.abort();
    this.refused({
      fault,
      stage: sentence === undefined ? 'data' : 'judge',
      client: message.client,
      envelope: null,
      queueId: message.header.id,
      ...(sentence === undefined ? {} : { sentence }),
    });
    return { kind: 'refused', fault };
  }

  #cancel(queueId: QueueId): void {
    this.#inward.cancel({ queueId }).catch((cause: unknown) => {
      this.around.logger.warn('cancel.failed', { queueId, cause });
    });
  }

  /** Null if worker inward gives no answer. */
  async #ask<T>(question: () => Promise<T>): Promise<T | null> {
    try {
      return await question();
    } catch (cause) {
      this.around.logger.error('worker.unavailable', { cause });
      return null;
    }
  }
}

/** @throws Error if worker inward names something that is no queue id. */
function parseResults(judgement: Extract<Judgement, { kind: 'accept' }>): Result[] {
  return judgement.results.map(({ id, folder }) => {
    const parsed = parseQueueId(id);
    if (parsed === null) throw new Error('worker inward named a result that is no queue id');
    return { id: parsed, folder };
  });
}
