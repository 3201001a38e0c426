import { connect, type Socket } from 'node:net';
import { connect as connectTls, type SecureContext, type TLSSocket } from 'node:tls';
import { ReplyReader, type SmtpReply } from './reply.ts';

const MAX_EARLY_REPLIES = 2_000;
/** A hundred recipients are answered in some ten kilobytes. */
const MAX_EARLY_OCTETS = 1024 * 1024;

export type WireAnswer =
  | { readonly kind: 'reply'; readonly reply: SmtpReply }
  | { readonly kind: 'lost'; readonly reason: string };

export type WireUpgrade =
  | { readonly kind: 'tls'; readonly socket: TLSSocket }
  | { readonly kind: 'failed'; readonly reason: string };

interface ConnectOptions {
  readonly address: string;
  readonly port: number;
  readonly localAddress?: string | undefined;
  readonly timeoutMs: number;
}

/** One connection to a server: octets out, replies in, in order, each with a deadline. */
export class SmtpWire {
  #socket: Socket;
  #reader = new ReplyReader();
  #early: SmtpReply[] = [];
  #earlyOctets = 0;
  #waiter: ((answer: WireAnswer) => void) | null = null;
  #lost: string | null = null;
  readonly #onLost: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen(socket);
  }

  /** @returns the reason as text if there is no connection within the time. */
  static connect(options: ConnectOptions): Promise<SmtpWire | string> {
    const { promise, resolve } = Promise.withResolvers<SmtpWire | string>();
    const socket = connect({
      host: options.address,
      port: options.port,
      ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
    });
    socket.setNoDelay(true);
    const fail = (reason: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reason);
    };
    const timer = setTimeout(() => fail('connection timed out'), options.timeoutMs);
    const onError = (error: Error) => fail(reasonOf(error));
    socket.once('error', onError);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', onError);
      resolve(new SmtpWire(socket));
    });
    return promise;
  }

  /** True if nothing was said that nobody asked for: only then may the connection be used again. */
  get isQuiet(): boolean {
    return this.#lost === null && this.#early.length === 0 && this.#reader.isEmpty;
  }

  get isLost(): boolean {
    return this.#lost !== null;
  }

  /** Sends octets; resolves false if the connection is lost or takes no more within the time. */
  send(bytes: Uint8Array | string, timeoutMs: number): Promise<boolean> {
    if (this.#lost !== null) return Promise.resolve(false);
    if (this.#socket.write(bytes)) return Promise.resolve(true);
    return this.#drained(timeoutMs);
  }

  #drained(timeoutMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const socket = this.#socket;
    const timer = setTimeout(() => this.#lose('server takes no more octets'), timeoutMs);
    const settle = () => {
      clearTimeout(timer);
      socket.off('drain', settle);
      socket.off('close', settle);
      resolve(this.#lost === null);
    };
    socket.on('drain', settle);
    socket.on('close', settle);
    return promise;
  }

  /** The next reply. One caller at a time. A drip of octets does not extend the time. */
  answer(timeoutMs: number): Promise<WireAnswer> {
    const early = this.#early.shift();
    if (early !== undefined) {
      this.#earlyOctets -= octetsOf(early);
      return Promise.resolve({ kind: 'reply', reply: early });
    }
    if (this.#lost !== null) return Promise.resolve({ kind: 'lost', reason: this.#lost });
    if (this.#waiter !== null) throw new Error('two callers wait for one reply');
    const { promise, resolve } = Promise.withResolvers<WireAnswer>();
    const timer = setTimeout(() => this.#lose('no reply in time'), timeoutMs);
    this.#waiter = (answer) => {
      clearTimeout(timer);
      this.#waiter = null;
      resolve(answer);
    };
    return promise;
  }

  /**
   * Begins TLS on the connection, after the 220 of STARTTLS.
   *
   * RFC 3207 section 4.2 and CVE-2021-38371: an octet that came in clear after the 220 would be
   * taken for one that TLS protected, so it ends the session.
   */
  upgrade(options: {
    readonly secureContext: SecureContext;
    readonly servername: string | null;
    readonly timeoutMs: number;
  }): Promise<WireUpgrade> {
    if (!this.isQuiet) {
      this.#lose('octets in clear after the reply to STARTTLS');
      return Promise.resolve({ kind: 'failed', reason: this.#lost ?? '' });
    }
    const { promise, resolve } = Promise.withResolvers<WireUpgrade>();
    const plain = this.#socket;
    plain.removeAllListeners('data');
    plain.removeAllListeners('end');
    plain.removeAllListeners('close');
    const socket = connectTls({
      socket: plain,
      secureContext: options.secureContext,
      // The ONE place in the product where this may stand. Node would check before it lets us
      // see the certificate, by its own rules; ours (checkTlsSession) stands between this
      // handshake and MAIL FROM, and no session is ever resumed past it.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ...(options.servername === null ? {} : { servername: options.servername }),
    });
    const fail = (reason: string) => {
      clearTimeout(timer);
      this.#lose(reason);
      socket.destroy();
      resolve({ kind: 'failed', reason });
    };
    const timer = setTimeout(() => fail('TLS handshake timed out'), options.timeoutMs);
    socket.once('error', (error: Error) => fail(reasonOf(error)));
    socket.once('close', () => fail('connection closed in the TLS handshake'));
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error');
      socket.removeAllListeners('close');
      this.#socket = socket;
      this.#reader = new ReplyReader();
      this.#listen(socket);
      resolve({ kind: 'tls', socket });
    });
    return promise;
  }

  /** Calls back once the connection is gone. */
  onLost(callback: () => void): void {
    if (this.#lost === null) this.#onLost.push(callback);
    else callback();
  }

  /** Says QUIT and does not wait for the answer longer than the time. */
  async quit(timeoutMs: number): Promise<void> {
    if (this.#lost === null && (await this.send('QUIT\r\n', timeoutMs))) {
      await this.answer(timeoutMs);
    }
    this.destroy();
  }

  destroy(): void {
    this.#lose('closed by us');
  }

  #listen(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => this.#lose(reasonOf(error)));
    socket.on('end', () => this.#lose('server closed the connection'));
    socket.on('close', () => this.#lose('connection closed'));
  }

  #read(chunk: Buffer): void {
    if (this.#lost !== null) return;
    const read = this.#reader.push(chunk);
    if (read.kind === 'bad') {
      this.#lose(read.reason);
      return;
    }
    for (const reply of read.replies) {
      if (this.#waiter !== null) this.#waiter({ kind: 'reply', reply });
      else this.#keep(reply);
    }
  }

  #keep(reply: SmtpReply): void {
    this.#earlyOctets += octetsOf(reply);
    const isFlood = this.#early.length >= MAX_EARLY_REPLIES || this.#earlyOctets > MAX_EARLY_OCTETS;
    if (isFlood) this.#lose('replies that nobody asked for');
    else this.#early.push(reply);
  }

  #lose(reason: string): void {
    if (this.#lost !== null) return;
    this.#lost = reason;
    this.#socket.destroy();
    this.#waiter?.({ kind: 'lost', reason });
    for (const callback of this.#onLost.splice(0)) callback();
  }
}

function octetsOf({ lines }: SmtpReply): number {
  return lines.reduce((sum, line) => sum + line.length, 0);
}

function reasonOf(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null;
  return code === null ? error.message : `${code} ${error.message}`.slice(0, 300);
}
