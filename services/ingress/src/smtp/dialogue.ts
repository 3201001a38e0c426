import type { ReplyFaultId } from '@sallyport/faults';
import { AuthDialogue, type AuthStep, type Credentials } from './auth-dialogue.ts';
import { type Command, isHeloName, parseCommand } from './command.ts';
import { parseMailParameters, parseRecipientParameters } from './parameters.ts';
import {
  isInternational,
  parseForwardPathText,
  parseReversePathText,
  splitPathArgument,
} from './path.ts';
import {
  closing,
  ehloReply,
  faultReply,
  greeting,
  heloReply,
  REPLIES,
  type Reply,
} from './reply.ts';
import type {
  Authenticator,
  Effect,
  LoginOutcome,
  MaybePromise,
  SessionFacts,
  SessionRules,
  TlsFacts,
  Transactions,
} from './types.ts';
import { type Front, parseXclient, type ReportedClient, XCLIENT_KEYWORD } from './xclient.ts';

const MAX_COMMAND_OCTETS = 4_096; // RFC 5321 section 4.5.3.1.4: 512, and more by extensions
const MAX_AUTH_OCTETS = 12_288; // RFC 4954 section 4
const MAX_FAILED_LOGINS = 3;

export interface DialogueOptions {
  readonly rules: SessionRules;
  readonly client: { readonly address: string; readonly port: number };
  readonly transactions: Transactions;
  /** Null where no login is offered. */
  readonly authenticator: Authenticator | null;
  /** Null if the client is none. */
  readonly front: Front | null;
}

interface OpenTransaction {
  readonly smtpUtf8: boolean;
  recipients: number;
}

type Answer = (argument: string) => MaybePromise<Reply>;

/** Somebody has made a browser talk to us. */
const FOREIGN_VERBS = ['GET', 'POST', 'PUT', 'HEAD', 'CONNECT'];
/** RFC 3207 section 4; AUTH has a refusal of its own, and RSET does no harm. */
const CLEAR_VERBS: ReadonlySet<string> = new Set([
  ...['EHLO', 'HELO', 'STARTTLS', 'NOOP', 'RSET', 'QUIT', 'AUTH'],
  ...FOREIGN_VERBS,
]);
const UNIMPLEMENTED_VERBS = ['EXPN', 'TURN', 'ETRN', 'SEND', 'SOML', 'SAML', 'BDAT'];

/**
 * The command sequence of one session (RFC 5321 section 4.1.4): lines go in, replies come out.
 * It knows no socket and no clock.
 */
export class Dialogue {
  readonly #options: DialogueOptions;
  readonly #rules: SessionRules;
  readonly #answers: ReadonlyMap<string, Answer>;
  #helo: string | null = null;
  #reported: ReportedClient | null = null;
  #isExtended = false;
  #tls: TlsFacts | null = null;
  #login: string | null = null;
  #auth: AuthDialogue | null = null;
  #failedLogins = 0;
  #transaction: OpenTransaction | null = null;
  #effect: Effect | null = null;

  constructor(options: DialogueOptions) {
    this.#options = options;
    this.#rules = options.rules;
    this.#answers = new Map<string, Answer>([
      ['EHLO', (argument) => this.#ehlo(argument, true)],
      ['HELO', (argument) => this.#ehlo(argument, false)],
      ['STARTTLS', (argument) => this.#startTls(argument)],
      ['AUTH', (argument) => this.#authenticate(argument)],
      ['XCLIENT', (argument) => this.#xclient(argument)],
      ['MAIL', (argument) => this.#mail(argument)],
      ['RCPT', (argument) => this.#recipient(argument)],
      ['DATA', (argument) => this.#data(argument)],
      ['RSET', (argument) => this.#reset(argument)],
      ['NOOP', () => REPLIES.noopDone],
      ['VRFY', (argument) => (argument === '' ? fault('syntax-error') : REPLIES.cannotVerify)],
      ['HELP', () => REPLIES.help],
      ['QUIT', (argument) => (argument === '' ? REPLIES.goodbye : fault('syntax-error'))],
      ...UNIMPLEMENTED_VERBS.map((verb): [string, Answer] => [
        verb,
        () => fault('command-not-implemented'),
      ]),
      ...FOREIGN_VERBS.map((verb): [string, Answer] => [verb, () => fault('too-many-errors')]),
    ]);
  }

  /** The longest line that is read now. */
  get maxLineOctets(): number {
    return this.#rules.auth === 'none' ? MAX_COMMAND_OCTETS : MAX_AUTH_OCTETS;
  }

  /** True while a mail transaction is open. */
  get isInTransaction(): boolean {
    return this.#transaction !== null;
  }

  get facts(): SessionFacts {
    const { client, front } = this.#options;
    const told = {
      helo: this.#reported?.helo ?? this.#helo ?? '',
      isExtended: this.#isExtended,
      login: this.#login,
    };
    if (front === null) return { ...client, ...told, tls: this.#tls };
    const { address = null, port = 0 } = this.#reported ?? {};
    return {
      ...(address === null ? client : { address, port }),
      ...told,
      tls: this.#tls === null ? null : withoutCertificate(this.#tls),
      front: {
        address: client.address,
        clientKnown: address !== null,
        ...(front.authservId === undefined ? {} : { authservId: front.authservId }),
      },
    };
  }

  /** What the last reply asks for; asked once. */
  takeEffect(): Effect | null {
    const effect = this.#effect;
    this.#effect = null;
    return effect;
  }

  /** RFC 3207 section 4.2: after the handshake nothing that was said before counts. */
  tlsStarted(tls: TlsFacts): void {
    this.endTransaction();
    this.#tls = tls;
    this.#helo = null;
    this.#reported = null;
    this.#login = null;
  }

  endTransaction(): void {
    this.#transaction = null;
    this.#options.transactions.reset();
  }

  /** Answers one line, its CRLF taken off. */
  line(line: Buffer): MaybePromise<Reply> {
    if (this.#auth !== null) return this.#authStep(this.#auth.respond(line.toString('latin1')));
    const command = parseCommand(line);
    if (command === null) return fault('syntax-error');
    if (command.verb !== 'AUTH' && line.length > MAX_COMMAND_OCTETS) return fault('line-too-long');
    return this.#answer(command);
  }

  #answer(command: Command): MaybePromise<Reply> {
    if (this.#isBeforeTls() && !CLEAR_VERBS.has(command.verb)) return fault('starttls-required');
    const answer = this.#answers.get(command.verb);
    return answer === undefined ? fault('command-unknown') : answer(command.argument);
  }

  #isBeforeTls(): boolean {
    return this.#rules.tls === 'required' && this.#tls === null;
  }

  #ehlo(argument: string, isExtended: boolean): Reply {
    if (!isHeloName(argument)) return fault('syntax-error');
    this.endTransaction();
    this.#helo = argument;
    this.#isExtended = isExtended;
    return isExtended ? ehloReply(this.#rules.name, this.#keywords()) : heloReply(this.#rules.name);
  }

  #keywords(): string[] {
    const words = ['PIPELINING', `SIZE ${this.#rules.maxMessageBytes}`, '8BITMIME', 'SMTPUTF8'];
    words.push('DSN', 'ENHANCEDSTATUSCODES');
    if (this.#offersTls()) words.push('STARTTLS');
    if (this.#offersAuth()) words.push('AUTH PLAIN LOGIN');
    if (this.#offersRequireTls()) words.push('REQUIRETLS');
    if (this.#mayReport()) words.push(XCLIENT_KEYWORD);
    return words;
  }

  #mayReport(): boolean {
    return this.#options.front?.xclient === true;
  }

  /** A front names its client; the session begins anew as that client's. */
  #xclient(argument: string): Reply {
    if (!this.#mayReport()) return fault('xclient-refused');
    if (this.#transaction !== null) return fault('bad-sequence');
    // Before it is read: what a stranger's name makes malformed must not leave another's behind.
    this.#reported = null;
    const reported = parseXclient(argument);
    if (reported === null) return fault('syntax-error');
    this.#reported = reported;
    this.#helo = null;
    return greeting(this.#rules.name);
  }

  #offersTls(): boolean {
    const { tls } = this.#rules;
    return this.#tls === null && (tls === 'offered' || tls === 'required');
  }

  /** A password is taken under TLS only (RFC 4954 section 4, RFC 8314 section 3). */
  #offersAuth(): boolean {
    return this.#rules.auth === 'required' && this.#tls !== null;
  }

  #offersRequireTls(): boolean {
    return this.#rules.offersRequireTls && this.#tls !== null;
  }

  #startTls(argument: string): Reply {
    if (argument !== '') return fault('syntax-error');
    if (this.#rules.tls === 'none') return fault('command-not-implemented');
    if (!this.#offersTls() || this.#transaction !== null) return fault('bad-sequence');
    this.#effect = { kind: 'start-tls' };
    return REPLIES.startTls;
  }

  #authenticate(argument: string): MaybePromise<Reply> {
    if (this.#rules.auth === 'none') return fault('command-not-implemented');
    if (this.#tls === null) return fault('authentication-encryption-required');
    const isDone = this.#login !== null || this.#transaction !== null;
    if (isDone || !this.#isExtended || this.#helo === null) return fault('bad-sequence');
    const { dialogue, step } = AuthDialogue.begin(argument);
    this.#auth = dialogue;
    return this.#authStep(step);
  }

  #authStep(step: AuthStep): MaybePromise<Reply> {
    if (step.kind === 'challenge') return step.reply;
    this.#auth = null;
    return step.kind === 'refused' ? fault(step.fault) : this.#checkLogin(step.credentials);
  }

  async #checkLogin(credentials: Credentials): Promise<Reply> {
    const outcome: LoginOutcome = (await this.#options.authenticator?.authenticate({
      ...credentials,
      address: this.#options.client.address,
    })) ?? { kind: 'refused', fault: 'authentication-failed' };
    if (outcome.kind === 'ok') {
      this.#login = outcome.login;
      return REPLIES.authenticated;
    }
    this.#failedLogins += 1;
    const reply = faultReply(outcome.fault);
    return this.#failedLogins >= MAX_FAILED_LOGINS ? closing(reply) : reply;
  }

  /** What must have happened before a transaction may begin. */
  #checkMayBegin(): ReplyFaultId | null {
    if (this.#helo === null) return 'bad-sequence';
    if (this.#rules.auth === 'required' && this.#login === null) return 'authentication-required';
    return this.#transaction === null ? null : 'bad-sequence';
  }

  #mail(argument: string): MaybePromise<Reply> {
    const early = this.#checkMayBegin();
    if (early !== null) return fault(early);
    const split = splitPathArgument(argument, 'FROM');
    if (split === null) return fault('syntax-error');
    const parameters = parseMailParameters(split.parameters, {
      auth: this.#offersAuth(),
      requireTls: this.#offersRequireTls(),
    });
    if (parameters.kind === 'refused') return fault(parameters.fault);
    const { smtpUtf8, sizeBytes } = parameters.value;
    if (isInternational(split.path) && !smtpUtf8) return fault('smtputf8-required');
    const reversePath = parseReversePathText(split.path);
    if (reversePath === null) return fault('mailbox-syntax');
    // RFC 1870 section 6.1: refused before the first byte of it is sent.
    if ((sizeBytes ?? 0) > this.#rules.maxMessageBytes) return fault('message-too-big');
    const command = { reversePath, parameters: parameters.value };
    return settle(this.#options.transactions.mail(command, this.facts), (refused) => {
      if (refused !== null) return fault(refused);
      this.#transaction = { smtpUtf8, recipients: 0 };
      return REPLIES.reversePathGood;
    });
  }

  #recipient(argument: string): MaybePromise<Reply> {
    const transaction = this.#transaction;
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
    return settle(this.#options.transactions.recipient(command, this.facts), (refused) => {
      if (refused !== null) return fault(refused);
      transaction.recipients += 1;
      return REPLIES.forwardPathGood;
    });
  }

  #data(argument: string): MaybePromise<Reply> {
    if (argument !== '') return fault('syntax-error');
    // RFC 5321 section 3.3: DATA without an accepted recipient is out of sequence.
    if ((this.#transaction?.recipients ?? 0) === 0) return fault('bad-sequence');
    return settle(this.#options.transactions.data(this.facts), (start) => {
      if (start.kind === 'refused') {
        this.endTransaction();
        return fault(start.fault);
      }
      this.#effect = { kind: 'receive-data', sink: start.sink };
      return REPLIES.startData;
    });
  }

  #reset(argument: string): Reply {
    if (argument !== '') return fault('syntax-error');
    this.endTransaction();
    return REPLIES.resetDone;
  }
}

const fault = faultReply;

/** The certificate of a front says nothing of its client. */
function withoutCertificate({ version, cipher }: TlsFacts): TlsFacts {
  return { version, cipher, clientCertificate: null, clientAuthorized: false };
}

function settle<T>(value: MaybePromise<T>, then: (value: T) => Reply): MaybePromise<Reply> {
  return value instanceof Promise ? value.then(then) : then(value);
}
