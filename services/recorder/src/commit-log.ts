import { createHash, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import {
  type AuditEvent,
  composeCommit,
  fitsLine,
  type MerkleTree,
  SEGMENT_LEAVES,
  type SignedHead,
  segmentName,
} from '@sallyport/audit-log';
import { IpcRefused, NOT_ACCEPTED } from '@sallyport/ipc';
import type { Logger } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';
import {
  type AcceptedIds,
  acceptedBy,
  closesIntent,
  type OpenIntents,
  unknownInstead,
} from './known-ids.ts';
import type { LogCounts } from './log-counts.ts';
import type { RecoveredLog } from './recover.ts';
import type { OpenSegment, SegmentFile } from './segment-file.ts';

/** Uses of a key that put a signature under a message. */
const SIGNS: ReadonlySet<string> = new Set(['sign', 'sign-dkim']);
/** Events that may wait for the disk. */
const MAX_WAITING = 20_000;
/** Leaves of one commit: bounds its memory and its time. */
const MAX_COMMIT_LEAVES = 4_096;
const RETRY_MS = 1_000;

/** What a log is written with. */
export interface CommitLogParts {
  readonly folder: string;
  readonly recovered: RecoveredLog;
  readonly privateKey: KeyObject;
  readonly openSegment: OpenSegment;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly commitDelayMs: number;
  readonly counts?: LogCounts;
  /** Only for tests. */
  readonly segmentLeaves?: number;
  readonly retryMs?: number;
}

interface Waiting {
  readonly event: AuditEvent;
  /** Null for an event that nobody waits for. */
  readonly caller: {
    readonly resolve: (index: number) => void;
    readonly reject: (error: Error) => void;
  } | null;
}

/** The log's end: gathers events, writes them in commits, each closed by a signed head. */
export class CommitLog {
  readonly #parts: CommitLogParts;
  readonly #segmentLeaves: number;
  readonly #accepted: AcceptedIds;
  readonly #openIntents: OpenIntents;
  /** Accepted ids of events that still wait, so that an intent behind one is in order. */
  readonly #waitingAccepted = new Map<string, number>();
  #tree: MerkleTree;
  #head: SignedHead | null;
  #segment: { name: string; sizeBytes: number; file: SegmentFile | null } | null;
  #waiting: Waiting[] = [];
  #running: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #inCommit = 0;
  #broken = false;
  #closed = false;

  constructor(parts: CommitLogParts) {
    this.#parts = parts;
    this.#segmentLeaves = parts.segmentLeaves ?? SEGMENT_LEAVES;
    this.#tree = parts.recovered.tree;
    this.#head = parts.recovered.lastHead;
    this.#accepted = parts.recovered.accepted;
    this.#openIntents = parts.recovered.openIntents;
    const { segment } = parts.recovered;
    this.#segment = segment === null ? null : { ...segment, file: null };
  }

  /** False while the disk does not take what is written. */
  get isWritable(): boolean {
    return !this.#broken;
  }

  /** The last signed head; null before the first commit. */
  get head(): SignedHead | null {
    return this.#head;
  }

  /**
   * Adds an event. Durable: resolves when the disk has it. Otherwise at once, with the index that
   * it gets unless the disk fails first.
   *
   * @throws IpcRefused if the disk is away, too much waits, or the event may not stand where it would.
   */
  record(event: AuditEvent, durable: boolean): Promise<number> {
    this.#check(event);
    const id = acceptedBy(event);
    if (id !== null) this.#waitingAccepted.set(id, (this.#waitingAccepted.get(id) ?? 0) + 1);
    const index = this.#tree.size + this.#inCommit + this.#waiting.length;
    if (!durable) {
      this.#waiting.push({ event, caller: null });
      this.#schedule(this.#parts.commitDelayMs);
      return Promise.resolve(index);
    }
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#waiting.push({ event, caller: { resolve, reject } });
    this.#schedule(0);
    return promise;
  }

  /** Writes all that waits; later events are refused. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    while (!this.#broken && (this.#running !== null || this.#waiting.length > 0)) {
      await (this.#running ?? this.#run());
    }
    await this.#segment?.file?.close();
  }

  #check(event: AuditEvent): void {
    if (this.#broken || this.#closed) {
      throw new IpcRefused('recorder-unavailable', 'the audit log cannot be written');
    }
    if (this.#waiting.length >= MAX_WAITING) {
      throw new IpcRefused('recorder-unavailable', 'too many events wait for the disk');
    }
    if (!fitsLine(event)) throw new IpcRefused(null, 'invalid-event: it is too long for a line');
    // An unwrap comes before an inward message is accepted; only a signature needs the record.
    if (event.kind === 'key-intent' && SIGNS.has(event.operation) && !this.#isAccepted(event)) {
      throw new IpcRefused(null, NOT_ACCEPTED);
    }
    if (event.kind === 'key-outcome') {
      if (!closesIntent(event, this.#openIntents)) throw new IpcRefused(null, 'no-open-intent');
      this.#openIntents.delete(event.intent);
    }
  }

  #isAccepted(event: { readonly queueId: string }): boolean {
    return this.#accepted.has(event.queueId) || this.#waitingAccepted.has(event.queueId);
  }

  #schedule(delayMs: number): void {
    if (this.#running !== null) {
      // The commit that is being written is followed at once by the next if someone waits.
      if (delayMs > 0 && this.#timer === null) this.#timer = setTimeout(() => this.#go(), delayMs);
      return;
    }
    if (delayMs === 0) {
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.#timer = null;
      this.#go();
    } else {
      this.#timer ??= setTimeout(() => this.#go(), delayMs);
    }
  }

  #go(): void {
    this.#timer = null;
    if (this.#running !== null || this.#broken) return;
    void this.#run();
  }

  /** Commits until nobody waits. One turn of the event loop first, so that its events share a commit. */
  #run(): Promise<void> {
    const running = (async () => {
      await new Promise((resolve) => setImmediate(resolve));
      do {
        const taken = this.#take();
        try {
          await this.#commit(taken);
        } catch (error) {
          this.#fail(taken, error);
          break;
        }
      } while (this.#waiting.some(({ caller }) => caller !== null));
    })();
    this.#running = running.finally(() => {
      this.#inCommit = 0;
      this.#running = null;
      if (this.#waiting.length > 0 && !this.#broken) this.#schedule(this.#parts.commitDelayMs);
    });
    return this.#running;
  }

  /** As many as fit the commit and the segment. */
  #take(): Waiting[] {
    const room = this.#segmentLeaves - (this.#tree.size % this.#segmentLeaves);
    const taken = this.#waiting.splice(0, Math.min(room, MAX_COMMIT_LEAVES));
    this.#inCommit = taken.length;
    return taken;
  }

  async #commit(taken: readonly Waiting[]): Promise<void> {
    if (taken.length === 0) return;
    const begunAt = performance.now();
    const segment = await this.#openSegment();
    const first = this.#tree.size;
    const commit = composeCommit(
      taken.map(({ event }) => event),
      {
        tree: this.#tree,
        lastHead: this.#head,
        beginsSegment: segment.sizeBytes === 0,
        privateKey: this.#parts.privateKey,
        clock: this.#parts.clock,
      },
    );
    await segment.file.appendAt(segment.sizeBytes, commit.bytes);
    this.#segment = { ...segment, sizeBytes: segment.sizeBytes + commit.bytes.length };
    this.#tree = commit.tree;
    this.#head = commit.head;
    this.#inCommit = 0;
    const { counts, clock } = this.#parts;
    const seconds = (performance.now() - begunAt) / 1_000;
    counts?.committed(
      taken.map(({ event }) => event),
      { first, seconds, now: clock.now() },
    );
    for (const [i, { event, caller }] of taken.entries()) {
      this.#learn(event, first + i);
      caller?.resolve(first + i);
    }
  }

  async #openSegment(): Promise<{ name: string; sizeBytes: number; file: SegmentFile }> {
    const at = this.#tree.size - (this.#tree.size % this.#segmentLeaves);
    const name = segmentName(at);
    const current = this.#segment;
    if (current?.name === name && current.file !== null) return { ...current, file: current.file };
    await current?.file?.close();
    const sizeBytes = current?.name === name ? current.sizeBytes : 0;
    if (current !== null) this.#segment = { ...current, file: null };
    const file = await this.#parts.openSegment(join(this.#parts.folder, name));
    this.#segment = { name, sizeBytes, file };
    return { name, sizeBytes, file };
  }

  #learn(event: AuditEvent, index: number): void {
    const id = acceptedBy(event);
    if (id !== null) {
      this.#accepted.add(id);
      const left = (this.#waitingAccepted.get(id) ?? 1) - 1;
      if (left === 0) this.#waitingAccepted.delete(id);
      else this.#waitingAccepted.set(id, left);
    }
    if (event.kind === 'key-intent') this.#openIntents.set(index, event);
  }

  /** Nobody who waits gets an answer that the disk does not hold; the rest is kept for later. */
  #fail(taken: readonly Waiting[], error: unknown): void {
    this.#parts.logger.error('audit.write-failed', { cause: error });
    this.#parts.counts?.failed();
    this.#broken = true;
    const all = [...taken, ...this.#waiting];
    this.#waiting = all.flatMap(({ event, caller }) => {
      const kept = caller === null ? event : unknownInstead(event);
      return kept === null ? [] : [{ event: kept, caller: null }];
    });
    this.#noteFailure();
    this.#waitingAccepted.clear();
    for (const { event } of this.#waiting) {
      const id = acceptedBy(event);
      if (id !== null) this.#waitingAccepted.set(id, 1);
    }
    for (const { caller } of all) {
      caller?.reject(new IpcRefused('recorder-unavailable', 'the audit log cannot be written'));
    }
    if (this.#closed) return;
    setTimeout(() => void this.#retry(), this.#parts.retryMs ?? RETRY_MS).unref();
  }

  /** Works again once a commit is on the disk; its first event says that writing had failed. */
  async #retry(): Promise<void> {
    if (this.#closed) return;
    const taken = this.#take();
    try {
      await this.#segment?.file?.close();
      if (this.#segment !== null) this.#segment = { ...this.#segment, file: null };
      await this.#commit(taken);
    } catch (error) {
      this.#fail(taken, error);
      return;
    }
    this.#broken = false;
    this.#parts.logger.info('audit.write-works-again');
    if (this.#waiting.length > 0) this.#schedule(this.#parts.commitDelayMs);
  }

  #noteFailure(): void {
    if (this.#waiting[0]?.event.kind === 'log-recovered') return; // it failed again
    const event: AuditEvent = {
      kind: 'log-recovered',
      segment: this.#segment?.name ?? segmentName(this.#tree.size),
      cutBytes: 0,
      cutLines: 0,
      cutDigest: createHash('sha256').digest('hex'),
      sentence: 'writing had failed and works again; whoever waited for an answer was refused',
    };
    this.#waiting.unshift({ event, caller: null });
  }
}
