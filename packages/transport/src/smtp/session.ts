import type { FaultId } from '@sallyport/faults';
import type { Clock } from '@sallyport/mail';
import type { HostSource, TlsaFinding } from '../dane/locate-tlsa.ts';
import type { MtaStsFinding } from '../mta-sts/locate.ts';
import type { FurtherRule } from '../tls-demand-join.ts';
import type { TlsResult } from '../tls-result.ts';
import type { TlsRule } from '../tls-rule.ts';
import type { TlsContexts } from './contexts.ts';
import type { SmtpReply } from './reply.ts';
import type { SmtpWire } from './wire.ts';

/** RFC 5321 section 4.5.3.2, and two of our own for what lies below SMTP. */
export interface SmtpTimeouts {
  readonly connectMs: number;
  readonly tlsMs: number;
  readonly greetingMs: number;
  /** EHLO, STARTTLS, MAIL and RCPT. */
  readonly commandMs: number;
  readonly dataMs: number;
  /** One block of mail data. */
  readonly blockMs: number;
  /** The reply to the final dot. */
  readonly finalMs: number;
  readonly quitMs: number;
}

const MINUTE_MS = 60_000;

export const DEFAULT_SMTP_TIMEOUTS: SmtpTimeouts = {
  connectMs: 30_000,
  tlsMs: 30_000,
  greetingMs: 5 * MINUTE_MS,
  commandMs: 5 * MINUTE_MS,
  dataMs: 2 * MINUTE_MS,
  blockMs: 3 * MINUTE_MS,
  finalMs: 10 * MINUTE_MS,
  quitMs: 2_000,
};

/** Where to connect to, and the rule for it. */
export interface SmtpTarget {
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly nexthopDomain: string;
  readonly tlsRule: TlsRule;
  /** What must be met beside the rule; nothing if left out. */
  readonly furtherRules?: readonly FurtherRule[];
  /** How the name of the host is known; `configured` if left out. */
  readonly hostSource?: HostSource;
  /** What DNSSEC says of the host; left out where nobody looked. */
  readonly tlsa?: TlsaFinding;
  /** What the next-hop domain demands; left out where nobody looked. */
  readonly mtaSts?: MtaStsFinding;
}

/** What holds for all connections of a client. */
export interface SmtpClientSettings {
  readonly ehloName: string;
  readonly localAddress?: string | undefined;
  readonly timeouts: SmtpTimeouts;
  readonly contexts: TlsContexts;
  /** For what counts from a day on; the system's if left out. */
  readonly clock?: Clock;
}

/** The TLS of an open session, for the record. */
export interface SessionTls {
  readonly version: string;
  readonly cipher: string;
  /** SHA-256 of the server's certificate, hex. */
  readonly peerFingerprint: string | null;
  /** What told who the server is: `pins`, `names`, `mta-sts`, `dane`, joined by `+`; else `none`. */
  readonly identity: string;
}

/** A session that has passed its TLS rule and waits for MAIL FROM. */
export interface SmtpSession {
  readonly target: SmtpTarget;
  readonly wire: SmtpWire;
  /** EHLO keywords, upper case, with their parameters; from the EHLO after TLS if there is TLS. */
  readonly extensions: ReadonlyMap<string, readonly string[]>;
  /** Null in clear. */
  readonly tls: SessionTls | null;
  /** What the server showed, DER, its own certificate first; nothing in clear. */
  readonly peerChain?: readonly Buffer[];
  /** What was found about TLS and why it is enough. */
  readonly tlsSentence: string;
  /** For TLS reports: one for each policy that counted when it was opened. */
  readonly tlsResults: readonly TlsResult[];
}

/** Why there is no session. */
export interface SessionFault {
  readonly kind: 'fault';
  readonly fault: FaultId;
  readonly sentence: string;
  readonly reply: SmtpReply | null;
  readonly tlsResults: readonly TlsResult[];
}

export type SessionOpening =
  | { readonly kind: 'open'; readonly session: SmtpSession }
  | SessionFault;

/** SIZE of RFC 1870 section 4; null if there is none or no limit. */
export function sizeLimit(session: Pick<SmtpSession, 'extensions'>): number | null {
  const text = session.extensions.get('SIZE')?.[0] ?? '';
  const limit = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  return limit === 0 ? null : limit;
}

const MAX_EXTENSIONS = 100;

/** The keywords of an EHLO reply (RFC 5321 section 4.1.1.1). */
export function parseExtensions(reply: SmtpReply): Map<string, readonly string[]> {
  const extensions = new Map<string, readonly string[]>();
  for (const line of reply.lines.slice(1, MAX_EXTENSIONS + 1)) {
    const [keyword = '', ...parameters] = line.trim().split(/\s+/);
    if (/^[A-Za-z0-9][A-Za-z0-9-]*$/.test(keyword)) {
      extensions.set(keyword.toUpperCase(), parameters);
    }
  }
  return extensions;
}
