import type { AuditEvent } from '@sallyport/audit-log';
import type { ReplyFaultId } from '@sallyport/faults';
import type { ClientFacts } from '@sallyport/ipc';
import { newQueueId, type QueueId } from '@sallyport/mail';
import type { QueueFileHeader } from '@sallyport/spool';
import type {
  DataOutcome,
  DataSink,
  DataStart,
  MailCommand,
  MaybePromise,
  RecipientCommand,
  SessionFacts,
  Transactions,
} from '../smtp/types.ts';
import {
  clientFacts,
  type ListenerKind,
  OpenEnvelope,
  personalFacts,
  type Surroundings,
} from './facts.ts';
import { MessageFile, spoolFault } from './message-file.ts';
import { receivedField } from './trace.ts';

type Stage = Extract<AuditEvent, { kind: 'refused' }>['stage'];

/** A message whose bytes are coming in. */
export interface OpenMessage {
  readonly file: MessageFile;
  readonly header: QueueFileHeader;
  readonly client: ClientFacts;
  /** Aborted when the client has gone: nobody hears the reply, so nothing may be committed. */
  readonly gone: AbortSignal;
}

/** Why MAIL is refused, with the words for the record where there are some. */
export interface MailRefusal {
  readonly fault: ReplyFaultId;
  readonly sentence?: string;
}

/** What the transactions of all listeners have in common; the two directions differ in the rest. */
export abstract class BaseTransactions implements Transactions {
  protected readonly around: Surroundings;
  protected readonly listener: ListenerKind;
  #envelope: OpenEnvelope | null = null;

  protected constructor(around: Surroundings, listener: ListenerKind) {
    this.around = around;
    this.listener = listener;
  }

  /** Checks MAIL: null if the transaction may begin. */
  protected abstract checkMail(
    command: MailCommand,
    client: ClientFacts,
  ): MaybePromise<MailRefusal | null>;

  /** Checks RCPT: null if the recipient is taken. */
  protected abstract checkRecipient(
    command: RecipientCommand,
    client: ClientFacts,
    envelope: OpenEnvelope,
  ): MaybePromise<ReplyFaultId | null>;

  /** The fixed facts of a new queue file. */
  protected abstract origin(client: ClientFacts): {
    readonly origin: 'outward' | 'inward';
    readonly evidence: string | null;
  };

  /** The mail data is complete and in `message.file`; the outcome is the reply. */
  protected abstract finish(message: OpenMessage): Promise<DataOutcome>;

  async mail(command: MailCommand, facts: SessionFacts): Promise<ReplyFaultId | null> {
    const client = clientFacts(facts, this.listener);
    const envelope = new OpenEnvelope(command);
    const refusal = (await this.checkMail(command, client)) ?? (await this.#checkRoom(command));
    if (refusal === null) this.#envelope = envelope;
    else this.refused({ ...refusal, stage: 'mail', client, envelope });
    return refusal?.fault ?? null;
  }

  async recipient(command: RecipientCommand, facts: SessionFacts): Promise<ReplyFaultId | null> {
    const envelope = this.#envelope;
    if (envelope === null) return 'bad-sequence';
    const client = clientFacts(facts, this.listener);
    const fault = (await this.checkRecipient(command, client, envelope)) ?? envelope.add(command);
    if (fault !== null && fault !== 'recipient-needs-own-transaction') {
      this.refused({ fault, stage: 'rcpt', client, envelope });
    }
    return fault;
  }

  async data(facts: SessionFacts): Promise<DataStart> {
    const envelope = this.#envelope;
    if (envelope === null) return { kind: 'refused', fault: 'bad-sequence' };
    const client = clientFacts(facts, this.listener);
    const { clock, ports, logger, name } = this.around;
    const createdAt = clock.now();
    const id = newQueueId(createdAt);
    const header = envelope.header({ id, createdAt, client, ...this.origin(client) });
    const received = receivedField({
      client,
      isExtended: facts.isExtended,
      smtpUtf8: header.smtpUtf8,
      by: name,
      id,
      date: createdAt,
    });
    try {
      const writer = await ports.spool.create('tmp', header, 'worker');
      const file = new MessageFile({ writer, logger: logger.with({ queueId: id }), received });
      return { kind: 'open', sink: this.#sink({ file, header, client }) };
    } catch (cause) {
      logger.error('spool.create-failed', { queueId: id, cause });
      return { kind: 'refused', fault: spoolFault(cause) };
    }
  }

  reset(): void {
    this.#envelope = null;
  }

  #sink(message: Omit<OpenMessage, 'gone'>): DataSink {
    const gone = new AbortController();
    let isFinishing = false;
    return {
      write: (pieces) => message.file.write(pieces),
      finish: () => {
        isFinishing = true;
        return this.#answer({ ...message, gone: gone.signal });
      },
      abort: () => {
        gone.abort();
        // While finishing, the one who finishes cleans up: it knows what it has done already.
        if (!isFinishing) void message.file.abort();
      },
    };
  }

  /** The one catch of a message: a surprise is 451, and nothing of it stays in `tmp`. */
  async #answer(message: OpenMessage): Promise<DataOutcome> {
    const begunAt = performance.now();
    let outcome: DataOutcome;
    try {
      outcome = await this.finish(message);
    } catch (cause) {
      this.around.logger.error('message.failed', { queueId: message.header.id, cause });
      await message.file.abort();
      outcome = { kind: 'refused', fault: 'internal' };
    }
    this.#count(message, outcome, (performance.now() - begunAt) / 1_000);
    return outcome;
  }

  #count({ header }: OpenMessage, outcome: DataOutcome, seconds: number): void {
    const { metrics } = this.around;
    const direction = header.origin;
    metrics?.add('sallyport_received_messages_total', { direction, outcome: outcome.kind });
    metrics?.observe('sallyport_verdict_duration_seconds', { direction }, seconds);
  }

  /** RFC 1870 section 6.1: no room for what the client announced is said at MAIL. */
  async #checkRoom(command: MailCommand): Promise<MailRefusal | null> {
    const announced = command.parameters.sizeBytes ?? 0;
    try {
      const hasRoom = await this.around.ports.spool.hasRoomFor(announced);
      return hasRoom ? null : { fault: 'spool-full' };
    } catch (cause) {
      this.around.logger.error('spool.room-unknown', { cause });
      return { fault: 'internal' };
    }
  }

  /** Records a refusal; it rides the next commit of the log. */
  protected refused(of: {
    readonly fault: ReplyFaultId;
    readonly stage: Stage;
    readonly client: ClientFacts;
    readonly envelope: OpenEnvelope | null;
    readonly queueId?: QueueId;
    readonly sentence?: string;
  }): void {
    this.note({
      kind: 'refused',
      fault: of.fault,
      stage: of.stage,
      ...(of.queueId === undefined ? {} : { queueId: of.queueId }),
      ...(of.sentence === undefined ? {} : { sentence: of.sentence.slice(0, 2_000) }),
      personal: personalFacts({
        client: of.client,
        reversePath: of.envelope?.reversePath ?? null,
        forwardPaths: of.envelope?.forwardPaths ?? [],
      }),
    });
  }

  protected abandoned(queueId: QueueId, reason: string): void {
    this.note({ kind: 'abandoned', queueId, reason });
  }

  /** Records without waiting; without a recorder nothing is accepted, so nothing is hidden either. */
  protected note(event: AuditEvent): void {
    this.around.ports.recorder.record(event, { durable: false }).catch((cause: unknown) => {
      this.around.logger.warn('recorder.unavailable', { kind: event.kind, cause });
    });
  }

  /** Records and waits for the disk; false if the recorder is away. */
  protected async recordDurably(event: AuditEvent): Promise<boolean> {
    try {
      await this.around.ports.recorder.record(event, { durable: true });
      return true;
    } catch (cause) {
      this.around.logger.error('recorder.unavailable', { kind: event.kind, cause });
      return false;
    }
  }

  protected async removeQuietly(
    folder: 'tmp' | 'incoming' | 'outgoing' | 'hold',
    id: QueueId,
  ): Promise<void> {
    try {
      await this.around.ports.spool.remove(folder, id);
    } catch (cause) {
      this.around.logger.error('spool.remove-failed', { queueId: id, folder, cause });
    }
  }
}
