import {
  type OfferedExtensions,
  parseMailParameters,
  parseRecipientParameters,
} from './parameters.ts';
import {
  isInternational,
  parseForwardPathText,
  parseReversePathText,
  splitPathArgument,
} from './path.ts';
import { faultReply as fault, REPLIES, type Reply } from './reply.ts';
import type { DataSink, MaybePromise, SessionFacts, SessionRules, Transactions } from './types.ts';

interface OpenTransaction {
  readonly smtpUtf8: boolean;
  recipients: number;
}

/** MAIL, RCPT and DATA of one session, in their order (RFC 5321 section 3.3). */
export class MailCommands {
  readonly #rules: SessionRules;
  readonly #transactions: Transactions;
  #open: OpenTransaction | null = null;
  #sink: DataSink | null = null;

  constructor(rules: SessionRules, transactions: Transactions) {
    this.#rules = rules;
    this.#transactions = transactions;
  }

  get isOpen(): boolean {
    return this.#open !== null;
  }

  end(): void {
    this.#open = null;
    this.#transactions.reset();
  }

  /** Where the mail data goes that the last reply asked for; asked once. */
  takeSink(): DataSink | null {
    const sink = this.#sink;
    this.#sink = null;
    return sink;
  }

  begin(argument: string, offered: OfferedExtensions, facts: SessionFacts): MaybePromise<Reply> {
    if (this.#open !== null) return fault('bad-sequence');
    const split = splitPathArgument(argument, 'FROM');
    if (split === null) return fault('syntax-error');
    const parameters = parseMailParameters(split.parameters, offered);
    if (parameters.kind === 'refused') return fault(parameters.fault);
    const { smtpUtf8, sizeBytes } = parameters.value;
    if (isInternational(split.path) && !smtpUtf8) return fault('smtputf8-required');
    const reversePath = parseReversePathText(split.path);
    if (reversePath === null) return fault('mailbox-syntax');
    // RFC 1870 section 6.1: refused before the first byte of it is sent.
    if ((sizeBytes ?? 0) > this.#rules.maxMessageBytes) return fault('message-too-big');
    const command = { reversePath, parameters: parameters.value };
    return settle(this.#transactions.mail(command, facts), (refused) => {
      if (refused !== null) return fault(refused);
      this.#open = { smtpUtf8, recipients: 0 };
      return REPLIES.reversePathGood;
    });
  }

  recipient(argument: string, facts: SessionFacts): MaybePromise<Reply> {
    const transaction = this.#open;
    if (transaction === null) return fault('bad-sequence');
    const split = splitPathArgument(argument, 'TO');
    if (split === null) return fault('syntax-error');
    const { smtpUtf8 } = transaction;
    const parameters = parseRecipientParameters(split.parameters, smtpUtf8);
    if (parameters.kind === 'refused') return fault(parameters.fault);
    if (isInternational(split.path) && !smtpUtf8) return fault('smtputf8-required');
    const forwardPath = parseForwardPathText(split.path, this.#rules.postmaster);
    if (forwardPath === null) return fault('mailbox-syntax');
    if (transaction.recipients >= this.#rules.maxRecipients) return fault('too-many-recipients');
    const command = { forwardPath, parameters: parameters.value };
    return settle(this.#transactions.recipient(command, facts), (refused) => {
      if (refused !== null) return fault(refused);
      transaction.recipients += 1;
      return REPLIES.forwardPathGood;
    });
  }

  data(argument: string, facts: SessionFacts): MaybePromise<Reply> {
    if (argument !== '') return fault('syntax-error');
    // RFC 5321 section 3.3: DATA without an accepted recipient is out of sequence.
    if ((this.#open?.recipients ?? 0) === 0) return fault('bad-sequence');
    return settle(this.#transactions.data(facts), (start) => {
      if (start.kind === 'refused') {
        this.end();
        return fault(start.fault);
      }
      this.#sink = start.sink;
      return REPLIES.startData;
    });
  }

  reset(argument: string): Reply {
    if (argument !== '') return fault('syntax-error');
    this.end();
    return REPLIES.resetDone;
  }
}

function settle<T>(value: MaybePromise<T>, then: (value: T) => Reply): MaybePromise<Reply> {
  return value instanceof Promise ? value.then(then) : then(value);
}
