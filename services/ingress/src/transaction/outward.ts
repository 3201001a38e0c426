import type { ReplyFaultId } from '@sallyport/faults';
import type { ClientFacts } from '@sallyport/ipc';
import type { ReversePath } from '@sallyport/mail';
import type { DataOutcome, MailCommand, RecipientCommand } from '../smtp/types.ts';
import { BaseTransactions, type MailRefusal, type OpenMessage } from './base.ts';
import {
  acceptedEvent,
  destinationOf,
  isOwnReversePath,
  isReserved,
  type Surroundings,
} from './facts.ts';
import { spoolFault } from './message-file.ts';

export interface OutwardOptions {
  readonly around: Surroundings;
  readonly listener: 'submission' | 'relay';
  /** DS-G1: the evidence that the client may speak for us, or null. */
  readonly evidenceFor: (client: ClientFacts) => 'login' | 'client-address' | null;
  /** Whether a login is bound to other addresses than this one. */
  readonly maySendAs: (client: ClientFacts, reversePath: ReversePath) => boolean;
}

/** Mail from inside: submission and relay. It goes to `incoming`, and from there to worker outward. */
export class OutwardTransactions extends BaseTransactions {
  readonly #options: OutwardOptions;
  /** Of this session's last message: resolves when worker outward may have more. */
  #room: Promise<void> = Promise.resolve();

  constructor(options: OutwardOptions) {
    super(options.around, options.listener);
    this.#options = options;
  }

  protected override async checkMail(
    command: MailCommand,
    client: ClientFacts,
  ): Promise<MailRefusal | null> {
    if (this.#options.evidenceFor(client) === null) return { fault: 'relay-denied' };
    const { reversePath } = command;
    const isOurs = isOwnReversePath(reversePath, this.around.ownDomains);
    if (!isOurs || !this.#options.maySendAs(client, reversePath)) {
      return { fault: 'sender-not-yours' };
    }
    // Mail that comes faster than it is worked on waits where it comes from.
    await this.#room;
    return null;
  }

  protected override checkRecipient(command: RecipientCommand): ReplyFaultId | null {
    const { forwardPath } = command;
    const isOurs = this.around.ownDomains.has(forwardPath.domain);
    return isOurs && isReserved(forwardPath) ? 'recipient-reserved' : null;
  }

  protected override origin(client: ClientFacts) {
    return { origin: 'outward', evidence: this.#options.evidenceFor(client) } as const;
  }

  /**
   * RFC 5321 section 4.2.5: our 250 takes over responsibility for the message, so it comes after
   * the spool file, its folder and the audit line are on disk.
   */
  protected override async finish(message: OpenMessage): Promise<DataOutcome> {
    const { file, header } = message;
    const event = { header, client: message.client, sizeBytes: file.sizeBytes };
    const [fault, isRecorded] = await Promise.all([
      file.finish({ syncNow: true }),
      file.fault === null ? this.recordDurably(acceptedEvent(event)) : false,
    ]);
    const early = fault ?? (isRecorded ? null : 'recorder-unavailable');
    if (early !== null || message.gone.aborted) {
      await file.abort();
      if (isRecorded) this.abandoned(header.id, early ?? 'client has gone before its reply');
      else this.#refuse(message, early ?? 'internal');
      return { kind: 'refused', fault: early ?? 'internal' };
    }
    return this.#commit(message);
  }

  async #commit(message: OpenMessage): Promise<DataOutcome> {
    const { id } = message.header;
    try {
      await this.around.ports.spool.commit(id, 'tmp', 'incoming');
    } catch (cause) {
      this.around.logger.error('spool.commit-failed', { queueId: id, cause });
      // The rename may have happened and only the folder's sync failed: take both names back.
      await this.removeQuietly('incoming', id);
      await message.file.abort();
      this.abandoned(id, 'could not be committed');
      return { kind: 'refused', fault: spoolFault(cause) };
    }
    this.#room = this.around.ports.hints.incoming(id, destinationOf(message.header));
    return { kind: 'accepted', queueId: id };
  }

  #refuse(message: OpenMessage, fault: ReplyFaultId): void {
    const { client, header } = message;
    this.refused({ fault, stage: 'data', client, envelope: null, queueId: header.id });
  }
}
