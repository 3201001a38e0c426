import type { Random } from './random.ts';

const INTERESTING = [0x00, 0x01, 0x7f, 0x80, 0x81, 0x84, 0x88, 0xa0, 0x24, 0x30, 0x31, 0xff];

type ByteEdit = (bytes: Buffer, random: Random, other: Buffer) => Buffer;

function replaced(bytes: Buffer, at: number, length: number, by: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), by, bytes.subarray(at + length)]);
}

function setOctet(bytes: Buffer, at: number, octet: number): Buffer {
  const changed = Buffer.from(bytes);
  if (at < changed.length) changed[at] = octet;
  return changed;
}

const BYTE_EDITS: readonly ByteEdit[] = [
  // One bit, the smallest change that there is.
  (bytes, random) => {
    const at = random.below(bytes.length);
    return setOctet(bytes, at, (bytes[at] ?? 0) ^ (1 << random.below(8)));
  },
  (bytes, random) => setOctet(bytes, random.below(bytes.length), random.pick(INTERESTING)),
  (bytes, random) =>
    replaced(bytes, random.below(bytes.length + 1), 0, random.bytes(1 + random.below(16))),
  (bytes, random) =>
    replaced(bytes, random.below(bytes.length), 1 + random.below(32), Buffer.alloc(0)),
  // Cut short.
  (bytes, random) => bytes.subarray(0, random.below(bytes.length)),
  // Cut at the front.
  (bytes, random) => bytes.subarray(random.below(bytes.length)),
  // Something doubled.
  (bytes, random) => {
    const at = random.below(bytes.length);
    return replaced(bytes, at, 0, bytes.subarray(at, at + 1 + random.below(64)));
  },
  // Two pieces change places.
  (bytes, random) => {
    const [a, b] = [random.below(bytes.length), random.below(bytes.length)].sort((x, y) => x - y);
    if (a === undefined || b === undefined) return bytes;
    const size = Math.min(b - a, 1 + random.below(32));
    const first = bytes.subarray(a, a + size);
    const second = bytes.subarray(b, b + size);
    return replaced(replaced(bytes, b, second.length, first), a, first.length, second);
  },
  // A piece of another seed.
  (bytes, random, other) => {
    const from = random.below(other.length);
    const piece = other.subarray(from, from + 1 + random.below(256));
    return replaced(bytes, random.below(bytes.length + 1), random.below(2) * piece.length, piece);
  },
  // The front of one, the end of the other.
  (bytes, random, other) =>
    Buffer.concat([
      bytes.subarray(0, random.below(bytes.length + 1)),
      other.subarray(random.below(other.length + 1)),
    ]),
  // Two bytes as a length that is far off.
  (bytes, random) => {
    const at = random.below(bytes.length);
    return setOctet(setOctet(bytes, at, 0x82), at + 1, random.pick(INTERESTING));
  },
  (bytes, random) => Buffer.concat([bytes, random.bytes(1 + random.below(8))]),
];

/** One change that knows nothing of what the bytes mean. */
export function mutateBytes(bytes: Buffer, random: Random, other: Buffer): Buffer {
  return random.pick(BYTE_EDITS)(bytes, random, other);
}
