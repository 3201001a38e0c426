/** Retention: old segments of a log are replaced by the root over their leaves. */
import type { KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type AuditEvent,
  formatSubtreeLine,
  type LogLine,
  leafHash,
  MerkleTree,
  parseLogLine,
  readEvent,
  readEvents,
  SEGMENT_LEAVES,
  type SignedHead,
  splitLines,
  verifyHead,
} from '@sallyport/audit-log';
import { type SegmentFile, segmentFiles } from './folder.ts';

/** A segment that may go, with all that is known of it afterwards. */
export type RemovableSegment = Omit<AuditEvent & { readonly kind: 'log-retained' }, 'kind'>;

/** A segment that is old enough, and why it stays all the same. */
export interface KeptSegment {
  readonly segment: string;
  readonly reason: string;
}

/** What retention would do. */
export interface RetentionPlan {
  readonly remove: readonly RemovableSegment[];
  readonly keep: readonly KeptSegment[];
}

/** What may go. */
export interface RetentionOptions {
  readonly before: Date;
  /** Of the log. */
  readonly publicKey: KeyObject;
  /** Only for tests: leaves of a segment. */
  readonly segmentLeaves?: number;
}

/**
 * Finds the segments whose events were all recorded before a time. The segment that the log ends in
 * always stays, and so does one with a use of a key that nobody knows the end of, or one that is not
 * in order under its own signed head.
 */
export async function planRetention(folder: string, of: RetentionOptions): Promise<RetentionPlan> {
  const files = await segmentFiles(folder);
  const remove: RemovableSegment[] = [];
  const keep: KeptSegment[] = [];
  for (const [at, file] of files.slice(0, -1).entries()) {
    const read = await readSegment(file, of);
    // A clock that was wrong may have made one of them younger than those after it.
    if (read === 'younger' || read === 'removed') continue;
    if (typeof read === 'string') keep.push({ segment: file.name, reason: read });
    else if (await staysOpen(read.intents, files.slice(at + 1))) {
      const reason = 'a use of a key in it has no outcome yet';
      keep.push({ segment: file.name, reason });
    } else remove.push(read.found);
  }
  return { remove, keep };
}

interface ReadSegment {
  readonly found: RemovableSegment;
  /** Uses of keys whose outcome is not in this segment. */
  readonly intents: Set<number>;
}

async function readSegment(
  file: SegmentFile,
  of: RetentionOptions,
): Promise<ReadSegment | 'younger' | 'removed' | string> {
  const walk = new SegmentWalk(file);
  for await (const { text } of splitLines(createReadStream(file.path))) {
    const line = text === null ? null : parseLogLine(text);
    if (line !== null && 'subtree' in line) return 'removed';
    if (line === null || !walk.take(line)) return 'it is not in order: verify the log';
    if (walk.newest >= of.before.getTime()) return 'younger';
  }
  return walk.end(of) ?? 'it is not whole under a head of this log key: verify the log';
}

class SegmentWalk {
  readonly #file: SegmentFile;
  #tree: MerkleTree | null = null;
  readonly #own = new MerkleTree();
  readonly #intents = new Set<number>();
  #head: SignedHead | null = null;
  #oldest = Number.POSITIVE_INFINITY;
  #newest = Number.NEGATIVE_INFINITY;

  constructor(file: SegmentFile) {
    this.#file = file;
  }

  get newest(): number {
    return this.#newest;
  }

  take(line: LogLine): boolean {
    if ('segment' in line) {
      const nodes = line.segment.frontier.map((node) => Buffer.from(node, 'hex'));
      const isFirst = this.#tree === null && line.segment.first === this.#file.first;
      if (isFirst) this.#tree = treeOf(line.segment.first, nodes);
      return isFirst && this.#tree !== null;
    }
    if ('head' in line) {
      this.#head = line.head;
      return true;
    }
    const event = readEvent(line);
    if (event?.index !== this.#tree?.size || event === null || !('leaf' in line)) return false;
    const hash = leafHash(line.leaf);
    this.#tree?.append(hash);
    this.#own.append(hash);
    const at = Date.parse(event.time);
    this.#oldest = Math.min(this.#oldest, at);
    this.#newest = Math.max(this.#newest, at);
    if (event.kind === 'key-intent') this.#intents.add(event.index);
    if (event.kind === 'key-outcome') this.#intents.delete(Number(event.facts['intent']));
    return !Number.isNaN(at);
  }

  /** Null unless the segment is whole and its last head signs exactly what was read. */
  end({ publicKey, segmentLeaves = SEGMENT_LEAVES }: RetentionOptions): ReadSegment | null {
    const head = this.#head;
    const tree = this.#tree;
    if (head === null || tree === null || this.#own.size !== segmentLeaves) return null;
    const fits = head.size === tree.size && head.root === tree.root().toString('hex');
    if (!fits || !verifyHead(head, publicKey)) return null;
    const found = {
      segment: this.#file.name,
      first: this.#file.first,
      leaves: this.#own.size,
      root: this.#own.root().toString('hex'),
      from: new Date(this.#oldest).toISOString(),
      to: new Date(this.#newest).toISOString(),
    };
    return { found, intents: this.#intents };
  }
}

function treeOf(size: number, frontier: readonly Buffer[]): MerkleTree | null {
  try {
    return new MerkleTree(size, frontier);
  } catch {
    return null;
  }
}

/** True if some of these uses has no outcome in the later segments either. */
async function staysOpen(intents: Set<number>, later: readonly SegmentFile[]): Promise<boolean> {
  const open = new Set(intents);
  for (const file of later) {
    if (open.size === 0) return false;
    const source = [{ name: file.name, bytes: createReadStream(file.path) }];
    for await (const event of readEvents(source, { kinds: ['key-outcome'] })) {
      open.delete(Number(event.facts['intent']));
    }
  }
  return open.size > 0;
}

/**
 * Puts the root over its leaves in the place of a segment: written beside it, synced, renamed over
 * it, and the folder synced, so that a crash leaves the one or the other. Record it first.
 */
export async function removeSegment(folder: string, one: RemovableSegment): Promise<void> {
  const path = join(folder, one.segment);
  const { uid, gid, mode } = await stat(path);
  const beside = `${path}.root`;
  await rm(beside, { force: true }); // a crash may have left it
  const file = await open(beside, 'wx', mode & 0o777);
  try {
    await file.writeFile(formatSubtreeLine(one));
    if (process.getuid?.() === 0) await file.chown(uid, gid);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
  const names = await open(dirname(path), 'r');
  try {
    await names.sync();
  } finally {
    await names.close();
  }
}
