import type { FileHandle } from 'node:fs/promises';
import { MAX_LINE_BYTES } from './record.ts';

/** Small enough that those who wait for an answer meanwhile do not notice. */
const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 0x0a;
const NOTHING = Buffer.alloc(0);

/** One whole line of a file and where it begins. */
export interface Line {
  readonly offset: number;
  /** Where the next one begins. */
  readonly end: number;
  /**
   * With its line feed, and good until the next line is asked for; an empty one stands for a line
   * longer than any that is ours.
   */
  readonly bytes: Buffer;
}

/** The whole lines of a file from an offset on; what has no line feed yet is left for later. */
export async function* readLines(file: FileHandle, from: number): AsyncGenerator<Line> {
  // One buffer for all: a long file must not leave its own length in garbage behind.
  const buffer = Buffer.allocUnsafe(MAX_LINE_BYTES + CHUNK_BYTES);
  let [offset, filled, skippedFrom]: [number, number, number | null] = [from, 0, null];
  for (;;) {
    const { bytesRead } = await file.read(buffer, filled, CHUNK_BYTES, offset + filled);
    if (bytesRead === 0) return;
    filled += bytesRead;
    const held = buffer.subarray(0, filled);
    let start = 0;
    for (let at = held.indexOf(NEWLINE); at >= 0; at = held.indexOf(NEWLINE, start)) {
      const end = offset + at + 1;
      yield skippedFrom === null
        ? { offset: offset + start, end, bytes: held.subarray(start, at + 1) }
        : { offset: skippedFrom, end, bytes: NOTHING };
      skippedFrom = null;
      start = at + 1;
    }
    if (filled - start > MAX_LINE_BYTES) {
      skippedFrom ??= offset + start;
      start = filled;
    }
    buffer.copyWithin(0, start, filled);
    offset += start;
    filled -= start;
  }
}
