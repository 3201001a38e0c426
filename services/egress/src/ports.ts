import type { AuditEvent } from '@sallyport/audit-log';
import type { FaultId } from '@sallyport/faults';
import type { Content, Domain, QueueId } from '@sallyport/mail';
import type { QueueFileHeader, SpoolRead } from '@sallyport/spool';
import type { NextHop, Route, SmtpTarget, TlsRule } from '@sallyport/transport';
import type { RemoteReply } from './transaction-types.ts';

/** The recorder, as egress needs it. Throws `RecorderUnavailable` where it gives no answer. */
export interface Recorder {
  record(event: AuditEvent, options: { readonly durable: boolean }): Promise<void>;
  /** Asked before a delivery: without a recorder nothing is delivered. */
  ping(): Promise<void>;
}

/** The recorder gave no answer: all delivery waits. */
export class RecorderUnavailable extends Error {
  override readonly name = 'RecorderUnavailable';
}

/** The queue files of `outgoing`, with their delivery state. */
export interface OutgoingFiles {
  read(id: QueueId): Promise<SpoolRead>;
  readState(id: QueueId): Promise<unknown>;
  writeState(id: QueueId, state: unknown): Promise<void>;
  remove(id: QueueId): Promise<void>;
  quarantine(id: QueueId, reason: string): Promise<void>;
  /** Writes a new message sealed to the worker and commits it. Doing it again replaces it. */
  put(folder: 'incoming' | 'hold', header: QueueFileHeader, content: Content): Promise<void>;
}

/** Where mail for a domain goes, under which rule of which policy version. */
export interface RouteLocator {
  /**
   * By the version in force and, beside it, by the one that a message was decided by: what either of
   * them demands must be met. `policyVersion` left out: by the one in force alone.
   *
   * @throws Error while the policy cannot be read.
   */
  locate(domain: Domain, policyVersion?: number): Promise<LocatedRoute>;
  /** Adds what DNSSEC says of the host, where the rule asks for it: just before it is connected to. */
  withTlsa(hop: NextHop): Promise<SmtpTarget>;
}

export interface LocatedRoute {
  readonly route: Route;
  /** The TLS rule that holds, for the record even where there is no hop. */
  readonly tlsRule: TlsRule;
  /** `partner:NAME`, `default` or `route`. */
  readonly rule: string;
  readonly policyVersion: number;
  /** That version demands other TLS than the one in force: how it fares says nothing of other mail. */
  readonly isOfPast?: true;
  /** What the policy says of RFC 8689; left out where nothing was asked of it. */
  readonly requireTls?: { readonly isDemanded: boolean; readonly honoursNo: boolean };
}

/** One recipient in a report to the author (RFC 3464 section 2.3). */
export interface ReportRecipient {
  readonly path: string;
  readonly orcpt?: string | undefined;
  /** RFC 3463, whole. */
  readonly status: string;
  readonly sentence: string;
  readonly advice: string;
  readonly reply: RemoteReply | null;
}

/** What a report says. */
export interface Report {
  readonly id: QueueId;
  readonly action: 'failed' | 'delayed' | 'relayed';
  readonly fault: FaultId | null;
  readonly header: QueueFileHeader;
  readonly recipients: readonly ReportRecipient[];
  /** Null where nothing of the message may be returned. */
  readonly original: { readonly header: Buffer; readonly content: Content | null } | null;
  readonly now: Date;
  readonly willRetryUntil: Date | null;
}

/** Makes the message that tells the author. */
export interface ReportFormatter {
  format(report: Report): Promise<Content> | Content;
}

/** Tells the worker that there is a new message in `incoming`. */
export interface WorkerHint {
  incoming(id: QueueId): void;
}
