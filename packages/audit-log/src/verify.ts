import type { KeyObject } from 'node:crypto';
import { headHash, NO_PREVIOUS, type SignedHead, verifyHead, verifyHeadBeside } from './head.ts';
import { parseLeaf, wrongPersonal } from './leaf.ts';
import {
  type LeafLine,
  type LogLine,
  parseLogLine,
  type SegmentStart,
  type Subtree,
} from './line.ts';
import { parseSegmentName, SEGMENT_LEAVES } from './segment.ts';
import { splitLines } from './split-lines.ts';
import { leafHash, MerkleTree } from './tree.ts';
import {
  Damage,
  type DamageCode,
  type DamagedLog,
  type LogVerdict,
  type SegmentSource,
} from './verdict.ts';

/** How strictly, and against what. */
export interface VerifyOptions {
  /** A signed head that was kept elsewhere: finds a cut at a head's end. */
  readonly checkpoint?: SignedHead;
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
  const log = new Verification(publicKey, options);
  try {
    for await (const segment of segments) {
      log.beginSegment(segment.name);
      for await (const line of splitLines(segment.bytes)) {
        log.readLine(line.text);
        if (log.signaturesDue) await log.checkSignatures(MAX_SIGNATURES / 2);
      }
      log.endSegment();
    }
    const verdict = log.verdict();
    await log.checkSignatures();
    return verdict;
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    return (await log.badSignature()) ?? error.verdict; // what comes first is named
  }
}

/** Signatures of heads that are on their way: they cost far more than all else. */
const MAX_SIGNATURES = 256;

interface Place {
  readonly segment: string;
  readonly line: number;
}

class Verification {
  readonly #publicKey: KeyObject;
  readonly #checkpoint: SignedHead | null;
  readonly #segmentLeaves: number;
  #tree = new MerkleTree();
  #previous: string | null = NO_PREVIOUS;
  #lastHead: SignedHead | null = null;
  #heads = 0;
  #withheld = 0;
  #removed = 0;
  #comparison: 'none' | 'matches' | 'not-comparable' = 'none';
  #segment = '';
  #first = 0;
  #line = 0;
  #isRemoved = false;
  /** In the order of their lines. */
  #signatures: { readonly isValid: Promise<boolean>; readonly place: Place }[] = [];
  /** First leaf line that no head covers yet. */
  #uncovered: Place | null = null;
  /** First removed segment that no head covers yet. */
  #uncoveredSubtree: Place | null = null;

  constructor(publicKey: KeyObject, options: VerifyOptions) {
    this.#publicKey = publicKey;
    this.#checkpoint = options.checkpoint ?? null;
    this.#segmentLeaves = options.segmentLeaves ?? SEGMENT_LEAVES;
    if (this.#checkpoint?.size === 0) this.#compare();
  }

  get signaturesDue(): boolean {
    return this.#signatures.length >= MAX_SIGNATURES;
  }

  /**
   * Waits for all but the newest `later` signatures.
   *
   * @throws Damage at the first head that the log key did not sign.
   */
  async checkSignatures(later = 0): Promise<void> {
    const damage = await this.badSignature(later);
    if (damage !== null) throw new Damage(damage);
  }

  /** The first head that the log key did not sign; null if it signed all but the newest `later`. */
  async badSignature(later = 0): Promise<DamagedLog | null> {
    const signatures = this.#signatures.splice(0, this.#signatures.length - later);
    let first: Place | null = null;
    for (const { isValid, place } of signatures) {
      if (!(await isValid)) first ??= place;
    }
    if (first === null) return null;
    const reason = 'the head is not signed by this log key';
    return { kind: 'damaged', code: 'bad-signature', ...first, reason };
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
    const size = this.#checkpoint?.size ?? -1;
    if (size > before && size < this.#tree.size) this.#comparison = 'not-comparable';
    this.#uncoveredSubtree ??= { segment: this.#segment, line: 1 };
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
    this.#compare();
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
    const place = { segment: this.#segment, line: this.#line };
    this.#signatures.push({ isValid: verifyHeadBeside(head, this.#publicKey), place });
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
    this.#previous = headHash(head);
    this.#lastHead = head;
    this.#heads += 1;
    this.#uncovered = null;
    this.#uncoveredSubtree = null;
  }

  #compare(): void {
    const checkpoint = this.#checkpoint;
    if (checkpoint === null || checkpoint.size !== this.#tree.size) return;
    if (!verifyHead(checkpoint, this.#publicKey)) {
      this.#damage('checkpoint', 'the checkpoint is not signed by this log key', 1);
    }
    if (checkpoint.root !== this.#tree.root().toString('hex')) {
      this.#damage('checkpoint', `the first ${checkpoint.size} leaves are not the checkpoint's`);
    }
    this.#comparison = 'matches';
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
    const checkpoint = this.#checkpoint;
    if (checkpoint !== null && this.#comparison === 'none') {
      this.#damage(
        'checkpoint',
        `the log ends after ${this.#tree.size} leaves and the checkpoint has ${checkpoint.size}: the end was cut`,
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
      checkpoint: this.#comparison,
    };
  }

  #damage(code: DamageCode, reason: string, line = this.#line): never {
    throw new Damage({ kind: 'damaged', code, segment: this.#segment, line, reason });
  }
}
