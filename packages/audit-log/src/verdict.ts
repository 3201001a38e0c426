import type { SignedHead } from './head.ts';
import type { ByteSource } from './split-lines.ts';

/** One segment file by its name (without folder) and bytes. */
export interface SegmentSource {
  readonly name: string;
  readonly bytes: ByteSource;
}

/**
 * What kind of damage it is. `torn-tail`: lines after the last head, as a crash leaves them.
 * `unrecorded-removal`: a segment of which only the root is left, but not by retention.
 */
export type DamageCode =
  | 'bad-line'
  | 'edited-leaf'
  | 'edited-personal'
  | 'wrong-index'
  | 'wrong-segment'
  | 'wrong-head'
  | 'bad-signature'
  | 'torn-tail'
  | 'unrecorded-removal'
  | 'checkpoint';

/** What verification says of a log. */
export type LogVerdict =
  | {
      readonly kind: 'ok';
      readonly size: number;
      /** Hex. */
      readonly root: string;
      readonly heads: number;
      readonly lastHead: SignedHead | null;
      /** Personal values that are no longer beside their leaf; the proofs hold without them. */
      readonly withheld: number;
      /** Leaves of which retention left only the subtree root. */
      readonly removedLeaves: number;
      /** Of the longest one. `not-comparable`: it ends inside a segment that retention removed. */
      readonly checkpoint: 'none' | 'matches' | 'not-comparable';
    }
  | DamagedLog;

/** A line of a log. */
export interface Place {
  /** File name of the segment. */
  readonly segment: string;
  /** 1-based. */
  readonly line: number;
}

/** Where a log is not what was written. */
export interface DamagedLog extends Place {
  readonly kind: 'damaged';
  readonly code: DamageCode;
  readonly reason: string;
}

/** Leaves the walk at the first damage; caught by `verifyLog` alone. */
export class Damage extends Error {
  readonly verdict: DamagedLog;

  constructor(verdict: DamagedLog) {
    super(verdict.reason);
    this.verdict = verdict;
  }
}
