import type { AuditEvent } from '@sallyport/audit-log';
import type { ReplyFaultId } from '@sallyport/faults';
import type { ClientFacts } from '@sallyport/ipc';
import type { QueueId } from '@sallyport/mail';
import type { QueueFileHeader } from '@sallyport/spool';

/** One queue file that is being written. */
export interface SpoolWriterPort {
  write(chunk: Uint8Array): Promise<void>;
  /** With `syncNow` the file is on disk when it resolves. */
  finish(options: { readonly syncNow: boolean }): Promise<void>;
  /** Takes the file back, finished or not. Never throws. */
  abort(): Promise<void>;
}

/** What ingress needs of the spool: it writes and renames, and cannot read. */
interface SpoolPort {
  create(
    folder: 'tmp',
    header: QueueFileHeader,
    reader: 'worker' | 'egress',
  ): Promise<SpoolWriterPort>;
  /** On disk, folder included, when it resolves. */
  commit(id: QueueId, from: 'tmp', to: 'incoming' | 'outgoing' | 'hold'): Promise<void>;
  remove(folder: 'tmp' | 'incoming' | 'outgoing' | 'hold', id: QueueId): Promise<unknown>;
  emptyTmp(): Promise<number>;
  hasRoomFor(sizeBytes: number): Promise<boolean>;
}

/** What ingress needs of the recorder. */
export interface RecorderPort {
  /** Resolves when the event is taken, with `durable` when it is on disk. */
  record(event: AuditEvent, options: { readonly durable: boolean }): Promise<void>;
}

type Demands =
  | { readonly kind: 'ok' }
  | { readonly kind: 'refuse'; readonly fault: ReplyFaultId; readonly sentence?: string };

type RecipientRule =
  | { readonly kind: 'ok'; readonly ruleKey: string }
  | { readonly kind: 'refuse'; readonly fault: ReplyFaultId };

export type Judgement =
  | {
      readonly kind: 'accept';
      readonly results: readonly { readonly id: string; readonly folder: 'outgoing' | 'hold' }[];
      readonly sentence: string;
    }
  | { readonly kind: 'refuse'; readonly fault: ReplyFaultId; readonly sentence: string }
  | { readonly kind: 'defer'; readonly fault: ReplyFaultId };

interface InwardRequest {
  readonly client: ClientFacts;
  readonly reversePath: string;
}

/** What ingress asks of worker inward. Every method rejects if there is no answer. */
export interface InwardPort {
  demands(request: InwardRequest): Promise<Demands>;
  recipient(request: InwardRequest & { readonly forwardPath: string }): Promise<RecipientRule>;
  judge(
    request: InwardRequest & {
      readonly queueId: QueueId;
      readonly forwardPaths: readonly string[];
      readonly sizeBytes: number;
    },
    options: { readonly deadlineMs: number; readonly signal: AbortSignal },
  ): Promise<Judgement>;
  cancel(request: { readonly queueId: QueueId }): Promise<void>;
}

/** Tells the next process that there is work. A hint that is lost loses no mail. */
export interface HintPort {
  /**
   * To worker outward: there is a file in `incoming`. Resolves when it may have more, within
   * two seconds; never rejects.
   */
  incoming(id: QueueId, destination: string): Promise<void>;
  /** To egress: there is a file in `outgoing`. */
  outgoing(id: QueueId, destination: string): void;
}

/** Everything outside this process. */
export interface IngressPorts {
  readonly spool: SpoolPort;
  readonly recorder: RecorderPort;
  /** Null where there is no partner listener. */
  readonly inward: InwardPort | null;
  readonly hints: HintPort;
}
