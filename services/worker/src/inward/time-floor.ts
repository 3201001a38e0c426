import { setTimeout as sleep } from 'node:timers/promises';

const CLASS_BYTES = 1024 * 1024;
const MAX_FLOOR_MS = 20_000;

/**
 * How long a refused decryption takes before it is answered: a floor that grows with the size
 * class alone, so the reply's time says nothing about where it failed (design section 4).
 */
export function decryptionFloorMs(sizeBytes: number, floorMs: number): number {
  const sizeClass = Math.max(1, Math.ceil(Math.log2(sizeBytes / CLASS_BYTES + 1)) + 1);
  return Math.min(floorMs * sizeClass, MAX_FLOOR_MS);
}

/** Waits until the next whole multiple of the floor since `startedMs` (a monotonic time). */
export async function padToFloor(startedMs: number, floorMs: number): Promise<void> {
  if (floorMs === 0) return;
  const elapsed = performance.now() - startedMs;
  const wait = Math.max(0, Math.ceil(elapsed / floorMs) * floorMs - elapsed);
  // A timer counts whole milliseconds and may come up to one early; the floor is a floor.
  await sleep(Math.ceil(wait) + 1);
}
