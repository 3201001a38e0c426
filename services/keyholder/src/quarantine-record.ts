import { setTimeout as sleep } from 'node:timers/promises';
import type { IpcClient, QuarantinedKey, RecorderProtocol } from '@sallyport/ipc';
import { keyIdSchema } from '@sallyport/ipc';
import type { Logger } from '@sallyport/log';

/** The recorder may start after the keyholder. */
const TRIES = 10;
const REST_MS = 2_000;
const MAX_SENTENCE_CHARS = 500;

/** Tells the recorder of each quarantined key, once while the process runs. */
export class QuarantineRecord {
  readonly #recorder: Pick<IpcClient<RecorderProtocol>, 'call'>;
  readonly #logger: Logger;
  readonly #told = new Set<string>();
  readonly #ending = new AbortController();

  constructor(recorder: Pick<IpcClient<RecorderProtocol>, 'call'>, logger: Logger) {
    this.#recorder = recorder;
    this.#logger = logger;
  }

  /** Returns at once; the keys that are good need not wait for this. */
  tell(quarantined: readonly QuarantinedKey[]): void {
    for (const { keyId, file, reason } of quarantined) {
      const sentence = reason.includes(file) ? reason : `${file}: ${reason}`;
      if (this.#told.has(`${keyId} ${sentence}`) || !keyIdSchema.safeParse(keyId).success) continue;
      this.#told.add(`${keyId} ${sentence}`);
      void this.#record(keyId, sentence.slice(0, MAX_SENTENCE_CHARS));
    }
  }

  close(): void {
    this.#ending.abort();
  }

  async #record(keyId: string, sentence: string): Promise<void> {
    const event = { kind: 'key-quarantined', keyId, sentence } as const;
    const { signal } = this.#ending;
    let cause: unknown;
    for (let number = 0; number < TRIES && !signal.aborted; number += 1) {
      try {
        await this.#recorder.call('record', { event, durable: true });
        return;
      } catch (error) {
        cause = error;
      }
      await sleep(REST_MS, undefined, { signal, ref: false }).catch(() => {}); // ended by close
    }
    if (!signal.aborted) this.#logger.error('key.quarantine-not-recorded', { keyId, cause });
  }
}
