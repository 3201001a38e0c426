import { createHash, randomBytes } from 'node:crypto';

declare const tag: unique symbol;
type Tagged<Base, Name extends string> = Base & { readonly [tag]: Name };

/** Names one accepted message: 10 characters of time, 10 that cannot be guessed. Sorts by age. */
export type QueueId = Tagged<string, 'QueueId'>;

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const QUEUE_ID = /^[0-9a-hjkmnp-tv-z]{20}$/;

/** A new id for the given moment; 50 random bits keep it apart from others of that millisecond. */
export function newQueueId(now: Date): QueueId {
  let time = now.getTime();
  let head = '';
  for (let i = 0; i < 10; i += 1) {
    head = `${ALPHABET[time % 32]}${head}`;
    time = Math.floor(time / 32);
  }
  let tail = '';
  for (const byte of randomBytes(10)) tail += ALPHABET[byte & 31];
  return `${head}${tail}` as QueueId;
}

/** When the message was taken: milliseconds since the Unix epoch. */
export function queueIdTime(id: QueueId): number {
  let time = 0;
  for (const character of id.slice(0, 10)) time = time * 32 + ALPHABET.indexOf(character);
  return time;
}

/** @returns null if the text is no queue id; an id is safe as a file name. */
export function parseQueueId(text: string): QueueId | null {
  return QUEUE_ID.test(text) ? (text as QueueId) : null;
}

/**
 * The id of something made from `parent`: the same for the same label, so that work done again
 * after a crash lands in the same file instead of in a second one.
 */
export function childQueueId(parent: QueueId, label: string): QueueId {
  const digest = createHash('sha256').update(`${parent}\n${label}`).digest();
  let tail = '';
  for (const byte of digest.subarray(0, 10)) tail += ALPHABET[byte & 31];
  return `${parent.slice(0, 10)}${tail}` as QueueId;
}
