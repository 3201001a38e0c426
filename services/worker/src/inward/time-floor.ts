import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';

const CLASS_BYTES = 1024 * 1024;
const MAX_FLOOR_MS = 20_000;
const TIMER_SLACK_MS = 2;

/**
 * How long a refused decryption takes before it is answered: a floor that grows with the size
 * class alone, so the reply's time says nothing about where it failed (design section 4).
 */
export function decryptionFloorMs(sizeBytes: number, floorMs: number): number {
  const sizeClass = Math.max(1, Math.ceil(Math.log2(sizeBytes / CLASS_BYTES + 1)) + 1);
  return Math.min(floorMs * sizeClass, MAX_FLOOR_MS);
}

/**
 * Waits until the next whole multiple of the floor since `startedMs` (a monotonic time), to the
 * microsecond: what a timer leaves of the time before it would tell where the work had ended.
 */
export async function padToFloor(startedMs: number, floorMs: number): Promise<void> {
  if (floorMs === 0) return;
  const elapsed = performance.now() - startedMs;
  const deadlineMs = startedMs + Math.ceil(elapsed / floorMs) * floorMs;
  // A timer counts whole milliseconds of a clock of its own and may come early or late.
  const coarseMs = Math.floor(deadlineMs - performance.now()) - TIMER_SLACK_MS;
  if (coarseMs > 0) await sleep(coarseMs);
  while (performance.now() < deadlineMs) await immediate();
}
