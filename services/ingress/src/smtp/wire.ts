import type { Socket } from 'node:net';
import type { Reply } from './reply.ts';

const EMPTY = Buffer.alloc(0);
/** What a client may send ahead while we are busy; beyond it the socket is not read. */
const MAX_PENDING_BYTES = 128 * 1024;

const LF = 0x0a;
const CR = 0x0d;

/** What came of looking for a line. */
export type TakenLine =
  | { readonly kind: 'none' }
  | { readonly kind: 'line'; readonly line: Buffer }
  | { readonly kind: 'too-long' }
  | { readonly kind: 'bare-line-end' };

const NO_LINE: TakenLine = { kind: 'none' };

/** Who is told of what the socket does. */
export interface WireOwner {
  /** Bytes are pending, or the client takes replies again. */
  onReadable(): void;
  /** The client has gone, or sends no more; told once. */
  onGone(): void;
}

/**
 * The two directions of one connection: bytes that are not used yet, and replies that are written
 * together (RFC 2920 section 3.2: replies to one batch go out as one).
 */
export class Wire {
  #socket: Socket;
  readonly #owner: WireOwner;
  #pending: Buffer = EMPTY;
  #out = '';
  #isGone = false;
  #isEnded = false;
  #isClogged = false;
  #isSkippingLine = false;
  /** Takes our readers off the socket. */
  #detach: () => void = () => undefined;

  constructor(socket: Socket, owner: WireOwner) {
    this.#socket = socket;
    this.#owner = owner;
    this.#attach(socket);
  }

  /** Bytes that no command and no message has used yet. */
  get pending(): Buffer {
    return this.#pending;
  }

  /** True while the client does not take our replies. */
  get isClogged(): boolean {
    return this.#isClogged;
  }

  get isEnded(): boolean {
    return this.#isEnded || this.#isGone;
  }

  /** Drops the first bytes of what is pending. */
  consume(octets: number): void {
    this.#pending = octets >= this.#pending.length ? EMPTY : this.#pending.subarray(octets);
    if (this.#socket.isPaused() && this.#pending.length < MAX_PENDING_BYTES) this.#socket.resume();
  }

  /** Takes the next command line, its CRLF off; of one that is too long only the end is waited for. */
  takeLine(maxOctets: number): TakenLine {
    const pending = this.#pending;
    const lf = pending.indexOf(LF);
    if (lf < 0) {
      if (!this.#isSkippingLine && pending.length <= maxOctets) return NO_LINE;
      this.#isSkippingLine = true;
      this.consume(pending.length);
      return NO_LINE;
    }
    this.consume(lf + 1);
    if (this.#isSkippingLine || lf > maxOctets) {
      this.#isSkippingLine = false;
      return { kind: 'too-long' };
    }
    // A line that ends otherwise could be two commands to one server and one to another.
    if (lf === 0 || pending.indexOf(CR) !== lf - 1) return { kind: 'bare-line-end' };
    return { kind: 'line', line: pending.subarray(0, lf - 1) };
  }

  say(reply: Reply): void {
    this.#out += reply.text;
  }

  /** Sends what has been said. */
  flush(): void {
    if (this.#out === '' || this.isEnded) return;
    const text = this.#out;
    this.#out = '';
    this.#isClogged = !this.#socket.write(text, 'latin1');
  }

  /** Sends what has been said and our end; what the client still sends is thrown away. */
  end(): void {
    if (this.isEnded) return;
    this.#isEnded = true;
    this.#pending = EMPTY;
    this.#socket.end(this.#out, 'latin1');
    this.#out = '';
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /**
   * Sends what has been said, then gives the bare socket away.
   *
   * Bytes that came before are forgotten: what was sent in clear behind STARTTLS must never run
   * as if it had come under TLS (RFC 3207 section 4.2; CVE-2011-0411).
   */
  release(then: (socket: Socket) => void): void {
    const socket = this.#socket;
    this.#pending = EMPTY;
    // Only our own listeners: the socket's inner ones stay, TLS builds on them.
    this.#detach();
    socket.pause();
    const text = this.#out;
    this.#out = '';
    socket.write(text, 'latin1', () => then(socket));
  }

  /** Goes on over another socket, the TLS one. */
  replace(socket: Socket): void {
    this.#socket = socket; // what the bare socket still tells does not count any more
    this.#attach(socket);
  }

  #attach(socket: Socket): void {
    socket.setNoDelay(true);
    const onData = (chunk: Buffer) => this.#take(socket, chunk);
    const onEnd = () => this.#gone(socket);
    const onDrain = () => this.#unclog();
    socket.on('data', onData).on('end', onEnd).on('drain', onDrain);
    this.#detach = () => socket.off('data', onData).off('end', onEnd).off('drain', onDrain);
    socket.on('error', () => this.#gone(socket)); // a lost client is no surprise
    socket.on('close', () => this.#gone(socket));
  }

  #unclog(): void {
    this.#isClogged = false;
    this.#owner.onReadable();
  }

  #take(socket: Socket, chunk: Buffer): void {
    if (this.isEnded) return;
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#owner.onReadable();
    if (this.#pending.length >= MAX_PENDING_BYTES) socket.pause();
  }

  #gone(socket: Socket): void {
    if (socket !== this.#socket || this.#isGone) return;
    this.#isGone = true;
    this.#pending = EMPTY;
    this.#owner.onGone();
  }
}
