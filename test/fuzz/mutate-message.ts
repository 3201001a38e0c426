import { mutateBytes } from './mutate-bytes.ts';
import { mutateText } from './mutate-text.ts';
import { mutateTlv } from './mutate-tlv.ts';
import type { Random } from './random.ts';

interface Block {
  readonly start: number;
  readonly end: number;
  readonly der: Buffer;
}

const BASE64_BLOCK = /(?:\r?\n)\r?\n((?:[A-Za-z0-9+/]{4,}={0,2}\r?\n)+)/g;

/** The base64 bodies of a message that begin as BER does. */
export function cmsBlocks(message: Buffer): Block[] {
  const blocks: Block[] = [];
  for (const match of message.toString('latin1').matchAll(BASE64_BLOCK)) {
    const text = match[1] ?? '';
    const der = Buffer.from(text, 'base64');
    if (der[0] !== 0x30) continue;
    const start = match.index + match[0].length - text.length;
    blocks.push({ start, end: start + text.length, der });
  }
  return blocks;
}

function base64Lines(bytes: Buffer): Buffer {
  const lines = bytes.toString('base64').match(/.{1,76}/g) ?? [];
  return Buffer.from(`${lines.join('\r\n')}\r\n`, 'latin1');
}

/** A change inside a CMS object, which then stands in the message as a sender would write it. */
function mutateInside(message: Buffer, random: Random, other: Buffer): Buffer | null {
  const blocks = cmsBlocks(message);
  if (blocks.length === 0) return null;
  const block = random.pick(blocks);
  const foreign = cmsBlocks(other)[0]?.der ?? block.der;
  const whole = random.below(8) === 0 ? foreign : null;
  const changed = whole ?? mutateTlv(block.der, random, foreign);
  if (changed === null) return null;
  return Buffer.concat([
    message.subarray(0, block.start),
    base64Lines(changed),
    message.subarray(block.end),
  ]);
}

/** One change to a message: to its octets, its lines, or the elements of a CMS object in it. */
export function mutateMessage(message: Buffer, random: Random, other: Buffer): Buffer {
  const dice = random.below(10);
  const inside = dice < 5 ? mutateInside(message, random, other) : null;
  if (inside !== null) return inside;
  return dice < 9 ? mutateText(message, random, other) : mutateBytes(message, random, other);
}

/** One change to BER: to its elements, or blindly. */
export function mutateBer(bytes: Buffer, random: Random, other: Buffer): Buffer {
  const changed = random.below(8) === 0 ? null : mutateTlv(bytes, random, other);
  return changed ?? mutateBytes(bytes, random, other);
}
