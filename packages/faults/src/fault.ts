import { FAULTS, type FaultEntry, type FaultId, type ReplyFaultId } from './catalogue.ts';

/** A message that is larger in some count than we are ready to take apart; each count has its own. */
const LIMIT_FAULTS = [
  'limit-exceeded',
  'content-too-big',
  'header-too-long',
  'too-many-parts',
  'nested-too-deeply',
  'too-many-recipient-infos',
  'too-many-signers',
  'too-many-certificates',
  'expands-too-far',
] as const satisfies readonly ReplyFaultId[];
export type LimitFaultId = (typeof LIMIT_FAULTS)[number];

/** What can be wrong with the protection of a message. */
export type VerdictFaultId =
  | 'message-integrity'
  | 'signer-not-trusted'
  | 'signer-revoked'
  | 'revocation-unavailable'
  | 'signer-mismatch'
  | 'algorithm-unsupported'
  | 'decryption-failed'
  | 'message-malformed'
  | LimitFaultId;

/** True for what a bound on the structure of a message was met with (TM-7). */
export function isLimitFault(id: FaultId): id is LimitFaultId {
  return LIMIT_FAULTS.some((one) => one === id);
}

/** What becomes of the message that met the fault. */
export type FaultFate = 'waits' | 'held' | 'refused' | 'comes back';

/** The row of a fault, as the wide type. */
export function faultOf(id: FaultId): FaultEntry {
  return FAULTS[id];
}

/** True if what met the fault may be tried again (RFC 3463 section 2, class 4). */
export function isTransient(id: FaultId): boolean {
  return FAULTS[id].class === 'transient';
}

/**
 * The enhanced status code, for example `4.4.3` (RFC 3463 section 2).
 *
 * `as` overrides the class where the outcome does: a transient fault that ended in expiry is
 * reported as permanent, a permanent one that is only held as transient.
 */
export function enhancedCode(id: FaultId, as?: 'transient' | 'permanent'): string {
  const entry = FAULTS[id];
  return `${(as ?? entry.class) === 'transient' ? 4 : 5}.${entry.detail}`;
}

/** The reply of ours for a fault, for example `451 4.3.0 local error in processing`. */
export function replyLine(id: ReplyFaultId): string {
  const entry = FAULTS[id];
  return `${entry.code} ${enhancedCode(id)} ${entry.text}`;
}
