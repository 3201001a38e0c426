import type { Clock } from './clock.ts';

/** The longest delay that Node's timers take (2^31 - 1 ms). */
const LONGEST_SLEEP_MS = 2_147_483_647;

/** How long to sleep towards a moment that is `restMs` away: a clock that can be set is looked at between. */
export function sleepMs(clock: Clock, restMs: number): number {
  return Math.max(0, Math.min(restMs, clock.lookAgainMs ?? LONGEST_SLEEP_MS, LONGEST_SLEEP_MS));
}

/**
 * Does the task every so often by the clock, first after one period; periods that were slept
 * through are done once. The task sees to its own faults.
 *
 * @returns ends it.
 */
export function repeat(clock: Clock, everyMs: number, task: () => void): () => void {
  let dueAt = clock.now().getTime() + everyMs;
  let timer: NodeJS.Timeout;
  const look = (): void => {
    const now = clock.now().getTime();
    if (now >= dueAt) {
      dueAt = now + everyMs;
      task();
    }
    // A clock that was set back must not stop the work for as long as that.
    dueAt = Math.min(dueAt, now + everyMs);
    timer = setTimeout(look, sleepMs(clock, dueAt - now));
  };
  timer = setTimeout(look, sleepMs(clock, everyMs));
  return () => clearTimeout(timer);
}

/** Resolves when so much time has passed by the clock, or at once when the signal is given. */
export async function rest(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  const until = clock.now().getTime() + ms;
  while (signal?.aborted !== true) {
    const leftMs = Math.min(until - clock.now().getTime(), ms);
    if (leftMs <= 0) return;
    await sleepOnce(sleepMs(clock, leftMs), signal);
  }
}

function sleepOnce(ms: number, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (): void => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
    resolve();
  };
  const timer = setTimeout(end, ms);
  signal?.addEventListener('abort', end);
  return promise;
}
