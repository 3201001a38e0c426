import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { SinkListener, SinkReport } from './sink.ts';

/** The running sink, seen from the bench. */
export interface Sink extends AsyncDisposable {
  count(): Promise<SinkReport>;
  /**
   * Resolves with the time, of `performance.now()`, when the sink has this many messages.
   *
   * @throws Error if they do not come in time.
   */
  waitFor(messages: number, timeoutMs: number): Promise<number>;
}

const POLL_MS = 5;

/** Starts the sink as a process of its own; resolves when it listens. */
export async function startSink(listeners: readonly SinkListener[]): Promise<Sink> {
  const module = fileURLToPath(new URL('./sink.ts', import.meta.url));
  const child = fork(module, [JSON.stringify(listeners)], { stdio: 'inherit' });
  await once(child, 'message');
  const count = async (): Promise<SinkReport> => {
    const answer = once(child, 'message');
    child.send('count');
    const [report] = (await answer) as [SinkReport];
    return report;
  };
  return {
    count,
    waitFor: async (messages, timeoutMs) => {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        const found = await count();
        if (found.messages >= messages) return performance.now();
        if (performance.now() > deadline) {
          throw new Error(`the sink has ${found.messages} of ${messages} messages`);
        }
        await sleep(POLL_MS);
      }
    },
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}
