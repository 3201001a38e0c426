import type { EventProof, RecordedEvent, SignedHead } from '@sallyport/audit-log';

/** Which events; an absent field asks for nothing. */
export interface AuditQuery {
  readonly kinds?: readonly string[];
  readonly queueId?: string;
  /** A reverse-path, forward-path, subject address or login: the whole of it, in any case. */
  readonly address?: string;
  /** A domain, or one below it. */
  readonly domain?: string;
  /** Words, or beginnings of words, that the event says somewhere; all of them must be there. */
  readonly text?: string;
  readonly since?: Date;
  readonly until?: Date;
  /** Who gave the order: the personal field `by`. */
  readonly by?: string;
  /** Only events with a smaller index: the cursor of the page before. */
  readonly before?: number;
  readonly limit: number;
}

/** A page of events, newest first; `before` is the cursor of the next page, null on the last. */
export interface EventPage {
  readonly events: RecordedEvent[];
  readonly before: number | null;
}

/**
 * What became of a message as a whole. `held` and `waiting` win as long as some recipient is in that
 * state; `partly-relayed`: all recipients are settled and not all of them were relayed. `kept`: it
 * was for the gateway itself. `abandoned`: never ours, its client has no 250.
 */
export const MESSAGE_OUTCOMES = [
  'waiting',
  'held',
  'relayed',
  'partly-relayed',
  'refused',
  'failed',
  'expired',
  'dropped',
  'abandoned',
  'kept',
] as const;
export type MessageOutcome = (typeof MESSAGE_OUTCOMES)[number];

/** How many recipients are in which state; together they are `total`. */
export interface RecipientCounts {
  readonly total: number;
  readonly waiting: number;
  readonly held: number;
  readonly relayed: number;
  readonly refused: number;
  readonly failed: number;
  readonly expired: number;
  readonly dropped: number;
}

/** One accepted message, or one that the gateway made itself. */
export interface MessageSummary {
  /** Of its `accepted` event, or of the `dsn-created` that made it. */
  readonly index: number;
  readonly queueId: string;
  readonly time: string;
  readonly origin: 'outward' | 'inward' | 'gateway';
  /** Empty is the null reverse-path; null: withheld, erased or never said. */
  readonly reversePath: string | null;
  readonly forwardPaths: string[] | null;
  readonly outcome: MessageOutcome;
  readonly recipients: RecipientCounts;
  /** Why it is so, in the words of the event that made it so. */
  readonly sentence: string;
  /** Outward the domains of its recipients, inward those of its reverse-path and authors. */
  readonly partnerDomains: string[];
}

/** Which messages; an absent field asks for nothing. */
export interface MessageQuery {
  /** Its own, or that of anything made of it. */
  readonly queueId?: string;
  /** Its reverse-path or one of its forward-paths. */
  readonly address?: string;
  /** Of one of its addresses or partner domains; or a domain above. */
  readonly domain?: string;
  readonly since?: Date;
  readonly until?: Date;
  readonly outcome?: MessageOutcome;
  readonly before?: number;
  readonly limit: number;
}

/** A page of messages, newest first. */
export interface MessagePage {
  readonly messages: MessageSummary[];
  readonly before: number | null;
}

/** A message with all that the log says of it and of what was made of it. */
export interface MessageHistory {
  readonly summary: MessageSummary | null;
  /** In the order of the log; at most the first 2,000. */
  readonly events: RecordedEvent[];
  /** Of all its events, also of those whose line cannot be read any more; at most 100,000. */
  readonly indexes: number[];
  /** Queue ids of its outputs, held copies and reports; of a report also what it reports on. */
  readonly related: string[];
}

/** What a chart is made of. */
export interface CountsQuery {
  readonly since: Date;
  readonly until: Date;
  /** Width of a step; widened where that makes more than 2,000 of them. */
  readonly stepMs: number;
  /**
   * `outcome`: messages by what became of them, at the time of their acceptance. `tls`: relayed
   * transactions by their TLS level, `clear` without TLS. `kind`: events.
   */
  readonly by: 'outcome' | 'tls' | 'kind';
}
/** One step with what was counted in it; a step without anything is there, empty. */
export interface CountedStep {
  readonly at: string;
  readonly counts: Readonly<Record<string, number>>;
}

/** Accepted to relayed for its last recipient, of messages that were never held. */
export interface Latencies {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Where catching up ended. */
export interface CaughtUp {
  /** Events that the index holds: all under the last head. */
  readonly size: number;
  /** The log is not in order from here on: `verifyLog` says more. Null as it should be. */
  readonly damage: { readonly segment: string; readonly line: number } | null;
  /** It goes on reading: the wait was over first. Absent: it has read to the end. */
  readonly isBehind?: true;
}

/** What can be proven of one event. */
export type ProofAnswer =
  | { readonly kind: 'proof'; readonly proof: EventProof }
  /** No such event under a head. */
  | { readonly kind: 'unknown' }
  /** Retention removed it; of its segment only the root is left. */
  | { readonly kind: 'removed' }
  /** The index does not lead to the signed root: it is stale or the log was touched. */
  | { readonly kind: 'contradicted' };

/** Whether the log of an older head is the beginning of this one. */
export type ConsistencyAnswer =
  | { readonly kind: 'proof'; readonly path: readonly string[]; readonly head: SignedHead }
  /** The older head is not of this log, or the log was touched. */
  | { readonly kind: 'contradicted' }
  /** The older head is newer than the log: the end was cut. */
  | { readonly kind: 'longer' }
  /** It ends inside a segment that retention removed. */
  | { readonly kind: 'removed' };

/**
 * A derived index over an audit folder: fast to search, never trusted. It can be deleted at any
 * time. All but `catchUp` answer at once out of what was caught up with.
 */
export interface AuditIndex {
  /**
   * Reads what was appended up to the last head; cheap when nothing is new. Who gives a time in
   * milliseconds waits no longer than that, and the reading goes on.
   */
  catchUp(waitMs?: number): Promise<CaughtUp>;
  /** A catch-up takes longer than somebody waited: what is asked may be answered out of a part of the log. */
  isBehind(): boolean;
  /** Newest first. @throws RangeError unless 1 <= limit <= 10,000. */
  search(query: AuditQuery): EventPage;
  /** One row for each message. @throws RangeError unless 1 <= limit <= 10,000. */
  messages(query: MessageQuery): MessagePage;
  /** By the queue id of the message or of anything made of it; null if the log knows no such id. */
  message(queueId: string): MessageHistory | null;
  counts(query: CountsQuery): CountedStep[];
  latencies(query: { readonly since: Date; readonly until: Date }): Latencies | null;
  /** The last signed head that the index knows; its signature is the caller's to verify. */
  head(): SignedHead | null;
  /** RFC 9162 section 2.1.3: that the event is under the last head, or under this one of before. */
  prove(index: number, under?: SignedHead): ProofAnswer;
  /**
   * An answer for each of these events, all under one head; work is shared if they are in the order
   * of the log. Catching up may go on between two of them.
   */
  proveAll(indexes: Iterable<number>, under: SignedHead): Iterable<ProofAnswer>;
  /** Events by their index, not proven. Throws if one of them is there no more. */
  events(indexes: Iterable<number>): Iterable<RecordedEvent>;
  /** Indexes of all that a query asks for, newest first; at most `max`. */
  find(query: Omit<AuditQuery, 'limit'>, max: number): number[];
  /** RFC 9162 section 2.1.4: that the last head continues an older one. */
  proveConsistency(older: SignedHead): ConsistencyAnswer;
  close(): void;
}
