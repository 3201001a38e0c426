import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type AuditEvent,
  auditEventSchema,
  formatHeadLine,
  formatLeafLine,
  formatSegmentLine,
  formatSubtreeLine,
  headHash,
  leafHash,
  leafOf,
  MerkleTree,
  NO_PREVIOUS,
  proveEvent,
  recentEvents,
  type SegmentSource,
  type SignedHead,
  segmentName,
  signHead,
  verifyEventProof,
  verifyLog,
} from './index.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const time = new Date('2026-11-21T04:00:00Z');
const SEGMENT = 8;

function event(i: number): AuditEvent {
  return auditEventSchema.parse({
    kind: 'accepted',
    queueId: '0123456789abcdefghjk',
    origin: 'outward',
    sizeBytes: i,
    personal: { reversePath: `alice${i}@acme.example`, login: 'alice' },
  });
}

interface Built {
  readonly segments: Map<string, string[]>;
  readonly heads: SignedHead[];
  readonly subtrees: Buffer[];
}

/** A log of `size` leaves, a head after every `group` of them. */
function build(size: number, group = 2, key = privateKey, last = event(size - 1)): Built {
  const segments = new Map<string, string[]>();
  const heads: SignedHead[] = [];
  const subtrees: Buffer[] = [];
  const tree = new MerkleTree();
  let part = new MerkleTree();
  let previous = NO_PREVIOUS;
  let lines: string[] = [];
  for (let i = 0; i < size; i += 1) {
    if (i % SEGMENT === 0) {
      if (i > 0) subtrees.push(part.root());
      part = new MerkleTree();
      const frontier = tree.frontier.map((node) => node.toString('hex'));
      lines = [formatSegmentLine({ first: i, frontier, previous })];
      segments.set(segmentName(i), lines);
    }
    const recorded = i + 1 === size ? last : event(i);
    const leaf = leafOf(recorded, { index: i, time, salt: () => `${i}`.padStart(32, '0') });
    lines.push(formatLeafLine(leaf));
    tree.append(leafHash(leaf.leaf));
    part.append(leafHash(leaf.leaf));
    if ((i + 1) % group === 0 || (i + 1) % SEGMENT === 0 || i + 1 === size) {
      const facts = { size: i + 1, root: tree.root().toString('hex'), time: time.toISOString() };
      const head = signHead({ ...facts, previous }, key);
      previous = headHash(head);
      heads.push(head);
      lines.push(formatHeadLine(head));
    }
  }
  return { segments, heads, subtrees };
}

function sources(segments: ReadonlyMap<string, readonly string[]>): SegmentSource[] {
  return [...segments].map(([name, lines]) => ({ name, bytes: [Buffer.from(lines.join(''))] }));
}

const check = (
  segments: ReadonlyMap<string, readonly string[]>,
  { checkpoint }: { checkpoint?: SignedHead } = {},
) =>
  verifyLog(sources(segments), publicKey, {
    segmentLeaves: SEGMENT,
    ...(checkpoint === undefined ? {} : { checkpoints: [checkpoint] }),
  });

/** Changes the lines of one segment; `at` is a 0-based line. */
async function damaged(
  change: (lines: string[]) => string[],
  options: { name?: string; checkpoint?: SignedHead } = {},
) {
  const { segments } = build(20);
  const name = options.name ?? segmentName(8);
  segments.set(name, change(segments.get(name) ?? []));
  const { checkpoint } = options;
  return await check(segments, checkpoint === undefined ? {} : { checkpoint });
}

function damageAt(line: number, code: string, segment = segmentName(8)) {
  return (verdict: Awaited<ReturnType<typeof verifyLog>>) => {
    assert.deepEqual(
      verdict.kind === 'damaged' && [verdict.segment, verdict.line, verdict.code],
      [segment, line, code],
      JSON.stringify(verdict),
    );
  };
}

test('an intact log of three segments is ok, as is one of no leaves', async () => {
  const { segments, heads } = build(20);
  const verdict = await check(segments);
  assert.equal(verdict.kind, 'ok');
  assert.deepEqual(verdict.kind === 'ok' && [verdict.size, verdict.heads, verdict.lastHead], [
    20,
    10,
    heads.at(-1),
  ]);
  assert.equal((await check(new Map())).kind, 'ok');
});

// Line 1 is the segment's own, 2 and 3 leaves 8 and 9, 4 a head, 5 and 6 leaves 10 and 11, 7 a head.
test('an edited leaf is named by its line', async () => {
  const edit = (lines: string[]) => lines.with(4, (lines[4] ?? '').replace('outward', 'inward'));
  damageAt(5, 'edited-leaf')(await damaged(edit));
});

test('a leaf edited together with its hash is found at the head, from the first line it covers', async () => {
  const forged = leafOf(event(99), { index: 11, time, salt: () => '00'.repeat(16) });
  damageAt(5, 'edited-leaf')(await damaged((lines) => lines.with(5, formatLeafLine(forged))));
});

test('an edited personal value is named; an erased one is counted and the log holds', async () => {
  const edit = (lines: string[]) => lines.with(2, (lines[2] ?? '').replace('alice9@', 'mallory@'));
  damageAt(3, 'edited-personal')(await damaged(edit));
  const erase = (lines: string[]) =>
    lines.with(2, (lines[2] ?? '').replace(/,"personal":\{"reversePath.*\}\}\n/, '}\n'));
  const verdict = await damaged(erase);
  assert.equal(verdict.kind === 'ok' && verdict.withheld, 2);
});

test('deleted, moved and repeated lines are named by the first line out of place', async () => {
  damageAt(5, 'wrong-index')(await damaged((lines) => lines.toSpliced(4, 1)));
  damageAt(6, 'wrong-head')(await damaged((lines) => lines.toSpliced(3, 1)));
  damageAt(
    2,
    'wrong-index',
  )(await damaged((lines) => lines.with(1, lines[2] ?? '').with(2, lines[1] ?? '')));
  damageAt(8, 'wrong-index')(await damaged((lines) => lines.toSpliced(7, 0, lines[4] ?? '')));
  damageAt(8, 'wrong-head')(await damaged((lines) => lines.toSpliced(7, 0, lines[6] ?? '')));
  damageAt(1, 'bad-line')(await damaged((lines) => lines.slice(1)));
});

test('a missing, renamed or swapped segment is named', async () => {
  const { segments } = build(20);
  const [a, b, c] = [...segments];
  assert.ok(a && b && c);
  damageAt(1, 'wrong-segment', segmentName(16))(await check(new Map([a, c])));
  damageAt(1, 'wrong-segment')(await check(new Map([a, [segmentName(8), c[1]]])));
  damageAt(1, 'wrong-segment', segmentName(8))(await check(new Map([b, c])));
});

test('an edited or foreign head is named', async () => {
  const edit = (lines: string[]) => lines.with(3, (lines[3] ?? '').replace('04:00', '05:00'));
  damageAt(4, 'bad-signature')(await damaged(edit));
  const other = build(20, 2, generateKeyPairSync('ed25519').privateKey);
  damageAt(4, 'bad-signature', segmentName(0))(await check(other.segments));
});

test('of many heads that another key signed the first is named', async () => {
  const other = build(640, 1, generateKeyPairSync('ed25519').privateKey);
  damageAt(3, 'bad-signature', segmentName(0))(await check(other.segments));
});

test('a torn tail is named by its first line', async () => {
  const name = segmentName(16);
  damageAt(5, 'torn-tail', name)(await damaged((lines) => lines.slice(0, 5), { name }));
  const torn = (lines: string[]) => [...lines.slice(0, 4), (lines[4] ?? '').slice(0, 30)];
  damageAt(5, 'bad-line', name)(await damaged(torn, { name }));
});

test('a cut at the end of a head is found against a checkpoint, and only so', async () => {
  const { heads } = build(20);
  const checkpoint = heads.at(-1);
  assert.ok(checkpoint);
  const name = segmentName(16);
  const cut = (lines: string[]) => lines.slice(0, 4);
  assert.equal((await damaged(cut, { name })).kind, 'ok');
  damageAt(4, 'checkpoint', name)(await damaged(cut, { name, checkpoint }));
  for (const old of heads) {
    const verdict = await damaged((lines) => lines, { checkpoint: old });
    assert.equal(verdict.kind === 'ok' && verdict.checkpoint, 'matches');
  }
});

test('a log rewritten from some leaf on with the right key is found against a checkpoint', async () => {
  const { heads } = build(20);
  const rewritten = build(20, 4);
  const [checkpoint] = heads.slice(4);
  assert.ok(checkpoint);
  assert.equal((await check(rewritten.segments, { checkpoint })).kind, 'ok'); // same leaves
  const forged = { ...checkpoint, root: NO_PREVIOUS };
  const signed = signHead(forged, privateKey);
  damageAt(3, 'checkpoint')(await check(rewritten.segments, { checkpoint: signed }));
});

test('a checkpoint that another key signed, or nobody, is told of before anything else', async () => {
  const { segments, heads } = build(20);
  const [, second] = heads;
  assert.ok(second);
  const stranger = generateKeyPairSync('ed25519').privateKey;
  for (const size of [0, 3, 20, 99]) {
    for (const checkpoint of [{ ...second, size }, signHead({ ...second, size }, stranger)]) {
      const verdict = await check(segments, { checkpoint });
      damageAt(1, 'checkpoint', segmentName(0))(verdict);
      assert.match(verdict.kind === 'damaged' ? verdict.reason : '', /not signed by this log key/);
    }
  }
});

test('each checkpoint is compared, not the longest alone: a log made anew behind an older one is found', async () => {
  const { segments, heads } = build(20);
  const [, , third] = heads;
  const last = heads.at(-1);
  assert.ok(third && last);
  const verifyAll = (checkpoints: readonly SignedHead[]) =>
    verifyLog(sources(segments), publicKey, { segmentLeaves: SEGMENT, checkpoints });
  assert.equal((await verifyAll([last, third])).kind, 'ok');
  const before = signHead({ ...third, root: NO_PREVIOUS }, privateKey);
  damageAt(9, 'checkpoint', segmentName(0))(await verifyAll([last, before]));
  damageAt(9, 'checkpoint', segmentName(0))(await verifyAll([third, before]));
});

test('an edit is told of as an edit where there is a checkpoint of just these leaves', async () => {
  const { heads } = build(20);
  const checkpoint = heads.find(({ size }) => size === 12);
  assert.ok(checkpoint);
  const forged = leafOf(event(99), { index: 11, time, salt: () => '00'.repeat(16) });
  const edit = (lines: string[]) => lines.with(5, formatLeafLine(forged));
  damageAt(5, 'edited-leaf')(await damaged(edit, { checkpoint }));
});

/** As retention leaves it: the first segment is its root, and the end of the log says why. */
function retained(said: 'true-root' | 'other-root' | 'nothing'): Built {
  const { subtrees } = build(20);
  const root = subtrees[0]?.toString('hex') ?? '';
  const at = time.toISOString();
  const removal = auditEventSchema.parse({
    ...{ kind: 'log-retained', segment: segmentName(0), first: 0, leaves: SEGMENT },
    ...{ root: said === 'true-root' ? root : NO_PREVIOUS, from: at, to: at },
  });
  const built = build(20, 2, privateKey, said === 'nothing' ? event(19) : removal);
  built.segments.set(segmentName(0), [formatSubtreeLine({ first: 0, leaves: SEGMENT, root })]);
  return built;
}

test('a segment that gave way to its true root is missed where no event says that retention removed it', async () => {
  const verdict = await check(retained('nothing').segments);
  damageAt(1, 'unrecorded-removal', segmentName(0))(verdict);
  const other = await check(retained('other-root').segments);
  damageAt(1, 'unrecorded-removal', segmentName(0))(other);
});

test('a segment that retention replaced by its subtree root leaves the rest provable', async () => {
  const { segments, heads } = retained('true-root');
  const verdict = await check(segments);
  assert.equal(verdict.kind === 'ok' && verdict.removedLeaves, 8);
  const [early, , , boundary] = heads;
  assert.ok(early && boundary);
  const compared = await check(segments, { checkpoint: early });
  assert.equal(compared.kind === 'ok' && compared.checkpoint, 'not-comparable');
  const matched = await check(segments, { checkpoint: boundary });
  assert.equal(matched.kind === 'ok' && matched.checkpoint, 'matches');
  const forged = formatSubtreeLine({ first: 0, leaves: SEGMENT, root: NO_PREVIOUS });
  assert.equal((await check(new Map(segments).set(segmentName(0), [forged]))).kind, 'damaged');
});

test('any change of any one byte is found', async () => {
  const { segments } = build(10, 3);
  const names = [...segments.keys()];
  await fc.assert(
    fc.asyncProperty(
      fc.nat(1),
      fc.nat(10_000),
      fc.integer({ min: 1, max: 255 }),
      async (n, at, x) => {
        const name = names[n] ?? '';
        const bytes = Buffer.from((segments.get(name) ?? []).join(''));
        const place = at % bytes.length;
        bytes.writeUInt8((bytes[place] ?? 0) ^ x, place);
        const changed = sources(segments).with(n, { name, bytes: [bytes] });
        const verdict = await verifyLog(changed, publicKey, { segmentLeaves: SEGMENT });
        assert.equal(verdict.kind, 'damaged');
      },
    ),
    { numRuns: 300 },
  );
});

test('lines may come in any pieces', async () => {
  const { segments } = build(10);
  const pieces = sources(segments).map(({ name, bytes }) => ({
    name,
    bytes: [...(bytes as Buffer[])].flatMap((whole) =>
      Array.from({ length: Math.ceil(whole.length / 7) }, (_, i) =>
        whole.subarray(i * 7, i * 7 + 7),
      ),
    ),
  }));
  assert.equal((await verifyLog(pieces, publicKey, { segmentLeaves: SEGMENT })).kind, 'ok');
});

test('an event is proven by its path and head alone; a changed one is not', async () => {
  const { segments } = build(20);
  const proof = await proveEvent(sources(segments), 11);
  assert.ok(proof);
  assert.equal(verifyEventProof(proof, publicKey), true);
  const leaf = proof.leaf.replace('outward', 'inward');
  assert.equal(verifyEventProof({ ...proof, leaf }, publicKey), false);
  assert.equal(verifyEventProof({ ...proof, index: 12 }, publicKey), false);
  const { publicKey: other } = generateKeyPairSync('ed25519');
  assert.equal(verifyEventProof(proof, other), false);
  assert.equal(await proveEvent(sources(segments), 20), null);
});

test('recent events come by filter, newest kept, with their personal values', async () => {
  const { segments } = build(20);
  const recent = await recentEvents(sources(segments), { kinds: ['accepted'] }, 3);
  assert.deepEqual(
    recent.map(({ index }) => index),
    [17, 18, 19],
  );
  const [alice] = await recentEvents(sources(segments), { containing: 'ALICE7@' }, 3);
  assert.deepEqual(
    [alice?.index, alice?.personal['reversePath'], alice?.facts['sizeBytes']],
    [7, 'alice7@acme.example', 7],
  );
});
