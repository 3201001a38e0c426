import { createHash, type KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat, truncate, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import {
  headHash,
  KEY_OPERATIONS,
  type LogLine,
  leafHash,
  MerkleTree,
  parseLeaf,
  parseLogLine,
  parseSegmentName,
  type SignedHead,
  splitLines,
  verifyHead,
} from '@sallyport/audit-log';
import { AcceptedIds, type OpenIntents } from './known-ids.ts';
import { syncFolder } from './segment-file.ts';

/** Segments read again at start for what later events refer to. */
const REBUILD_SEGMENTS = 8;

/** What was after the last head, and is gone. */
interface Cut {
  readonly segment: string;
  readonly cutBytes: number;
  readonly cutLines: number;
  readonly cutDigest: string;
}

/** Where the log ends and what is open in it. */
export interface RecoveredLog {
  readonly tree: MerkleTree;
  readonly lastHead: SignedHead | null;
  /** Name of the segment that the log ends in, and how many of its bytes a head covers. */
  readonly segment: { readonly name: string; readonly sizeBytes: number } | null;
  readonly cut: Cut | null;
  readonly accepted: AcceptedIds;
  readonly openIntents: OpenIntents;
}

/** The log is not what this recorder wrote: a person must look at it. */
class LogDamaged extends Error {
  override readonly name = 'LogDamaged';
}

/**
 * Reads the end of the log, cuts a torn tail, and rebuilds what is known of the rest.
 *
 * @throws LogDamaged if anything before a signed head is not in order; nothing is cut then.
 */
export async function recoverLog(folder: string, publicKey: KeyObject): Promise<RecoveredLog> {
  const names = (await readdir(folder)).filter((name) => parseSegmentName(name) !== null).sort();
  const known = { accepted: new AcceptedIds(), openIntents: new Map() as OpenIntents };
  const end = await findEnd(folder, names, publicKey);
  const whole = names.slice(0, names.indexOf(end.segment?.name ?? '') + 1);
  for (const name of whole.slice(-REBUILD_SEGMENTS)) {
    await learn(join(folder, name), known);
  }
  return { ...end, ...known };
}

type LogEnd = Omit<RecoveredLog, 'accepted' | 'openIntents'>;

/** The last segment that ends in a head; a newer one without any head is a torn beginning and goes. */
async function findEnd(
  folder: string,
  names: readonly string[],
  publicKey: KeyObject,
): Promise<LogEnd> {
  const name = names.at(-1);
  if (name === undefined) return EMPTY;
  const path = join(folder, name);
  const { tree, lastHead, goodBytes } = await readSegment(path, name, publicKey);
  if (lastHead !== null) {
    const isWhole = goodBytes === (await stat(path)).size;
    const cut = isWhole ? null : await cutTail({ path, name, from: goodBytes });
    return { tree, lastHead, segment: { name, sizeBytes: goodBytes }, cut };
  }
  const before = await wholeEnd(folder, names.at(-2), publicKey);
  if (before.tree.size !== parseSegmentName(name)) {
    throw new LogDamaged(`${name} does not follow from the segment before it: verify the log`);
  }
  const cut = await cutTail({ path, name, from: 0 });
  await unlink(path);
  await syncFolder(folder);
  return { ...before, cut };
}

const EMPTY: LogEnd = { tree: new MerkleTree(), lastHead: null, segment: null, cut: null };

/** The end of the segment before a torn one. @throws LogDamaged unless it ends in a signed head. */
async function wholeEnd(
  folder: string,
  name: string | undefined,
  publicKey: KeyObject,
): Promise<LogEnd> {
  if (name === undefined) return EMPTY;
  const path = join(folder, name);
  const { tree, lastHead, goodBytes } = await readSegment(path, name, publicKey);
  if (lastHead === null || goodBytes !== (await stat(path)).size) {
    throw new LogDamaged(`${name} ends without a signed head: verify the log`);
  }
  return { tree, lastHead, segment: { name, sizeBytes: goodBytes }, cut: null };
}

interface SegmentEnd {
  readonly tree: MerkleTree;
  readonly lastHead: SignedHead | null;
  readonly goodBytes: number;
}

async function readSegment(path: string, name: string, publicKey: KeyObject): Promise<SegmentEnd> {
  const walk = new SegmentWalk(name);
  let number = 0;
  for await (const raw of splitLines(createReadStream(path))) {
    number += 1;
    const line = raw.text === null ? null : parseLogLine(raw.text);
    walk.take(line, { number, endOffset: raw.offset + raw.sizeBytes });
  }
  const end = walk.end();
  if (end.lastHead !== null && !verifyHead(end.lastHead, publicKey)) {
    throw new LogDamaged(`the last head of ${name} is not signed by this log key`);
  }
  return end;
}

interface LinePlace {
  readonly number: number;
  readonly endOffset: number;
}

/** Follows one segment's lines to its last head that fits them. */
class SegmentWalk {
  readonly #name: string;
  #tree: MerkleTree | null = null;
  #good: SegmentEnd = { tree: new MerkleTree(), lastHead: null, goodBytes: 0 };
  #badLine: number | null = null;

  constructor(name: string) {
    this.#name = name;
  }

  take(line: LogLine | null, place: LinePlace): void {
    if (this.#badLine === null && this.#fits(line, place)) return;
    this.#badLine ??= place.number;
    if (line !== null && 'head' in line) {
      throw new LogDamaged(
        `${this.#name} is damaged at line ${this.#badLine}, before a signed head: verify the log`,
      );
    }
  }

  #fits(line: LogLine | null, place: LinePlace): boolean {
    if (line === null) return false;
    if ('subtree' in line) {
      throw new LogDamaged(`of ${this.#name} only the root is left: verify the log`);
    }
    if ('segment' in line) {
      const { first, frontier } = line.segment;
      if (place.number !== 1 || first !== parseSegmentName(this.#name)) return false;
      this.#tree = treeOf(first, frontier);
      return this.#tree !== null;
    }
    if (this.#tree === null) return false;
    if ('leaf' in line) {
      if (parseLeaf(line.leaf)?.index !== this.#tree.size) return false;
      this.#tree.append(leafHash(line.leaf));
      return true;
    }
    const { head } = line;
    const before = this.#good.lastHead;
    if (head.size !== this.#tree.size || head.root !== this.#tree.root().toString('hex')) {
      return false;
    }
    if (before !== null && head.previous !== headHash(before)) return false;
    this.#good = { tree: this.#tree.clone(), lastHead: head, goodBytes: place.endOffset };
    return true;
  }

  end(): SegmentEnd {
    return this.#good;
  }
}

function treeOf(size: number, frontier: readonly string[]): MerkleTree | null {
  try {
    const nodes = frontier.map((node) => Buffer.from(node, 'hex'));
    return new MerkleTree(size, nodes);
  } catch {
    return null;
  }
}

async function cutTail(tail: { path: string; name: string; from: number }): Promise<Cut> {
  const digest = createHash('sha256');
  let cutBytes = 0;
  let cutLines = 0;
  for await (const chunk of createReadStream(tail.path, { start: tail.from })) {
    const bytes = chunk as Buffer;
    digest.update(bytes);
    cutBytes += bytes.length;
    for (const byte of bytes) if (byte === 0x0a) cutLines += 1;
  }
  await truncate(tail.path, tail.from);
  return { segment: tail.name, cutBytes, cutLines, cutDigest: digest.digest('hex') };
}

const OPERATIONS = KEY_OPERATIONS.join('|');

/**
 * The beginning of a leaf line that later events may refer to, as this recorder writes it. Anchored,
 * so that nothing within a text can look like it; a start reads half a million lines with it.
 */
const REFERRED = new RegExp(
  [
    String.raw`^\{"leaf":"\{\\"index\\":(?<index>\d+),\\"time\\":\\"[^"\\]*\\"`,
    String.raw`,\\"kind\\":\\"(?<kind>accepted|dsn-created|key-intent|key-outcome)\\"`,
    String.raw`,\\"queueId\\":\\"(?<queueId>[0-9a-z]{20})\\"`,
    String.raw`(?:,\\"dsnId\\":\\"(?<dsnId>[0-9a-z]{20})\\")?`,
    String.raw`(?:,\\"keyId\\":\\"(?<keyId>[a-z0-9._-]+)\\",\\"operation\\":\\"(?<operation>${OPERATIONS})\\")?`,
    String.raw`(?:,\\"intent\\":(?<intent>\d+))?`,
  ].join(''),
);

/** Gathers accepted queue ids and open intents from one segment. */
async function learn(
  path: string,
  known: { accepted: AcceptedIds; openIntents: OpenIntents },
): Promise<void> {
  for await (const { text } of splitLines(createReadStream(path))) {
    const fields = text === null ? null : REFERRED.exec(text)?.groups;
    if (fields === null || fields === undefined) continue;
    learnFields(fields, known);
  }
}

function learnFields(
  fields: Readonly<Record<string, string | undefined>>,
  known: { accepted: AcceptedIds; openIntents: OpenIntents },
): void {
  const { index, kind, queueId = '', dsnId = '', keyId = '', operation, intent } = fields;
  if (kind === 'accepted') known.accepted.add(queueId);
  if (kind === 'dsn-created') known.accepted.add(dsnId);
  if (kind === 'key-outcome') known.openIntents.delete(Number(intent));
  if (kind === 'key-intent') {
    const use = KEY_OPERATIONS.find((one) => one === operation) ?? 'unwrap';
    known.openIntents.set(Number(index), { queueId, keyId, operation: use });
  }
}
