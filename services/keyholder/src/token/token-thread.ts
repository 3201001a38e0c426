/**
 * The thread in which the PKCS#11 module runs, so that a slow token or reader never holds up the
 * keyholder's other keys.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Cryptoki } from './cryptoki.ts';
import { TokenFault } from './token-fault.ts';
import type { FromThread, ThreadOptions, TokenOrder, ToThread } from './token-order.ts';
import { useToken } from './token-uses.ts';

/** Orders that wait for a session; more are refused at once. */
const MAX_WAITING = 1_000;
const MISSING_REST_MS = 2_000;
const MAX_MISSING = 1_000;

/** Runs orders side by side, as many as there are sessions, and opens the module anew after failures. */
class TokenThread {
  readonly #options: ThreadOptions;
  #cryptoki: Cryptoki | null = null;
  #free: number;
  readonly #waiting: Array<() => void> = [];
  /** Orders that are with the module right now. */
  #active = 0;
  #reopening: Promise<void> | null = null;
  #generation = 0;
  #quiet: (() => void) | null = null;
  /** Keys that were not there, and when: one record too many must not reopen the module for every mail. */
  readonly #missing = new Map<string, number>();

  constructor(options: ThreadOptions) {
    this.#options = options;
    this.#free = options.sessions;
  }

  reload(): void {
    this.#missing.clear();
    this.#cryptoki?.refusedPins.clear();
  }

  /** Logs out, when nobody is using a session any more. */
  async close(): Promise<void> {
    if (this.#cryptoki !== null) await this.#reopen(this.#cryptoki, this.#generation);
  }

  /** @throws TokenFault */
  async run(order: TokenOrder): Promise<readonly Uint8Array[]> {
    await this.#take();
    try {
      return await this.#runTwice(order);
    } finally {
      this.#free += 1;
      this.#waiting.shift()?.();
    }
  }

  async #take(): Promise<void> {
    while (this.#free === 0) {
      if (this.#waiting.length >= MAX_WAITING)
        throw new TokenFault('away', 'the token is too slow');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#free -= 1;
  }

  async #runTwice(order: TokenOrder): Promise<readonly Uint8Array[]> {
    const cryptoki = this.#open();
    cryptoki.checkRest(performance.now());
    this.#checkMissing(order.uri);
    const generation = this.#generation;
    try {
      return await this.#once(cryptoki, order);
    } catch (error) {
      if (isFinal(error)) throw error;
    }
    await this.#reopen(cryptoki, generation);
    try {
      return await this.#once(cryptoki, order);
    } catch (error) {
      if (isFinal(error)) throw error;
      const fault = error instanceof TokenFault ? error : awayBecause(error);
      if (fault.kind === 'no-key') this.#noteMissing(order.uri);
      if (fault.kind === 'away') cryptoki.failed(performance.now(), fault.message);
      throw fault;
    }
  }

  #checkMissing(uri: string): void {
    const since = this.#missing.get(uri);
    if (since === undefined) return;
    if (performance.now() - since < MISSING_REST_MS) {
      throw new TokenFault('no-key', `the token holds no key ${uri}`);
    }
    this.#missing.delete(uri);
  }

  #noteMissing(uri: string): void {
    if (this.#missing.size >= MAX_MISSING) this.#missing.clear();
    this.#missing.set(uri, performance.now());
  }

  async #once(cryptoki: Cryptoki, order: TokenOrder): Promise<readonly Uint8Array[]> {
    if (this.#reopening !== null) await this.#reopening;
    this.#active += 1;
    try {
      return await useToken(cryptoki, order);
    } finally {
      this.#active -= 1;
      if (this.#active === 0) this.#quiet?.();
    }
  }

  /** Once for all that failed together, when nobody is using a session any more. */
  #reopen(cryptoki: Cryptoki, generation: number): Promise<void> {
    if (generation !== this.#generation) return Promise.resolve();
    if (this.#reopening !== null) return this.#reopening;
    const reopening = this.#closeWhenQuiet(cryptoki).finally(() => {
      this.#reopening = null;
    });
    this.#reopening = reopening;
    return reopening;
  }

  async #closeWhenQuiet(cryptoki: Cryptoki): Promise<void> {
    if (this.#active > 0) await new Promise<void>((resolve) => (this.#quiet = resolve));
    this.#quiet = null;
    cryptoki.close();
    this.#generation += 1;
  }

  #open(): Cryptoki {
    this.#cryptoki ??= new Cryptoki(this.#options);
    return this.#cryptoki;
  }
}

/** What trying again cannot mend. A missing key may be one of a token that was exchanged. */
function isFinal(error: unknown): error is TokenFault {
  return error instanceof TokenFault && error.kind !== 'away' && error.kind !== 'no-key';
}

function awayBecause(cause: unknown): TokenFault {
  const text = cause instanceof Error ? cause.message.slice(0, 200) : 'unknown';
  return new TokenFault('away', `the token does not do it (${text})`, { cause });
}

const port = parentPort;
if (port === null) throw new Error('token-thread.ts is a worker thread');
const thread = new TokenThread(workerData as ThreadOptions);
port.on('message', (message: ToThread) => {
  if (message.kind !== 'order') {
    if (message.kind === 'reload') thread.reload();
    else void thread.close().finally(() => port.close());
    return;
  }
  const { number, order } = message;
  const answer = (sent: FromThread) => port.postMessage(sent);
  thread.run(order).then(
    (bytes) => answer({ kind: 'done', number, bytes: bytes.map((one) => Uint8Array.from(one)) }),
    (error: unknown) => {
      const fault = error instanceof TokenFault ? error : awayBecause(error);
      answer({ kind: 'fault', number, fault: fault.kind, message: fault.message });
    },
  );
});
