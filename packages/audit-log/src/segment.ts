/** Leaves of one segment file. A power of two, so that each segment is a subtree. */
export const SEGMENT_LEAVES = 65_536;

/** Where the public half of the log key lies in an audit folder. */
export const LOG_KEY_FILE = 'log-key.pub.pem';

const NAME = /^segment-(\d{12})\.jsonl$/;

/** The file name of the segment that begins with leaf `first`. */
export function segmentName(first: number): string {
  return `segment-${String(first).padStart(12, '0')}.jsonl`;
}

/** @returns the index of its first leaf, or null if the name is no segment's. */
export function parseSegmentName(name: string): number | null {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? null : Number(digits);
}
