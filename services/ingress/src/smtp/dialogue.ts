import { AuthDialogue, type AuthStep, type Credentials } from './auth-dialogue.ts';
import { type Command, isHeloName, parseCommand } from './command.ts';
import { MailCommands } from './mail-commands.ts';
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
  readonly #mail: MailCommands;
  readonly #answers: ReadonlyMap<string, Answer>;
  #helo: string | null = null;
  #reported: ReportedClient | null = null;
  #isExtended = false;
  #tls: TlsFacts | null = null;
  #login: string | null = null;
  #auth: AuthDialogue | null = null;
  #failedLogins = 0;
  #effect: Effect | null = null;

  constructor(options: DialogueOptions) {
    this.#options = options;
    this.#rules = options.rules;
    this.#mail = new MailCommands(options.rules, options.transactions);
    this.#answers = new Map<string, Answer>([
      ['EHLO', (argument) => this.#ehlo(argument, true)],
      ['HELO', (argument) => this.#ehlo(argument, false)],
      ['STARTTLS', (argument) => this.#startTls(argument)],
      ['AUTH', (argument) => this.#authenticate(argument)],
      ['XCLIENT', (argument) => this.#xclient(argument)],
      ['MAIL', (argument) => this.#beginMail(argument)],
      ['RCPT', (argument) => this.#mail.recipient(argument, this.facts)],
      ['DATA', (argument) => this.#mail.data(argument, this.facts)],
      ['RSET', (argument) => this.#mail.reset(argument)],
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
    return this.#mail.isOpen;
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
    const sink = this.#mail.takeSink();
    return sink === null ? effect : { kind: 'receive-data', sink };
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
    this.#mail.end();
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
    if (this.#mail.isOpen) return fault('bad-sequence');
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
    if (!this.#offersTls() || this.#mail.isOpen) return fault('bad-sequence');
    this.#effect = { kind: 'start-tls' };
    return REPLIES.startTls;
  }

  #authenticate(argument: string): MaybePromise<Reply> {
    if (this.#rules.auth === 'none') return fault('command-not-implemented');
    if (this.#tls === null) return fault('authentication-encryption-required');
    const isDone = this.#login !== null || this.#mail.isOpen;
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

  #beginMail(argument: string): MaybePromise<Reply> {
    if (this.#helo === null) return fault('bad-sequence');
    if (this.#rules.auth === 'required' && this.#login === null) {
      return fault('authentication-required');
    }
    const offered = { auth: this.#offersAuth(), requireTls: this.#offersRequireTls() };
    return this.#mail.begin(argument, offered, this.facts);
  }
}

const fault = faultReply;

/** The certificate of a front says nothing of its client. */
function withoutCertificate({ version, cipher }: TlsFacts): TlsFacts {
  return { version, cipher, clientCertificate: null, clientAuthorized: false };
}
