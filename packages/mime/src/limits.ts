import type { LimitFaultId } from '@sallyport/faults';

/** The bounds on the structure of one message (TM-7). Every loop over its bytes obeys one of them. */
export interface MimeLimits {
  /** Octets of one header section, the empty line included. */
  readonly maxHeaderBytes: number;
  /** Fields of one header section. */
  readonly maxHeaderFields: number;
  /** Parts of the whole message. */
  readonly maxParts: number;
  /** Multiparts within multiparts. */
  readonly maxDepth: number;
  /** Mailboxes in one address list. */
  readonly maxAddresses: number;
}

/** Wider than any honest message needs, narrow enough that a hostile one costs little. */
export const DEFAULT_MIME_LIMITS: MimeLimits = {
  maxHeaderBytes: 1024 * 1024,
  maxHeaderFields: 2_000,
  maxParts: 1_000,
  maxDepth: 50,
  maxAddresses: 1_000,
};

/** Why bytes were not taken as MIME. `reason` is a sentence for the log and the console. */
export interface Malformed {
  readonly kind: 'malformed';
  readonly fault: 'message-malformed' | LimitFaultId;
  readonly reason: string;
}

/** The message breaks a rule of RFC 5322 or of MIME. */
export function malformed(reason: string): Malformed {
  return { kind: 'malformed', fault: 'message-malformed', reason };
}

/** The message is larger in some count than we are ready to handle. */
export function overLimit(reason: string, fault: LimitFaultId): Malformed {
  return { kind: 'malformed', fault, reason };
}
