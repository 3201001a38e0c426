import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { DerReader } from '@sallyport/der';
import { IpcRefused } from '@sallyport/ipc';
import type { Logger } from '@sallyport/log';
import { TOKEN_CURVES } from './token-curves.ts';
import { TokenFault } from './token-fault.ts';
import type { FromThread, ThreadOptions, TokenOrder, ToThread } from './token-order.ts';

/** Which module, which PIN, how many uses at once, and how long one may take. */
export interface TokenOptions extends ThreadOptions {
  readonly timeoutMs: number;
}

/** A smart card takes its time for a long RSA key. */
const GENERATION_MS = 180_000;
const CLOSING_MS = 1_000;

interface Waiting {
  readonly resolve: (bytes: readonly Buffer[]) => void;
  readonly reject: (fault: TokenFault) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * The PKCS#11 module in a thread of its own. Each use ends within the deadline: a module that stands
 * still makes mail wait, and never the keyholder.
 */
export class Token {
  readonly #options: TokenOptions;
  readonly #logger: Logger;
  readonly #waiting = new Map<number, Waiting>();
  #thread: Worker | null = null;
  #number = 0;
  /** What was last said of the token in the log. */
  #isAway = false;

  constructor(options: TokenOptions, logger: Logger) {
    this.#options = options;
    this.#logger = logger;
  }

  /** Whether the last use found it away. */
  get isAway(): boolean {
    return this.#isAway;
  }

  /** The operator says that something changed: a PIN that was refused may be tried again. */
  reload(): void {
    if (this.#thread !== null) this.#send({ kind: 'reload' });
  }

  /** Logs out of the token. A module that stands still is not waited for. */
  async close(): Promise<void> {
    const thread = this.#thread;
    if (thread === null) return;
    const ended = once(thread, 'exit');
    this.#send({ kind: 'close' });
    await Promise.race([ended, sleep(CLOSING_MS)]);
    if (this.#thread === thread) void thread.terminate();
  }

  /** The public half of a key on the token. @throws TokenFault */
  async publicKeyOf(uri: string): Promise<KeyObject> {
    return importParts(await this.#ask({ kind: 'public-key', uri }));
  }

  /** Makes a key pair that never leaves the token, and returns its public half. @throws TokenFault */
  async generate(
    order: Omit<Extract<TokenOrder, { kind: 'generate' }>, 'kind'>,
  ): Promise<KeyObject> {
    return importParts(await this.#ask({ kind: 'generate', ...order }, GENERATION_MS));
  }

  /**
   * One use of a private key.
   *
   * @throws TokenFault `rejected` if the token did not like the value of an encrypted key.
   * @throws IpcRefused with `own-key-unavailable` for all else: the mail waits.
   */
  async use(order: TokenOrder): Promise<readonly Buffer[]> {
    try {
      const answer = await this.#ask(order);
      if (this.#isAway) this.#logger.info('token.back');
      this.#isAway = false;
      return answer;
    } catch (error) {
      if (!(error instanceof TokenFault) || error.kind === 'rejected') throw error;
      // Once, not for every mail that waits.
      if (!this.#isAway)
        this.#logger.error('token.away', { kind: error.kind, reason: error.message });
      this.#isAway = true;
      throw new IpcRefused('own-key-unavailable', error.message, { cause: error });
    }
  }

  #ask(order: TokenOrder, timeoutMs = this.#options.timeoutMs): Promise<readonly Buffer[]> {
    const number = this.#number;
    this.#number += 1;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(number);
        reject(new TokenFault('away', `the token did not answer within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#waiting.set(number, { resolve, reject, timer });
      this.#send({ kind: 'order', number, order });
    });
  }

  #send(message: ToThread): void {
    this.#thread ??= this.#start();
    this.#thread.postMessage(message);
  }

  #start(): Worker {
    const { moduleFile, pinFile, sessions } = this.#options;
    const workerData: ThreadOptions = { moduleFile, pinFile, sessions };
    const thread = new Worker(new URL('token-thread.ts', import.meta.url), { workerData });
    thread.on('message', (message: FromThread) => this.#answered(message));
    thread.on('error', (cause) => this.#ended(thread, cause));
    thread.on('exit', () => this.#ended(thread, undefined));
    thread.unref();
    return thread;
  }

  #answered(message: FromThread): void {
    const waiting = this.#waiting.get(message.number);
    if (waiting === undefined) return; // too late
    this.#waiting.delete(message.number);
    clearTimeout(waiting.timer);
    if (message.kind === 'done') waiting.resolve(message.bytes.map((one) => Buffer.from(one)));
    else waiting.reject(new TokenFault(message.fault, message.message));
  }

  #ended(thread: Worker, cause: unknown): void {
    if (this.#thread !== thread) return;
    this.#thread = null; // the next use starts another
    if (cause !== undefined) this.#logger.error('token.thread-ended', { cause });
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new TokenFault('away', 'the thread of the token ended', { cause }));
    }
    this.#waiting.clear();
  }
}

/** Modulus and exponent, or curve and point, as a key. @throws TokenFault for another kind of key. */
function importParts([first, second]: readonly Buffer[]): KeyObject {
  if (first === undefined || second === undefined) throw odd('gives no public key');
  const curve = TOKEN_CURVES.find(({ parameters }) => parameters.equals(first));
  const key: JsonWebKey =
    curve === undefined
      ? { kty: 'RSA', n: first.toString('base64url'), e: second.toString('base64url') }
      : { kty: 'EC', crv: curve.crv, ...coordinates(second, curve.octets) };
  try {
    return createPublicKey({ key, format: 'jwk' });
  } catch {
    throw odd('holds a key of a kind that a gateway does not use');
  }
}

/** CKA_EC_POINT is the uncompressed point in an OCTET STRING; some tokens leave the wrapping out. */
function coordinates(value: Buffer, octets: number): { readonly x: string; readonly y: string } {
  const bare = 1 + 2 * octets;
  const point = value.length === bare ? value : new DerReader(value).octetString();
  if (point.length !== bare || point[0] !== 4) throw odd('gives a point of another form');
  return {
    x: point.subarray(1, 1 + octets).toString('base64url'),
    y: point.subarray(1 + octets).toString('base64url'),
  };
}

function odd(what: string): TokenFault {
  return new TokenFault('no-key', `the token ${what}`);
}
