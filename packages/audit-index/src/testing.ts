import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import {
  type AuditEvent,
  auditEventSchema,
  composeCommit,
  LOG_KEY_FILE,
  MerkleTree,
  SEGMENT_LEAVES,
  type SignedHead,
  segmentName,
} from '@sallyport/audit-log';
import { newQueueId, type QueueId } from '@sallyport/mail';
import { type AuditIndex, type MessageSummary, openAuditIndex } from './index.ts';

const root = mkdtempSync(join(tmpdir(), 'audit-index-'));
after(() => rmSync(root, { recursive: true }));
let count = 0;

/** A folder of its own for one test. */
export function newFolder(): string {
  count += 1;
  const folder = join(root, String(count));
  mkdirSync(folder);
  return folder;
}

const START = Date.parse('2026-11-21T04:00:00Z');

/** A log that a test writes, a minute for each event and head. */
export class TestLog {
  readonly folder = join(newFolder(), 'audit');
  readonly publicKey: KeyObject;
  readonly #privateKey: KeyObject;
  readonly #leaves: number;
  #tree = new MerkleTree();
  #head: SignedHead | null = null;
  #now = START;

  constructor(segmentLeaves = SEGMENT_LEAVES) {
    this.#leaves = segmentLeaves;
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    this.publicKey = publicKey;
    this.#privateKey = privateKey;
    mkdirSync(this.folder);
    const pem = publicKey.export({ type: 'spki', format: 'pem' });
    writeFileSync(join(this.folder, LOG_KEY_FILE), pem);
  }

  get head(): SignedHead | null {
    return this.#head;
  }

  get segment(): string {
    return join(this.folder, segmentName(this.#tree.size - (this.#tree.size % this.#leaves)));
  }

  /** Appends events, all under one head, or under one for each segment that they fill. */
  add(...events: readonly object[]): this {
    const parsed = events.map((event): AuditEvent => auditEventSchema.parse(event));
    this.addParsed(parsed);
    return this;
  }

  addParsed(events: readonly AuditEvent[]): void {
    for (let done = 0; done < events.length; ) {
      const at = this.#tree.size % this.#leaves;
      const taken = events.slice(done, done + this.#leaves - at);
      const path = this.segment;
      const commit = composeCommit(taken, {
        tree: this.#tree,
        lastHead: this.#head,
        beginsSegment: at === 0,
        privateKey: this.#privateKey,
        clock: { now: () => this.#tick() },
      });
      appendFileSync(path, commit.bytes);
      this.#tree = commit.tree;
      this.#head = commit.head;
      done += taken.length;
    }
  }

  /** What is added from here on is of this time and later. */
  from(time: Date): this {
    this.#now = time.getTime();
    return this;
  }

  #tick(): Date {
    this.#now += 60_000;
    return new Date(this.#now);
  }

  /** A fresh index over it, up to date. */
  async index(file = join(newFolder(), 'index.sqlite')): Promise<AuditIndex> {
    const index = await openAuditIndex({
      auditFolder: this.folder,
      file,
      segmentLeaves: this.#leaves,
    });
    await index.catchUp();
    return index;
  }
}

export const newId = (): QueueId => newQueueId(new Date(START));

/** An outward message to these recipients. */
export function accepted(queueId: string, ...to: readonly string[]): object {
  return {
    kind: 'accepted',
    queueId,
    origin: 'outward',
    sizeBytes: 1,
    recipients: to.length,
    personal: { reversePath: 'alice@acme.example', ...pathsOf(to) },
  };
}

/** What egress tells of an output. */
export function delivered(kind: string, queueId: string, ...to: readonly string[]): object {
  const sentence = `${kind} for ${to.length}`;
  const fault = kind === 'relayed' ? {} : { fault: 'next-hop-refused' };
  const personal = { reversePath: 'alice@acme.example', ...pathsOf(to) };
  return { kind, queueId, recipients: to.length, sentence, ...fault, personal };
}

/** The decision for so many, and the output made by it. */
export function protectedAs(queueId: string, output: string, recipients: number): object[] {
  return [
    { kind: 'decided', queueId, decision: 'protect', recipients },
    {
      kind: 'protected',
      queueId,
      outputs: [{ id: output, folder: 'outgoing' }],
      signed: true,
      encryption: 'domain',
    },
  ];
}

/** As ingress and egress name them. */
function pathsOf(to: readonly string[]): Record<string, string> {
  const paths: Record<string, string> = {};
  for (const [n, path] of to.entries()) paths[n === 0 ? 'forwardPath' : `forwardPath.${n}`] = path;
  return paths;
}

/** What the index says of one message of a log with just these events. */
export async function summaryOf(
  queueId: string,
  ...events: readonly object[]
): Promise<MessageSummary> {
  const index = await new TestLog().add(...events).index();
  const found = index.messages({ queueId, limit: 10 }).messages;
  index.close();
  assert.equal(found.length, 1);
  const [summary] = found;
  assert.ok(summary);
  return summary;
}
