import type { ReplyFaultId } from '@sallyport/faults';
import type { Mailbox, ReversePath } from '@sallyport/mail';
import type { MailParameters, RecipientParameters } from './parameters.ts';

/** A value now, or later: most commands need no waiting, and waiting costs a turn of the loop. */
export type MaybePromise<T> = T | Promise<T>;

/** TLS as the session has it. */
export interface TlsFacts {
  readonly version: string;
  readonly cipher: string;
  /** DER in base64; null if the client showed none. */
  readonly clientCertificate: string | null;
  /** True only if the certificate leads to an anchor of the listener. */
  readonly clientAuthorized: boolean;
  /** DER in base64: what the client sent above its own certificate; left out: nothing. */
  readonly clientChain?: string[];
}

/** What the session knows of its client at this moment. */
export interface SessionFacts {
  readonly address: string;
  readonly port: number;
  /** What EHLO or HELO said. */
  readonly helo: string;
  readonly isExtended: boolean;
  readonly tls: TlsFacts | null;
  readonly login: string | null;
  /** Left out: the client speaks to us itself. Else `tls` is the front's, and proves nothing. */
  readonly front?: FrontFacts;
}

/** The front that hands over a client's mail. */
interface FrontFacts {
  readonly address: string;
  /** True if it has said by XCLIENT which address its client has; else `address` is its own. */
  readonly clientKnown: boolean;
  /** In whose name its Authentication-Results are believed; left out: in none. */
  readonly authservId?: string;
}

export interface MailCommand {
  readonly reversePath: ReversePath;
  readonly parameters: MailParameters;
}

export interface RecipientCommand {
  readonly forwardPath: Mailbox;
  readonly parameters: RecipientParameters;
}

/** The reply to the end of the mail data. */
export type DataOutcome =
  | { readonly kind: 'accepted'; readonly queueId: string }
  | { readonly kind: 'refused'; readonly fault: ReplyFaultId };

/** Takes the mail data of one message. Neither method throws what it can answer. */
export interface DataSink {
  /** Takes canonical bytes; a promise asks the session to read no further until it settles. */
  write(pieces: readonly Buffer[]): Promise<void> | undefined;
  /** All bytes are there. The outcome is the reply. */
  finish(): Promise<DataOutcome>;
  /** The message will never be complete, or its client has gone: leave nothing of it. */
  abort(): void;
}

export type DataStart =
  | { readonly kind: 'open'; readonly sink: DataSink }
  | { readonly kind: 'refused'; readonly fault: ReplyFaultId };

/** What a session has to do besides sending a reply. */
export type Effect =
  | { readonly kind: 'start-tls' }
  | { readonly kind: 'receive-data'; readonly sink: DataSink };

/** Mail transactions of one session: null means accepted. */
export interface Transactions {
  mail(command: MailCommand, facts: SessionFacts): MaybePromise<ReplyFaultId | null>;
  recipient(command: RecipientCommand, facts: SessionFacts): MaybePromise<ReplyFaultId | null>;
  data(facts: SessionFacts): MaybePromise<DataStart>;
  /** RSET, a new EHLO, the end of a message, the end of the session. */
  reset(): void;
}

/** What became of a login. */
export type LoginOutcome =
  | { readonly kind: 'ok'; readonly login: string }
  | { readonly kind: 'refused'; readonly fault: ReplyFaultId };

/** Checks a login name and a password. */
export interface Authenticator {
  authenticate(request: {
    readonly login: string;
    readonly password: string;
    readonly address: string;
  }): Promise<LoginOutcome>;
}

export interface Deadlines {
  /** From our reply to the next whole command line; bytes do not extend it. */
  readonly commandMs: number;
  /** The longest silence inside DATA. */
  readonly dataIdleMs: number;
  /** The whole of one DATA. */
  readonly dataMs: number;
  /** The whole session. A message whose data is complete is still answered. */
  readonly sessionMs: number;
  /** How long a client may take to close after our last reply. */
  readonly lingerMs: number;
}

/** What a listener demands of its sessions. */
export interface SessionRules {
  /** Our name in greeting and trace. */
  readonly name: string;
  readonly lineEnds: 'refuse' | 'normalise';
  readonly maxLineOctets: number;
  readonly maxMessageBytes: number;
  readonly maxRecipients: number;
  readonly maxErrors: number;
  /** How long a client must be silent before the greeting; 0 does not wait. */
  readonly greetingDelayMs: number;
  /** RFC 3207: `required` refuses mail and login in clear; `implicit` is RFC 8314 section 3.3. */
  readonly tls: 'none' | 'offered' | 'required' | 'implicit';
  readonly auth: 'none' | 'required';
  /** RFC 8689: offered under TLS only. */
  readonly offersRequireTls: boolean;
  readonly deadlines: Deadlines;
  /** Where `<postmaster>` without a domain goes. */
  readonly postmaster: Mailbox;
}
