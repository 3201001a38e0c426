import { FAULTS, type ReplyFaultId, replyLine } from '@sallyport/faults';

/** One reply on the wire, its last CRLF included. */
export interface Reply {
  readonly text: string;
  /** The connection ends after it. */
  readonly closes: boolean;
  /** Counts against the limit of errors in one session. */
  readonly isError: boolean;
}

const CLOSING_CODES: ReadonlySet<number> = new Set([421, 521]);

const faultReplies = new Map<ReplyFaultId, Reply>();

/**
 * The one place that turns a fault into a reply: code, enhanced code and sentence come from the
 * fault table. 421 and 521 close the connection (RFC 5321 section 3.8, RFC 7504 section 2).
 */
export function faultReply(fault: ReplyFaultId): Reply {
  const known = faultReplies.get(fault);
  if (known !== undefined) return known;
  const entry = FAULTS[fault];
  const reply: Reply = {
    text: `${replyLine(fault)}\r\n`,
    closes: CLOSING_CODES.has(entry.code),
    isError: entry.code >= 500,
  };
  faultReplies.set(fault, reply);
  return reply;
}

/** The same reply, and the connection ends after it. */
export function closing(reply: Reply): Reply {
  return { ...reply, closes: true };
}

function success(line: string): Reply {
  return { text: `${line}\r\n`, closes: false, isError: false };
}

/**
 * Every reply that is no fault. Enhanced codes stand in 2xx replies other than the greeting and
 * the answer to HELO or EHLO (RFC 2034 section 4); 3xx replies have none.
 */
export const REPLIES = {
  resetDone: success('250 2.0.0 OK'),
  noopDone: success('250 2.0.0 OK'),
  reversePathGood: success('250 2.1.0 sender OK'),
  forwardPathGood: success('250 2.1.5 recipient OK'),
  startData: success('354 end data with <CRLF>.<CRLF>'),
  startTls: success('220 2.0.0 ready to start TLS'),
  authenticated: success('235 2.7.0 authentication succeeded'),
  emptyChallenge: success('334 '),
  loginChallenge: success(`334 ${Buffer.from('Username:').toString('base64')}`),
  passwordChallenge: success(`334 ${Buffer.from('Password:').toString('base64')}`),
  cannotVerify: success('252 2.5.0 cannot verify the mailbox, send some mail and see'),
  help: success('214 2.0.0 see RFC 5321'),
  goodbye: { ...success('221 2.0.0 closing connection'), closes: true },
} as const satisfies Record<string, Reply>;

/** RFC 5321 section 4.2: the greeting names the host and says ESMTP. */
export function greeting(name: string): Reply {
  return success(`220 ${name} ESMTP`);
}

/** The answer to HELO. */
export function heloReply(name: string): Reply {
  return success(`250 ${name}`);
}

/** The answer to EHLO: the name, then one keyword a line. */
export function ehloReply(name: string, keywords: readonly string[]): Reply {
  const lines = [name, ...keywords];
  const text = lines
    .map((line, index) => `250${index === lines.length - 1 ? ' ' : '-'}${line}\r\n`)
    .join('');
  return { text, closes: false, isError: false };
}

/** The 250 after the end of the mail data. */
export function acceptedReply(queueId: string): Reply {
  return success(`250 2.0.0 queued as ${queueId}`);
}
