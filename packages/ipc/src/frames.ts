import type { Socket } from 'node:net';

/** The longest frame body unless a socket says otherwise. */
export const MAX_FRAME_BYTES = 1024 * 1024;

const HEADER_BYTES = 4;
const EMPTY = Buffer.alloc(0);

/** A peer announced a frame over the limit; the connection cannot go on. */
export class FrameTooLong extends Error {
  override readonly name = 'FrameTooLong';
}

/** Cuts a byte stream into frames: 4 bytes of length, big-endian, then the body. */
export class FrameDecoder {
  readonly #maxFrameBytes: number;
  #chunks: Buffer[] = [];
  #length = 0;
  #needed = HEADER_BYTES;

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /**
   * The next whole frame's body, or null until more bytes come.
   *
   * @throws FrameTooLong as soon as a header announces more than the limit.
   */
  next(): Buffer | null {
    if (this.#length < this.#needed) return null;
    const bytes = this.#gather();
    const length = bytes.readUInt32BE(0);
    if (length > this.#maxFrameBytes) {
      throw new FrameTooLong(`frame of ${length} bytes is over the limit`);
    }
    const end = HEADER_BYTES + length;
    if (bytes.length < end) {
      this.#needed = end;
      return null;
    }
    this.#keep(bytes.subarray(end));
    return bytes.subarray(HEADER_BYTES, end);
  }

  #gather(): Buffer {
    const first = this.#chunks[0];
    if (first !== undefined && this.#chunks.length === 1) return first;
    const bytes = Buffer.concat(this.#chunks, this.#length);
    this.#chunks = [bytes];
    return bytes;
  }

  #keep(rest: Buffer): void {
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
    this.#needed = HEADER_BYTES;
  }
}

/** Gathers the frames of one turn of the event loop into one write. */
export class FrameWriter {
  readonly #socket: Socket;
  readonly #maxFrameBytes: number;
  #bodies: string[] = [];
  #lengths: number[] = [];
  #total = 0;
  #scheduled = false;

  constructor(socket: Socket, maxFrameBytes: number) {
    this.#socket = socket;
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Bytes that wait for the peer to read. */
  get waitingBytes(): number {
    return this.#total + this.#socket.writableLength;
  }

  /** @returns false if the body is over the limit; nothing is sent then. */
  send(body: string): boolean {
    const length = Buffer.byteLength(body);
    if (length > this.#maxFrameBytes) return false;
    this.#bodies.push(body);
    this.#lengths.push(length);
    this.#total += HEADER_BYTES + length;
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => this.flush());
    }
    return true;
  }

  /** Writes what waits, now. */
  flush(): void {
    this.#scheduled = false;
    if (this.#total === 0) return;
    const bytes = this.#socket.writable ? this.#joined() : EMPTY;
    this.#bodies = [];
    this.#lengths = [];
    this.#total = 0;
    if (bytes.length > 0) this.#socket.write(bytes);
  }

  #joined(): Buffer {
    const bytes = Buffer.allocUnsafe(this.#total);
    let at = 0;
    for (const [i, body] of this.#bodies.entries()) {
      at = bytes.writeUInt32BE(this.#lengths[i] ?? 0, at);
      at += bytes.write(body, at);
    }
    return bytes;
  }
}
