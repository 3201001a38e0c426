import type { ReplyFaultId } from '@sallyport/faults';
import type { Logger } from '@sallyport/log';
import type { SpoolWriterPort } from '../ports.ts';
import { HopCounter, MAX_RECEIVED_FIELDS } from './trace.ts';

/** No space left, or no more for us. */
const FULL_CODES: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** The fault that a failure of the spool is. */
export function spoolFault(cause: unknown): ReplyFaultId {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return FULL_CODES.has(code) ? 'spool-full' : 'internal';
}

/** One message on its way into `tmp`: bytes, size, hops, and the first thing that went wrong. */
export class MessageFile {
  readonly #writer: SpoolWriterPort;
  readonly #logger: Logger;
  readonly #hops = new HopCounter();
  #sizeBytes = 0;
  #fault: ReplyFaultId | null = null;
  #lastWrite: Promise<void> = Promise.resolve();

  constructor(options: { writer: SpoolWriterPort; logger: Logger; received: Buffer }) {
    this.#writer = options.writer;
    this.#logger = options.logger;
    this.#lastWrite = this.#append([options.received]);
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get fault(): ReplyFaultId | null {
    return this.#fault;
  }

  /** Never rejects: a failure is found in `fault`, and further bytes are thrown away. */
  write(pieces: readonly Buffer[]): Promise<void> | undefined {
    if (this.#fault !== null) return undefined;
    for (const piece of pieces) this.#hops.push(piece);
    if (this.#hops.count > MAX_RECEIVED_FIELDS) {
      this.#fault = 'routing-loop';
      return this.abort();
    }
    this.#lastWrite = this.#lastWrite.then(() => this.#append(pieces));
    return this.#lastWrite;
  }

  async #append(pieces: readonly Buffer[]): Promise<void> {
    try {
      for (const piece of pieces) {
        if (this.#fault !== null) return;
        this.#sizeBytes += piece.length;
        await this.#writer.write(piece);
      }
    } catch (cause) {
      await this.#failed(cause);
    }
  }

  async #failed(cause: unknown): Promise<void> {
    this.#fault ??= spoolFault(cause);
    this.#logger.error('spool.write-failed', { cause });
    await this.abort();
  }

  /** Ends the file; the fault if it is not whole. */
  async finish(options: { readonly syncNow: boolean }): Promise<ReplyFaultId | null> {
    await this.#lastWrite;
    if (this.#fault !== null) return this.#fault;
    try {
      await this.#writer.finish(options);
    } catch (cause) {
      await this.#failed(cause);
    }
    return this.#fault;
  }

  /** Leaves nothing of the file. Never rejects. */
  async abort(): Promise<void> {
    this.#fault ??= 'internal';
    try {
      await this.#writer.abort();
    } catch (cause) {
      this.#logger.error('spool.abort-failed', { cause });
    }
  }
}
