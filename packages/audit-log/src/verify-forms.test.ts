import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import {
  type AuditEvent,
  auditEventSchema,
  composeCommit,
  formatBundleEvent,
  formatBundleHead,
  inclusionProof,
  type LogLine,
  leafHash,
  MAX_LINE_BYTES,
  MerkleTree,
  parseLogLine,
  segmentName,
  splitLines,
  verifyBundle,
  verifyLog,
} from './index.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const clock = { now: () => new Date('2026-11-21T04:00:00Z') };

const eventOf = (personal: Record<string, string>, sentence = 'it was'): AuditEvent =>
  auditEventSchema.parse({
    kind: 'released',
    queueId: '0123456789abcdefghjk',
    sentence,
    personal,
  });

/** The lines of a log of one commit: its segment line, one leaf, its head. */
function linesOf(event: AuditEvent): { lines: string[]; head: string } {
  const { bytes } = composeCommit([event], {
    tree: new MerkleTree(),
    lastHead: null,
    beginsSegment: true,
    privateKey,
    clock,
  });
  const lines = bytes.toString().split(/(?<=\n)/);
  return { lines, head: lines[2] ?? '' };
}

const verify = (lines: readonly string[]) =>
  verifyLog([{ name: segmentName(0), bytes: [Buffer.from(lines.join(''))] }], publicKey);

async function damageOf(lines: readonly string[]): Promise<unknown> {
  const verdict = await verify(lines);
  return verdict.kind === 'damaged' ? [verdict.line, verdict.code] : verdict.kind;
}

type LeafLine = Extract<LogLine, { leaf: string }>;

function leafIn(lines: readonly string[]): LeafLine {
  const line = parseLogLine((lines[1] ?? '').trimEnd());
  assert.ok(line !== null && 'leaf' in line);
  return line;
}

/** The line with other personal values, canonical as ever. */
function withPersonal(lines: readonly string[], personal: LeafLine['personal']): string[] {
  return lines.with(1, `${JSON.stringify({ ...leafIn(lines), personal })}\n`);
}

/** The bundle of the one event, with other personal values if they are given. */
function bundleOf(lines: readonly string[], personal?: LeafLine['personal']): string[] {
  const line = leafIn(lines);
  const head = parseLogLine((lines[2] ?? '').trimEnd());
  assert.ok(head !== null && 'head' in head);
  const publicPem = String(publicKey.export({ type: 'spki', format: 'pem' }));
  const proof = {
    format: 'sallyport audit proof v1' as const,
    index: 0,
    leaf: line.leaf,
    personal: personal ?? line.personal ?? {},
    path: inclusionProof([leafHash(line.leaf)], 0).map((node) => node.toString('hex')),
    head: head.head,
  };
  const start = formatBundleHead({
    head: head.head,
    publicKey: publicPem,
    events: 1,
    selection: 'one',
  });
  return [start, formatBundleEvent(proof)].map((text) => text.trimEnd());
}

test('nothing moves over the border between a salt and its value', async () => {
  const { lines } = linesOf(eventOf({ reversePath: 'bob.mallory@evil.example' }));
  assert.equal(await damageOf(lines), 'ok');
  const { salt, value } = leafIn(lines).personal?.['reversePath'] ?? { salt: '', value: '' };
  const shorter = {
    reversePath: { salt: salt + Buffer.from('bob.').toString('hex'), value: value.slice(4) },
  };
  assert.deepEqual(await damageOf(withPersonal(lines, shorter)), [2, 'bad-line']);
  const verdict = await verifyBundle(bundleOf(lines, shorter), { publicKey });
  assert.deepEqual(verdict.kind === 'damaged' && verdict.line, 2);
});

test('a salt has one form only', async () => {
  const { lines } = linesOf(eventOf({ by: 'alice' }));
  const { salt, value } = leafIn(lines).personal?.['by'] ?? { salt: '', value: '' };
  assert.deepEqual(await damageOf(withPersonal(lines, { by: { salt: `${salt}a`, value } })), [
    2,
    'bad-line',
  ]);
  for (const other of [`${salt}zz`, salt.toUpperCase().replace(/\d/g, 'A'), `${salt} `]) {
    const bundle = bundleOf(lines, { by: { salt: other, value } });
    assert.equal((await verifyBundle(bundle, { publicKey })).kind, 'damaged', other);
  }
});

test('a signature has one form only: the bits that base64 leaves over are none to play with', async () => {
  const { lines, head } = linesOf(eventOf({ by: 'alice' }));
  const letter = /(.)==","?/.exec(head)?.[1] ?? /(.)=="/.exec(head)?.[1] ?? '';
  const other = { A: 'B', Q: 'R', g: 'h', w: 'x' }[letter] ?? '';
  assert.equal(other.length, 1, head);
  const changed = head.replace(`${letter}=="`, `${other}=="`);
  assert.deepEqual(await damageOf(lines.with(2, changed)), [3, 'bad-line']);
});

test('half a surrogate pair does not pass for the replacement character, in a leaf or a value', async () => {
  const { lines } = linesOf(eventOf({ by: 'a\ufffdb' }, 'said \ufffd'));
  assert.equal(await damageOf(lines), 'ok');
  const line = leafIn(lines);
  const leaf = line.leaf.replace('said \ufffd', 'said \ud800');
  assert.ok(leafHash(leaf).equals(leafHash(line.leaf)), 'they hash alike');
  const forged = lines.with(1, `${JSON.stringify({ ...line, leaf })}\n`);
  assert.deepEqual(await damageOf(forged), [2, 'bad-line']);
  const { salt } = line.personal?.['by'] ?? { salt: '' };
  const other = { by: { salt, value: 'a\udbffb' } };
  assert.deepEqual(await damageOf(withPersonal(lines, other)), [2, 'bad-line']);
  const verdict = await verifyBundle(bundleOf(lines, other), { publicKey });
  assert.equal(verdict.kind, 'damaged');
});

test('half a surrogate pair that is recorded is recorded as what is hashed', async () => {
  const { lines } = linesOf(eventOf({ by: 'cut \ud83d' }, 'cut \ud83d'));
  assert.equal(await damageOf(lines), 'ok');
  assert.equal(leafIn(lines).personal?.['by']?.value, 'cut \ufffd');
});

test('a bundle that names something twice is none: readers would differ', async () => {
  const { lines } = linesOf(eventOf({ by: 'alice' }));
  const [start = '', event = ''] = bundleOf(lines);
  assert.equal((await verifyBundle([start, event], { publicKey })).kind, 'ok');
  for (const changed of [
    event.replace('"personal":', '"personal":{},"personal":'),
    event.replace('"index":0', '"index":7,"index":0'),
    event.replace('"index":0', '"index":0.0'),
    ` ${event}`,
  ]) {
    const verdict = await verifyBundle([start, changed], { publicKey });
    assert.deepEqual(verdict.kind === 'damaged' && verdict.line, 2, changed.slice(0, 60));
  }
  const twice = start.replace('"events":1', '"events":9,"events":1');
  assert.equal((await verifyBundle([twice, event], { publicKey })).kind, 'damaged');
});

test('lines behind one that is too long are read on', async () => {
  const long = Buffer.alloc(3 * MAX_LINE_BYTES, 'x');
  const pieces = [Buffer.from('a\n'), long, Buffer.from('\nb\n'), long, Buffer.from('\nc\nd')];
  const found: (string | null)[] = [];
  const offsets: number[] = [];
  for await (const { text, offset } of splitLines(pieces)) {
    found.push(text);
    offsets.push(offset);
  }
  assert.deepEqual(found, ['a', null, 'b', null, 'c', null]);
  assert.deepEqual(offsets, [
    0,
    2,
    2 + long.length + 1,
    2 + long.length + 3,
    2 * long.length + 6,
    2 * long.length + 8,
  ]);
});
