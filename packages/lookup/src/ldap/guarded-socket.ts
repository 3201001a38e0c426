import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { LdapFrames } from './frames.ts';

/**
 * What ldapts takes for its socket: writes go straight on, reads come one well-formed LDAPMessage
 * at a time (see `LdapFrames`). Anything else destroys the connection with the reason.
 */
export class GuardedSocket extends Duplex {
  readonly #socket: Socket;
  readonly #frames = new LdapFrames();
  readonly #onData = (chunk: Buffer): void => this.#take(chunk);
  readonly #onEnd = (): void => void this.push(null);
  readonly #onError = (error: Error): void => void this.destroy(error);
  readonly #onClose = (): void => void this.destroy();
  /** ldapts asks these two to learn that the connection stands already. */
  readonly connecting = false;
  readonly readyState = 'open';

  constructor(socket: Socket) {
    super({ readableObjectMode: true, allowHalfOpen: false });
    this.#socket = socket;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  /**
   * Hands the bare socket over for a TLS handshake. Bytes that came in the clear after the StartTLS
   * response would be an attacker's, so they end the connection.
   */
  detach(): Socket {
    const socket = this.#socket;
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('close', this.#onClose);
    if (this.#frames.isMidMessage || this.readableLength > 0) {
      socket.destroy(new Error('directory sent more after its StartTLS response'));
    }
    return socket;
  }

  #take(chunk: Buffer): void {
    try {
      for (const frame of this.#frames.push(chunk)) this.push(frame);
    } catch (cause) {
      this.destroy(new Error('directory sent what is no LDAP', { cause }));
    }
  }

  override _read(): void {
    // The directory's bytes are bounded in all, so no back-pressure is needed.
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#socket.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
