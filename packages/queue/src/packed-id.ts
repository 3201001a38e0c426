import { parseQueueId, type QueueId } from '@sallyport/mail';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const HALF_CHARS = 10; // 50 bits, which a double holds exactly

const VALUES = new Uint8Array(128);
for (const [value, letter] of [...ALPHABET].entries()) VALUES[letter.charCodeAt(0)] = value;

/** Ten characters of a queue id as a number below 2^50: the time half (0) or the random half (1). */
export function packHalf(id: QueueId, half: 0 | 1): number {
  let value = 0;
  const start = half * HALF_CHARS;
  for (let i = start; i < start + HALF_CHARS; i += 1) {
    value = value * 32 + (VALUES[id.charCodeAt(i)] ?? 0);
  }
  return value;
}

/** The queue id of its two halves. @throws RangeError if they are none. */
export function unpackId(time: number, random: number): QueueId {
  const id = parseQueueId(unpackHalf(time) + unpackHalf(random));
  if (id === null) throw new RangeError(`not the halves of a queue id: ${time}, ${random}`);
  return id;
}

function unpackHalf(half: number): string {
  let value = half;
  let text = '';
  for (let i = 0; i < HALF_CHARS; i += 1) {
    text = `${ALPHABET[value % 32]}${text}`;
    value = Math.floor(value / 32);
  }
  return text;
}
