import type { KeyObject } from 'node:crypto';
import { Checkpoints, foreignHead } from './checkpoints.ts';
import { headHash, NO_PREVIOUS, type SignedHead } from './head.ts';
import { HeadSignatures } from './head-signatures.ts';
import { parseLeaf, wrongPersonal } from './leaf.ts';
import {
  type LeafLine,
  type LogLine,
  parseLogLine,
  type SegmentStart,
  type Subtree,
} from './line.ts';
import { parseSegmentName, SEGMENT_LEAVES, segmentName } from './segment.ts';
import { splitLines } from './split-lines.ts';
import { leafHash, MerkleTree } from './tree.ts';
import {
  Damage,
  type DamageCode,
  type DamagedLog,
  type LogVerdict,
  type Place,
  type SegmentSource,
} from './verdict.ts';

/** How strictly, and against what. */
export interface VerifyOptions {
  /** Signed heads that were kept elsewhere, each compared: they find a cut at a head's end, and a log made anew. */
  readonly checkpoints?: readonly SignedHead[];
  /** Only for tests: leaves of a segment. */
  readonly segmentLeaves?: number;
}

/**
 * Verifies a whole log offline: finds the first edit, deletion, reorder or replay.
 * `segments` come in the order of their names. A cut at a head's end is found only against a checkpoint.
 */
export async function verifyLog(
  segments: AsyncIterable<SegmentSource> | Iterable<SegmentSource>,
  publicKey: KeyObject,
  options: VerifyOptions = {},
): Promise<LogVerdict> {
  const foreign = foreignHead(options.checkpoints ?? [], publicKey);
  if (foreign !== null) return foreignCheckpoint(foreign);
  const signatures = new HeadSignatures(publicKey);
  const verdict = await walkThrough(segments, new Verification(signatures, options), signatures);
  return (await signatures.firstBad()) ?? verdict; // what comes first is named
}

async function walkThrough(
  segments: AsyncIterable<SegmentSource> | Iterable<SegmentSource>,
  log: Verification,
  signatures: HeadSignatures,
): Promise<LogVerdict> {
  try {
    for await (const segment of segments) {
      log.beginSegment(segment.name);
      for await (const line of splitLines(segment.bytes)) {
        log.readLine(line.text);
        const bad = signatures.areDue ? await signatures.firstBad('older-half') : null;
        if (bad !== null) return bad;
      }
      log.endSegment();
    }
    return log.verdict();
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    return error.verdict;
  }
}

/** It says nothing of a line: the first one stands for the whole log. */
function foreignCheckpoint({ size }: SignedHead): DamagedLog {
  const reason = `the checkpoint of ${size} events is not signed by this log key: one of the two is of another log, or forged`;
  return { kind: 'damaged', code: 'checkpoint', segment: segmentName(0), line: 1, reason };
}

class Verification {
  readonly #signatures: HeadSignatures;
  readonly #checkpoints: Checkpoints;
  readonly #segmentLeaves: number;
  #tree = new MerkleTree();
  #previous: string | null = NO_PREVIOUS;
  #lastHead: SignedHead | null = null;
  #heads = 0;
  #withheld = 0;
  #removed = 0;
  #segment = '';
  #first = 0;
  #line = 0;
  #isRemoved = false;
  /** First leaf line that no head covers yet. */
  #uncovered: Place | null = null;
  /** First removed segment that no head covers yet. */
  #uncoveredSubtree: Place | null = null;
  /** The last removed segment, until an event says that retention removed it. */
  #unrecorded: { readonly subtree: Subtree; readonly place: Place } | null = null;
  /** Where a checkpoint is of other leaves; the next head tells first whether these are its own. */
  #differs: Place | null = null;

  constructor(signatures: HeadSignatures, options: VerifyOptions) {
    this.#signatures = signatures;
    this.#checkpoints = new Checkpoints(options.checkpoints ?? []);
    this.#segmentLeaves = options.segmentLeaves ?? SEGMENT_LEAVES;
    this.#compare();
  }

  beginSegment(name: string): void {
    if (this.#uncovered !== null) this.#tornTail();
    this.#segment = name;
    this.#line = 0;
    this.#isRemoved = false;
    this.#first = this.#tree.size;
    const first = parseSegmentName(name);
    if (first !== this.#tree.size || first % this.#segmentLeaves !== 0) {
      this.#damage(
        'wrong-segment',
        `the segment with leaf ${this.#tree.size} should stand here: one is missing, renamed or cut short`,
        1,
      );
    }
  }

  readLine(text: string | null): void {
    this.#line += 1;
    const line = text === null ? null : parseLogLine(text);
    if (line === null) this.#damage('bad-line', 'this is no whole line of a log');
    if (this.#isRemoved) this.#damage('bad-line', 'nothing may follow a subtree root');
    this.#take(line);
  }

  #take(line: LogLine): void {
    if (this.#line === 1) {
      if ('segment' in line) this.#takeStart(line.segment);
      else if ('subtree' in line) this.#takeSubtree(line.subtree);
      else this.#damage('bad-line', 'a segment must begin with its own line');
    } else if ('leaf' in line) this.#takeLeaf(line);
    else if ('head' in line) this.#takeHead(line.head);
    else this.#damage('bad-line', 'this line may only stand first');
  }

  endSegment(): void {
    if (this.#line === 0) this.#damage('bad-line', 'the segment is empty', 1);
    if (this.#line === 1 && !this.#isRemoved) this.#tornTail(); // it began, and no head came
  }

  #takeStart(start: SegmentStart): void {
    const frontier = this.#tree.frontier.map((node) => node.toString('hex'));
    // After a removed segment its last head is gone: what this line names is all there is.
    const previous = this.#previous ?? start.previous;
    const agrees =
      start.first === this.#first &&
      start.previous === previous &&
      start.frontier.join() === frontier.join();
    if (!agrees)
      this.#damage('wrong-segment', 'the segment does not follow from what is before it');
    this.#previous = previous;
  }

  #takeSubtree(subtree: Subtree): void {
    if (subtree.first !== this.#first || subtree.leaves !== this.#segmentLeaves) {
      this.#damage('wrong-segment', 'the subtree root is of another run of leaves');
    }
    const before = this.#tree.size;
    this.#tree.appendSubtree(Buffer.from(subtree.root, 'hex'), subtree.leaves);
    this.#removed += subtree.leaves;
    this.#isRemoved = true;
    this.#previous = null;
    this.#checkpoints.skip(before, this.#tree.size);
    const place = { segment: this.#segment, line: 1 };
    this.#uncoveredSubtree ??= place;
    // Of one before it the record may be in this one.
    this.#unrecorded = { subtree, place };
    this.#compare();
  }

  #takeLeaf(line: LeafLine): void {
    const expected = this.#tree.size;
    const content = parseLeaf(line.leaf);
    if (content !== null && content.index !== expected) {
      this.#damage(
        'wrong-index',
        `leaf ${content.index} stands where leaf ${expected} should: lines were deleted, moved or repeated`,
      );
    }
    const hash = leafHash(line.leaf);
    if (content === null || hash.toString('hex') !== line.hash) {
      this.#damage('edited-leaf', `leaf ${expected} is not what its hash was made of`);
    }
    if (expected >= this.#first + this.#segmentLeaves) {
      this.#damage('wrong-segment', 'the segment has more leaves than it may');
    }
    this.#checkPersonal(line, content.personal ?? {});
    this.#uncovered ??= { segment: this.#segment, line: this.#line };
    this.#tree.append(hash);
    if (content.kind === 'log-retained') this.#takeRetained(content);
    this.#compare();
  }

  #takeRetained(event: Readonly<Record<string, unknown>>): void {
    const { subtree } = this.#unrecorded ?? {};
    if (event['first'] === subtree?.first && event['root'] === subtree?.root) {
      this.#unrecorded = null;
    }
  }

  #checkPersonal(line: LeafLine, hashes: Readonly<Record<string, string>>): void {
    const values = line.personal ?? {};
    const wrong = wrongPersonal(values, hashes);
    if (wrong !== null) {
      this.#damage('edited-personal', `the value of ${wrong} is not the one that was recorded`);
    }
    this.#withheld += Object.keys(hashes).length - Object.keys(values).length;
  }

  #takeHead(head: SignedHead): void {
    this.#signatures.add(head, { segment: this.#segment, line: this.#line });
    if (head.previous !== this.#previous) {
      this.#damage('wrong-head', 'the head does not follow the one before it');
    }
    if (head.size !== this.#tree.size) {
      this.#damage(
        'wrong-head',
        `the head covers ${head.size} leaves and ${this.#tree.size} are here: lines were added or deleted`,
      );
    }
    if (head.root !== this.#tree.root().toString('hex')) {
      const here = { segment: this.#segment, line: this.#line };
      const from = this.#uncoveredSubtree ?? this.#uncovered ?? here;
      throw new Damage({
        kind: 'damaged',
        code: 'edited-leaf',
        ...from,
        reason: `the signed root differs: a leaf between here and line ${this.#line} of ${this.#segment} was edited together with its hash`,
      });
    }
    if (this.#differs !== null) {
      const reason = `the leaves up to here are not those of a checkpoint that was kept elsewhere`;
      throw new Damage({ kind: 'damaged', code: 'checkpoint', ...this.#differs, reason });
    }
    this.#previous = headHash(head);
    this.#lastHead = head;
    this.#heads += 1;
    this.#uncovered = null;
    this.#uncoveredSubtree = null;
  }

  #compare(): void {
    if (this.#checkpoints.agree(this.#tree.size, () => this.#tree.root())) return;
    this.#differs ??= { segment: this.#segment, line: Math.max(1, this.#line) };
  }

  #tornTail(): never {
    const here = { segment: this.#segment, line: this.#line };
    const from = this.#uncoveredSubtree ?? this.#uncovered ?? here;
    throw new Damage({
      kind: 'damaged',
      code: 'torn-tail',
      ...from,
      reason: 'no signed head covers the lines from here on',
    });
  }

  verdict(): LogVerdict {
    if (this.#uncovered !== null || this.#uncoveredSubtree !== null) this.#tornTail();
    if (this.#unrecorded !== null) {
      const reason =
        'the segment gave way to its root, and no event says that retention removed it';
      const { place } = this.#unrecorded;
      throw new Damage({ kind: 'damaged', code: 'unrecorded-removal', ...place, reason });
    }
    const { longest, comparison } = this.#checkpoints;
    if (longest > this.#tree.size) {
      this.#damage(
        'checkpoint',
        `the log ends after ${this.#tree.size} leaves and the checkpoint has ${longest}: the end was cut`,
        Math.max(1, this.#line),
      );
    }
    return {
      kind: 'ok',
      size: this.#tree.size,
      root: this.#tree.root().toString('hex'),
      heads: this.#heads,
      lastHead: this.#lastHead,
      withheld: this.#withheld,
      removedLeaves: this.#removed,
      checkpoint: comparison,
    };
  }

  #damage(code: DamageCode, reason: string, line = this.#line): never {
    throw new Damage({ kind: 'damaged', code, segment: this.#segment, line, reason });
  }
}
