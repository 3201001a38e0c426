import { connect, type Socket } from 'node:net';
import { parseJson } from '@sallyport/mail';
import { z } from 'zod';
import { IpcRefused, IpcUnavailable, type UnavailableKind } from './errors.ts';
import { FrameDecoder, FrameWriter, MAX_FRAME_BYTES } from './frames.ts';
import type { CallParams, CallResult, MethodName, Protocol } from './protocol.ts';
import { type Response, responseSchema } from './wire.ts';

const MAX_IN_FLIGHT = 4_096;

/** Where to call, and how long to wait. */
export interface ConnectOptions<P extends Protocol> {
  readonly path: string;
  readonly protocol: P;
  /** From the call to its answer, connecting included. */
  readonly deadlineMs: number;
  readonly maxFrameBytes?: number;
  /** Calls that may wait at once; one more fails as `busy`. */
  readonly maxInFlight?: number;
}

/** What one call may say for itself. */
export interface CallOptions {
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/** A client of one socket. It connects at the first call and again after a loss. */
export interface IpcClient<P extends Protocol> {
  /**
   * Calls a method.
   *
   * @throws IpcUnavailable if there is no answer; IpcRefused if the answer is a refusal;
   *   RangeError if the parameters are over the frame limit.
   */
  call<M extends MethodName<P>>(
    method: M,
    params: CallParams<P, M>,
    options?: CallOptions,
  ): Promise<CallResult<P, M>>;
  /** Drops the connection; calls in flight and later ones fail as `closed`. */
  close(): void;
}

/** Makes a client; nothing is connected yet. */
export function connectSocket<P extends Protocol>(options: ConnectOptions<P>): IpcClient<P> {
  const { protocol, deadlineMs } = options;
  const channel = new Channel({
    path: options.path,
    maxFrameBytes: options.maxFrameBytes ?? MAX_FRAME_BYTES,
    maxInFlight: options.maxInFlight ?? MAX_IN_FLIGHT,
  });
  return {
    async call(method, params, given = {}) {
      const known = protocol[method];
      if (known === undefined) throw new IpcRefused(null, 'unknown-method');
      const answer = await channel.call(
        { method, params },
        { deadlineMs: given.deadlineMs ?? deadlineMs, signal: given.signal ?? null },
      );
      const result = known.result.safeParse(answer);
      if (!result.success) {
        throw new Error(`answer to ${method} is not as agreed: ${z.prettifyError(result.error)}`);
      }
      return result.data as CallResult<P, typeof method>;
    },
    close: () => channel.close(),
  };
}

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Wait {
  readonly deadlineMs: number;
  readonly signal: AbortSignal | null;
}

/** One connection at a time and the calls that wait on it. */
class Channel {
  readonly #options: { path: string; maxFrameBytes: number; maxInFlight: number };
  readonly #pending = new Map<number, Pending>();
  #connection: { socket: Socket; writer: FrameWriter } | null = null;
  #nextId = 0;
  #closed = false;

  constructor(options: { path: string; maxFrameBytes: number; maxInFlight: number }) {
    this.#options = options;
  }

  call(message: { method: string; params: unknown }, wait: Wait): Promise<unknown> {
    const refused = this.#unavailable(wait.signal);
    if (refused !== null) return Promise.reject(refused);
    this.#nextId = (this.#nextId + 1) % Number.MAX_SAFE_INTEGER;
    const id = this.#nextId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const stop = (kind: UnavailableKind, text: string) => () =>
      this.#take(id)?.reject(new IpcUnavailable(kind, text));
    const timer = setTimeout(
      stop('deadline', `no answer to ${message.method} within ${wait.deadlineMs} ms`),
      wait.deadlineMs,
    );
    const onAbort = stop('aborted', `${message.method} was given up`);
    wait.signal?.addEventListener('abort', onAbort, { once: true });
    const settle = () => {
      clearTimeout(timer);
      wait.signal?.removeEventListener('abort', onAbort);
    };
    const pending: Pending = {
      resolve: (result) => {
        settle();
        resolve(result);
      },
      reject: (error) => {
        settle();
        reject(error);
      },
    };
    this.#pending.set(id, pending);
    if (!this.#open().send(JSON.stringify({ id, ...message, params: message.params ?? null }))) {
      this.#take(id)?.reject(new RangeError(`${message.method} is over the frame limit`));
    }
    return promise;
  }

  close(): void {
    this.#closed = true;
    this.#lose('closed', 'client is closed');
  }

  #unavailable(signal: AbortSignal | null): IpcUnavailable | null {
    if (this.#closed) return new IpcUnavailable('closed', 'client is closed');
    if (signal?.aborted === true) return new IpcUnavailable('aborted', 'given up before the call');
    if (this.#pending.size >= this.#options.maxInFlight) {
      return new IpcUnavailable('busy', `${this.#pending.size} calls wait already`);
    }
    return null;
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #open(): FrameWriter {
    if (this.#connection !== null) return this.#connection.writer;
    const { path, maxFrameBytes } = this.#options;
    const socket = connect(path);
    const writer = new FrameWriter(socket, maxFrameBytes);
    const decoder = new FrameDecoder(maxFrameBytes);
    const connection = { socket, writer };
    this.#connection = connection;
    const lost = (kind: UnavailableKind, cause?: unknown) => {
      if (this.#connection === connection) this.#lose(kind, `${kind}: ${path}`, cause);
    };
    let connected = false;
    socket.once('connect', () => {
      connected = true;
    });
    socket.on('error', (error) => lost(connected ? 'lost' : 'connect', error));
    socket.on('end', () => lost('lost'));
    socket.on('close', () => lost('lost'));
    socket.on('data', (chunk: Buffer) => {
      try {
        decoder.push(chunk);
        for (let frame = decoder.next(); frame !== null; frame = decoder.next()) this.#read(frame);
      } catch (error) {
        lost('lost', error);
      }
    });
    return writer;
  }

  #read(frame: Buffer): void {
    const response = responseSchema.parse(parseJson(frame.toString('utf8')));
    const pending = this.#take(response.id);
    if (pending === undefined) return; // its deadline has passed
    settlePending(pending, response);
  }

  #lose(kind: UnavailableKind, text: string, cause?: unknown): void {
    const connection = this.#connection;
    this.#connection = null;
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of waiting) pending.reject(new IpcUnavailable(kind, text, { cause }));
    connection?.socket.destroy();
  }
}

function settlePending(pending: Pending, response: Response): void {
  if ('error' in response) {
    pending.reject(new IpcRefused(response.error.fault, response.error.message));
  } else {
    pending.resolve(response.result);
  }
}
