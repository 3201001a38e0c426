import type { ReplyFaultId } from '@sallyport/faults';
import { DataDecoder } from './data-decoder.ts';
import type { DataOutcome, DataSink, SessionRules } from './types.ts';

/** What one chunk did. */
export interface Received {
  /** Where the next command begins, once the data has ended. */
  readonly endsAt: number | null;
  /** Read no further until it settles. */
  readonly wait: Promise<void> | null;
  /** The session ends with this reply, at once. */
  readonly fatal: ReplyFaultId | null;
}

/** The most that is read and thrown away after a fault, before the connection is closed instead. */
const MAX_DISCARD_BYTES = 32 * 1024 * 1024;

/** Receives the mail data of one DATA command into its sink, within the listener's limits. */
export class DataReceiver {
  readonly #decoder: DataDecoder;
  readonly #sink: DataSink;
  readonly #maxBytes: number;
  #sizeBytes = 0;
  #discardedBytes = 0;
  #fault: ReplyFaultId | null = null;

  constructor(sink: DataSink, rules: SessionRules) {
    this.#decoder = new DataDecoder(rules);
    this.#sink = sink;
    this.#maxBytes = rules.maxMessageBytes;
  }

  /** Takes bytes of the wire. */
  push(chunk: Buffer): Received {
    const decoded = this.#decoder.push(chunk);
    const before = this.#fault;
    for (const piece of decoded.pieces) this.#sizeBytes += piece.length;
    // RFC 1870 section 6.3: counted as it will be stored, and refused as early as it is known.
    if (this.#fault === null && this.#sizeBytes > this.#maxBytes) this.#fault = 'message-too-big';
    this.#fault ??= this.#decoder.fault;
    if (this.#fault !== null) return this.#refused(before === null, chunk.length, decoded.endsAt);
    const wait = decoded.pieces.length === 0 ? undefined : this.#sink.write(decoded.pieces);
    return { endsAt: decoded.endsAt, wait: wait ?? null, fatal: null };
  }

  #refused(isNew: boolean, octets: number, endsAt: number | null): Received {
    if (isNew) this.#sink.abort();
    this.#discardedBytes += octets;
    // After a bare line end client and server may disagree about what is data: nothing that
    // follows in this session is a command.
    const isFatal =
      this.#fault === 'bare-line-end' || this.#discardedBytes > MAX_DISCARD_BYTES + this.#maxBytes;
    return { endsAt, wait: null, fatal: isFatal ? this.#fault : null };
  }

  /** The data has ended. */
  finish(): Promise<DataOutcome> | DataOutcome {
    if (this.#fault !== null) return { kind: 'refused', fault: this.#fault };
    return this.#sink.finish();
  }

  /** The client has gone, or was too slow. */
  abort(): void {
    if (this.#fault === null) this.#sink.abort();
  }
}
