import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

// V8 sees the buffers of a body late, since their bytes lie outside of its heap: one message of
// 100 MB left a process up to 190 MB larger than one of 10 KB, and 50 MB with this. A body of a few
// megabytes is left to V8 alone.
const FIRST_BYTES = 4 * 1024 * 1024;
const MINOR_EVERY_BYTES = 8 * 1024 * 1024;
const MINORS_FOR_A_MAJOR = 4;

type Collect = (options: { readonly type: 'minor' | 'major'; readonly execution: 'sync' }) => void;

let collect: Collect | null = null;
let passedBytes = 0;
let minors = 0;

/** Says that so many bytes of one body went by, and how many before them. */
export function bytesPassed(count: number, before: number): void {
  if (before < FIRST_BYTES) return;
  passedBytes += count;
  if (passedBytes < MINOR_EVERY_BYTES) return;
  passedBytes = 0;
  minors = (minors + 1) % MINORS_FOR_A_MAJOR;
  collect ??= collector();
  collect({ type: minors === 0 ? 'major' : 'minor', execution: 'sync' });
}

/** V8 gives its collector out to contexts that are made while the flag is set, and to those alone. */
function collector(): Collect {
  setFlagsFromString('--expose-gc');
  const given: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  // Otherwise buffers are given back by a thread that gets no turn on a busy machine.
  setFlagsFromString('--no-concurrent-array-buffer-sweeping');
  if (typeof given !== 'function') throw new Error('V8 gives no collector out');
  return (options) => {
    Reflect.apply(given, undefined, [options]);
  };
}
