import type { Content } from '@sallyport/mail';
import type { SmtpReply, SmtpSession, SmtpTimeouts, WireAnswer } from '@sallyport/transport';
import { mailCommand, rcptCommand } from './commands.ts';
import { mailData } from './dot-stuffing.ts';
import type { ContentFacts } from './inspect.ts';
import type { TlsWish } from './require-tls.ts';
import { type Outcome, type RemoteCommand, refusal, remoteReply } from './transaction-types.ts';

/** One recipient of a transaction; `path` is a formatted mailbox. */
export interface TransactionRecipient {
  readonly path: string;
  readonly notify?: readonly string[] | undefined;
  readonly orcpt?: string | undefined;
}

export interface TransactionRequest {
  /** A formatted mailbox, or the empty string. */
  readonly reversePath: string;
  readonly recipients: readonly TransactionRecipient[];
  readonly content: Content;
  readonly facts: ContentFacts;
  readonly dsn: { readonly ret?: string | undefined; readonly envid?: string | undefined };
  readonly usesSmtpUtf8: boolean;
  readonly tlsWish: TlsWish;
}

export interface TransactionResult {
  /** In the order of the recipients. */
  readonly outcomes: readonly Outcome[];
  /** The connection may carry another transaction. */
  readonly isReusable: boolean;
  /** The connection was gone before the first reply: an idle one that the server had closed. */
  readonly wasStale: boolean;
}

/** Sends one message to the recipients of one transaction (RFC 5321 section 3.3). */
export async function transact(
  session: SmtpSession,
  request: TransactionRequest,
  timeouts: SmtpTimeouts,
): Promise<TransactionResult> {
  return new Transaction(session, request, timeouts).run();
}

class Transaction {
  readonly #session: SmtpSession;
  readonly #request: TransactionRequest;
  readonly #timeouts: SmtpTimeouts;
  readonly #outcomes: (Outcome | null)[];
  #answers = 0;

  constructor(session: SmtpSession, request: TransactionRequest, timeouts: SmtpTimeouts) {
    this.#session = session;
    this.#request = request;
    this.#timeouts = timeouts;
    this.#outcomes = request.recipients.map(() => null);
  }

  async run(): Promise<TransactionResult> {
    const commands = [
      mailCommand(this.#session, this.#request),
      ...this.#request.recipients.map((one) => rcptCommand(this.#session, one)),
      'DATA\r\n',
    ];
    // RFC 2920 section 3.1: DATA may only be the last of a group
    const isPipelined = this.#session.extensions.has('PIPELINING');
    const { commandMs } = this.#timeouts;
    if (isPipelined) await this.#session.wire.send(commands.join(''), commandMs);
    const next = async (index: number): Promise<WireAnswer> => {
      if (!isPipelined) await this.#session.wire.send(commands[index] ?? '', commandMs);
      const isData = index === commands.length - 1;
      const answer = await this.#session.wire.answer(isData ? this.#timeouts.dataMs : commandMs);
      if (answer.kind === 'reply') this.#answers += 1;
      return answer;
    };
    const mail = await next(0);
    if (mail.kind === 'lost') return this.#lost(mail.reason);
    const isMailTaken = mail.reply.code === 250;
    if (!isMailTaken) this.#settleAll(mail.reply, 'MAIL');
    if (!isMailTaken && !isPipelined) return this.#done(await this.#reset());
    const recipients = await this.#readRecipients(next, isMailTaken);
    if (recipients !== null) return this.#lost(recipients);
    const isAnyTaken = this.#outcomes.includes(null);
    if (!isAnyTaken && !isPipelined) return this.#done(await this.#reset());
    return this.#sendData(await next(commands.length - 1), isAnyTaken);
  }

  async #readRecipients(
    next: (index: number) => Promise<WireAnswer>,
    isMailTaken: boolean,
  ): Promise<string | null> {
    for (const index of this.#request.recipients.keys()) {
      const answer = await next(index + 1);
      if (answer.kind === 'lost') return answer.reason;
      const { code } = answer.reply;
      if (isMailTaken && code !== 250 && code !== 251) {
        this.#outcomes[index] = refusal(this.#remote(answer.reply, 'RCPT'));
      }
    }
    return null;
  }

  async #sendData(data: WireAnswer, isAnyTaken: boolean): Promise<TransactionResult> {
    if (data.kind === 'lost') return this.#lost(data.reason);
    if (data.reply.code !== 354) {
      if (isAnyTaken) this.#settleAll(data.reply, 'DATA');
      return this.#done(await this.#reset());
    }
    const { wire } = this.#session;
    if (!isAnyTaken) {
      // RFC 2920 section 3.1: a server that took DATA without a recipient gets no message
      await wire.send('.\r\n', this.#timeouts.blockMs);
      const answer = await wire.answer(this.#timeouts.finalMs);
      return this.#done(answer.kind === 'reply' && (await this.#reset()));
    }
    let sent = Promise.resolve(true);
    for await (const block of mailData(this.#request.content)) {
      if (!(await sent)) break;
      sent = wire.send(block, this.#timeouts.blockMs);
    }
    // Nobody waits until the last block has left: the reply comes after it or not at all.
    const final = await wire.answer(this.#timeouts.finalMs);
    // Gone after the final dot: it may have been taken, so no other host is asked at once.
    if (final.kind === 'lost') return this.#lost(final.reason, 'deferred');
    if (final.reply.code === 250) {
      const offersDsn = this.#session.extensions.has('DSN');
      const reply = this.#remote(final.reply, 'end of DATA');
      this.#settle({ kind: 'relayed', reply, offersDsn });
    } else this.#settleAll(final.reply, 'end of DATA');
    return this.#done(wire.isQuiet);
  }

  async #reset(): Promise<boolean> {
    const { wire } = this.#session;
    await wire.send('RSET\r\n', this.#timeouts.commandMs);
    const answer = await wire.answer(this.#timeouts.commandMs);
    return answer.kind === 'reply' && answer.reply.code === 250 && wire.isQuiet;
  }

  #settleAll(reply: SmtpReply, command: RemoteCommand): void {
    this.#settle(refusal(this.#remote(reply, command)));
  }

  #settle(outcome: Outcome): void {
    for (const [index, known] of this.#outcomes.entries()) {
      if (known === null) this.#outcomes[index] = outcome;
    }
  }

  #remote(reply: SmtpReply, command: RemoteCommand) {
    return remoteReply(reply, command, this.#session.target.host);
  }

  #lost(reason: string, kind: 'next-host' | 'deferred' = 'next-host'): TransactionResult {
    const sentence = `connection to ${this.#session.target.host} was lost: ${reason}`;
    this.#settle({ kind, fault: 'next-hop-lost', sentence, reply: null });
    return { ...this.#done(false), wasStale: this.#answers === 0 };
  }

  #done(isReusable: boolean): TransactionResult {
    const lost = 'the transaction ended without a reply';
    return {
      outcomes: this.#outcomes.map(
        (outcome) =>
          outcome ?? { kind: 'deferred', fault: 'internal', sentence: lost, reply: null },
      ),
      isReusable,
      wasStale: false,
    };
  }
}
