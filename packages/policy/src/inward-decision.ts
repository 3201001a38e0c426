import type { FaultId, ReplyFaultId } from '@sallyport/faults';
import type { DmarcFacts } from './dmarc.ts';
import type { Permit } from './permit.ts';
import type { InboundPolicy } from './schema.ts';
import type { FilterFacts, VerdictFacts } from './verdict.ts';

export interface InwardFacts {
  readonly verdict: VerdictFacts;
  readonly filter: FilterFacts;
  /** Security labels of verified signatures; absent: none. */
  readonly labels?: LabelFacts;
  /** Of the message as received; absent: nobody looked. */
  readonly dmarc?: DmarcFacts;
  /** How the client came in; `not-observable` behind a trusted front. */
  readonly tls: 'none' | 'encrypted' | 'not-observable';
  /** True if the client certificate verified and carries every demanded name. */
  readonly clientNameOk: boolean;
  /** A report that belongs to a message we sent (null reverse-path). */
  readonly correlatedReport: boolean;
  readonly released: boolean;
  readonly now: Date;
}

/** What the security labels of a message say (RFC 2634 section 3; DS-V7, DS-V8). */
export interface LabelFacts {
  readonly labels: readonly {
    readonly label: { readonly policy: string };
    /** Labels of other policies that mean the same. */
    readonly equivalents: readonly { readonly policy: string }[];
  }[];
  /** Why people must be warned; null if all is well. */
  readonly warning: string | null;
}

interface Because {
  readonly rule: string;
  readonly sentence: string;
}

export type InwardDecision =
  | (Because & {
      readonly kind: 'deliver';
      readonly permit: Permit;
      readonly deliver: InboundPolicy['deliver'];
      /** The rule was not met and says: deliver, and say so. */
      readonly flagged: boolean;
    })
  | (Because & { readonly kind: 'hold'; readonly fault: FaultId })
  | (Because & { readonly kind: 'refuse'; readonly fault: ReplyFaultId })
  | (Because & { readonly kind: 'wait'; readonly fault: ReplyFaultId });
