import type { FaultId } from '@sallyport/faults';
import type { SmtpReply } from '@sallyport/transport';

/** The command that a remote reply answers. */
export type RemoteCommand = 'connect' | 'MAIL' | 'RCPT' | 'DATA' | 'end of DATA';

/** A remote reply, kept whole and never re-coded. */
export interface RemoteReply {
  readonly code: number;
  readonly enhanced: string | null;
  readonly lines: readonly string[];
  readonly command: RemoteCommand;
  readonly mx: string;
}

/** What one attempt made of one recipient. */
export type Outcome =
  | { readonly kind: 'relayed'; readonly reply: RemoteReply; readonly offersDsn: boolean }
  | OutcomeFault
  /** Trouble of the host, not of the message: the next host may take it. */
  | {
      readonly kind: 'next-host';
      readonly fault: FaultId;
      readonly sentence: string;
      readonly reply: RemoteReply | null;
    };

export interface OutcomeFault {
  readonly kind: 'deferred' | 'failed';
  readonly fault: FaultId;
  readonly sentence: string;
  readonly reply: RemoteReply | null;
}

export function remoteReply(reply: SmtpReply, command: RemoteCommand, mx: string): RemoteReply {
  return { ...reply, command, mx };
}

/** The outcome that a refusal means: 421 is the host's trouble, 4xx waits, 5xx is final. */
export function refusal(reply: RemoteReply): Outcome {
  const said = `${reply.mx} said to ${reply.command}: ${reply.code} ${reply.lines.join(' ')}`;
  const sentence = said.slice(0, 1_000);
  if (reply.code === 421) return { kind: 'next-host', fault: 'next-hop-deferred', sentence, reply };
  return reply.code >= 500
    ? { kind: 'failed', fault: 'next-hop-refused', sentence, reply }
    : { kind: 'deferred', fault: 'next-hop-deferred', sentence, reply };
}
