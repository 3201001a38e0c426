import { createServer, type Socket } from 'node:net';
import type { FaultId } from '@sallyport/faults';
import type { Logger } from '@sallyport/log';
import { parseJson } from '@sallyport/mail';
import { z } from 'zod';
import { IpcRefused } from './errors.ts';
import { FrameDecoder, FrameWriter, MAX_FRAME_BYTES } from './frames.ts';
import type { CallContext, Handlers, Method, Protocol } from './protocol.ts';
import { listenPrivately, removeStaleSocket } from './socket-path.ts';
import { requestSchema } from './wire.ts';

const MAX_IN_FLIGHT = 256;
const MAX_CONNECTIONS = 64;
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
const CLOSE_GRACE_MS = 2_000;

/** What a socket needs to be served. */
export interface ServeOptions<P extends Protocol> {
  readonly path: string;
  readonly protocol: P;
  readonly handlers: Handlers<P>;
  readonly logger: Logger;
  readonly maxFrameBytes?: number;
  /** Calls of one connection at once; further ones wait unread. */
  readonly maxInFlight?: number;
  /** Of the socket file. Left out: 0660 in a folder that gives its group to what is made in it, else 0600. */
  readonly mode?: number | undefined;
}

/** A socket that is being served. */
export interface IpcServer {
  /** Takes no further calls, lets those in flight end (2 s at most), removes the socket file. */
  close(): Promise<void>;
}

type Answer = (params: unknown, context: CallContext) => unknown;

/** The options without their protocol's type, which is checked already. */
interface Served {
  readonly protocol: Protocol;
  readonly handlers: Readonly<Record<string, Answer>>;
  readonly logger: Logger;
  readonly maxFrameBytes: number;
  readonly maxInFlight: number;
}

/**
 * Serves one protocol on one Unix socket.
 *
 * @throws Error if the path is taken or cannot be listened on.
 */
export async function serveSocket<P extends Protocol>(
  options: ServeOptions<P>,
): Promise<IpcServer> {
  const served: Served = {
    protocol: options.protocol,
    // Each handler gets only what its own schema has passed.
    handlers: options.handlers as unknown as Served['handlers'],
    logger: options.logger,
    maxFrameBytes: options.maxFrameBytes ?? MAX_FRAME_BYTES,
    maxInFlight: options.maxInFlight ?? MAX_IN_FLIGHT,
  };
  await removeStaleSocket(options.path);
  const connections = new Set<Connection>();
  const server = createServer((socket) => {
    const connection = new Connection(socket, served);
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listenPrivately(server, options.path, options.mode);
  server.on('error', (error) => options.logger.error('ipc.server-failed', { cause: error }));
  return { close: () => closeServer(server, connections) };
}

async function closeServer(
  server: ReturnType<typeof createServer>,
  connections: ReadonlySet<Connection>,
): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  for (const connection of connections) connection.finish();
  const timer = setTimeout(() => {
    for (const connection of connections) connection.destroy();
  }, CLOSE_GRACE_MS);
  await closed;
  clearTimeout(timer);
}

class Connection {
  readonly #socket: Socket;
  readonly #served: Served;
  readonly #decoder: FrameDecoder;
  readonly #writer: FrameWriter;
  readonly #gone = new AbortController();
  #inFlight = 0;
  #paused = false;
  #finishing = false;

  constructor(socket: Socket, served: Served) {
    this.#socket = socket;
    this.#served = served;
    this.#decoder = new FrameDecoder(served.maxFrameBytes);
    this.#writer = new FrameWriter(socket, served.maxFrameBytes);
    socket.on('data', (chunk: Buffer) => {
      if (this.#finishing) return;
      this.#decoder.push(chunk);
      this.#drain();
    });
    socket.on('drain', () => this.#drain());
    socket.on('error', () => socket.destroy()); // a lost client is no surprise
    socket.on('close', () => this.#gone.abort());
  }

  /** Reads no more; ends once the calls in flight are answered. */
  finish(): void {
    this.#finishing = true;
    this.#socket.pause();
    this.#endIfIdle();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #endIfIdle(): void {
    if (!this.#finishing || this.#inFlight > 0) return;
    this.#writer.flush();
    this.#socket.end();
    this.#socket.resume(); // so that the peer's end is seen
  }

  /** Takes frames while both bounds allow it, else leaves them with the kernel and the client. */
  #drain(): void {
    try {
      while (!this.#finishing && this.#hasRoom()) {
        const frame = this.#decoder.next();
        if (frame === null) {
          if (this.#paused) this.#socket.resume();
          this.#paused = false;
          return;
        }
        this.#take(frame);
      }
      this.#paused = true;
      this.#socket.pause();
    } catch (error) {
      this.#served.logger.warn('ipc.bad-frame', { reason: String(error) });
      this.#socket.destroy();
    }
  }

  #hasRoom(): boolean {
    return (
      this.#inFlight < this.#served.maxInFlight && this.#writer.waitingBytes < MAX_WAITING_BYTES
    );
  }

  #take(frame: Buffer): void {
    const request = requestSchema.safeParse(parseJson(frame.toString('utf8')));
    if (!request.success) {
      this.#served.logger.warn('ipc.bad-request', { reason: z.prettifyError(request.error) });
      this.#socket.destroy();
      return;
    }
    const { id, method, params } = request.data;
    const known = Object.hasOwn(this.#served.protocol, method)
      ? this.#served.protocol[method]
      : undefined;
    if (known === undefined) {
      this.#refuse(id, null, 'unknown-method');
      return;
    }
    this.#inFlight += 1;
    void this.#answer(known, { id, method, params });
  }

  async #answer(known: Method, call: { id: number; method: string; params: unknown }) {
    try {
      const params = known.params.safeParse(call.params);
      if (!params.success) {
        this.#refuse(call.id, null, `invalid-params: ${z.prettifyError(params.error)}`);
        return;
      }
      const handler = this.#served.handlers[call.method];
      const result = await handler?.(params.data, { closed: this.#gone.signal });
      const sent = this.#writer.send(JSON.stringify({ id: call.id, result: result ?? null }));
      if (!sent) throw new RangeError(`result of ${call.method} is over the frame limit`);
    } catch (error) {
      this.#fail(call, error);
    } finally {
      this.#inFlight -= 1;
      if (this.#paused) this.#drain();
      this.#endIfIdle();
    }
  }

  #fail(call: { id: number; method: string }, error: unknown): void {
    if (error instanceof IpcRefused) {
      this.#refuse(call.id, error.fault, error.message);
      return;
    }
    this.#served.logger.error('ipc.call-failed', { method: call.method, cause: error });
    this.#refuse(call.id, 'internal', 'internal');
  }

  #refuse(id: number, fault: FaultId | null, message: string): void {
    this.#writer.send(JSON.stringify({ id, error: { fault, message: message.slice(0, 2_000) } }));
  }
}
