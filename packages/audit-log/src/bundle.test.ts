import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import {
  auditEventSchema,
  bundleKey,
  composeCommit,
  consistencyProof,
  csvEvent,
  csvHeader,
  formatBundleEvent,
  formatBundleHead,
  inclusionProof,
  MerkleTree,
  parseLogLine,
  type RecordedEvent,
  type SignedHead,
  signHead,
  verifyBundle,
} from './index.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const clock = { now: () => new Date('2026-11-21T04:00:00Z') };

/** A bundle of the events 2, 5 and 7 of ten, that leads from the head of four. */
function bundle(): { lines: string[]; older: SignedHead; head: SignedHead } {
  const event = (n: number) =>
    auditEventSchema.parse({
      kind: 'released',
      queueId: '0123456789abcdefghjk',
      personal: { by: `admin${n}`, reversePath: 'a@acme.example' },
    });
  const events = Array.from({ length: 10 }, (_, n) => event(n));
  const base = { privateKey, clock, beginsSegment: true };
  const one = composeCommit(events.slice(0, 4), {
    ...base,
    tree: new MerkleTree(),
    lastHead: null,
  });
  const two = composeCommit(events.slice(4), { ...base, tree: one.tree, lastHead: one.head });
  const leaves = [one, two]
    .flatMap(({ bytes }) => bytes.toString().split('\n'))
    .flatMap((text) => {
      const line = parseLogLine(text);
      return line !== null && 'leaf' in line ? [line] : [];
    });
  const hashes = leaves.map(({ hash }) => Buffer.from(hash, 'hex'));
  const hex = (path: readonly Buffer[]) => path.map((node) => node.toString('hex'));
  const lines = [2, 5, 7].map((index) =>
    formatBundleEvent(
      {
        format: 'sallyport audit proof v1',
        index,
        leaf: leaves[index]?.leaf ?? '',
        personal: leaves[index]?.personal ?? {},
        path: hex(inclusionProof(hashes, index)),
        head: two.head,
      },
      ['by'],
    ),
  );
  const head = formatBundleHead({
    head: two.head,
    publicKey: String(publicKey.export({ type: 'spki', format: 'pem' })),
    events: 3,
    selection: 'three',
    consistency: { from: one.head, path: hex(consistencyProof(hashes, 4)) },
  });
  return { lines: [head, ...lines].map((line) => line.trimEnd()), older: one.head, head: two.head };
}

test('a bundle holds by itself and against both of its heads; what is withheld is not in it', async () => {
  const { lines, older, head } = bundle();
  assert.equal(lines.join('').includes('admin'), false);
  for (const checkpoint of [older, head]) {
    const verdict = await verifyBundle(lines, { publicKey, checkpoints: [checkpoint] });
    assert.deepEqual(
      verdict.kind === 'ok' && [verdict.events, verdict.withheld, verdict.checkpoint],
      [3, 3, 'matches'],
    );
  }
  const third = signHead({ ...older, size: 3 }, privateKey);
  const other = await verifyBundle(lines, { publicKey, checkpoints: [third] });
  assert.equal(other.kind === 'ok' && other.checkpoint, 'not-comparable');
  const many = await verifyBundle(lines, { publicKey, checkpoints: [third, older] });
  assert.equal(many.kind === 'ok' && many.checkpoint, 'matches');
  assert.equal(bundleKey(lines[0] ?? '')?.equals(publicKey), true);
});

test('every change of a bundle is found, and its line named', async () => {
  const { lines, older } = bundle();
  const at = async (changed: readonly string[], options: object = {}) => {
    const verdict = await verifyBundle(changed, { publicKey, ...options });
    return verdict.kind === 'damaged' ? verdict.line : verdict.kind;
  };
  const edit = (n: number, from: string | RegExp, to: string) =>
    lines.with(n, (lines[n] ?? '').replace(from, to));
  assert.equal(await at(edit(2, 'released', 'refused')), 3);
  assert.equal(await at(edit(2, '@acme.example', '@evil.example')), 3);
  assert.equal(await at(edit(3, /"path":\["../, '"path":["ff')), 4);
  assert.equal(await at(edit(0, '"size":10', '"size":11')), 1);
  assert.equal(await at(lines.toSpliced(2, 1)), 4);
  assert.equal(await at(lines.toSpliced(2, 0, lines[1] ?? '')), 3);
  assert.equal(await at([...lines.slice(0, 1), ...lines.slice(1).reverse()]), 3);
  assert.equal(await at(lines.slice(0, 3)), 4);
  assert.equal(await at([]), 1);
  const fork = signHead({ ...older, root: '00'.repeat(32) }, privateKey);
  assert.equal(await at(lines, { checkpoints: [fork] }), 1);
  assert.equal(await at(lines, { checkpoints: [older, fork] }), 1);
  const { publicKey: foreign } = generateKeyPairSync('ed25519');
  assert.equal(await at(lines, { publicKey: foreign }), 1);
});

test('a checkpoint that the log key did not sign is told of as that, and never passed over', async () => {
  const { lines, older } = bundle();
  const stranger = generateKeyPairSync('ed25519').privateKey;
  for (const facts of [older, { ...older, size: 3 }]) {
    for (const forged of [
      { ...older, ...facts, root: '00'.repeat(32) },
      signHead(facts, stranger),
    ]) {
      const verdict = await verifyBundle(lines, { publicKey, checkpoints: [forged] });
      assert.match(verdict.kind === 'damaged' ? verdict.reason : '', /checkpoint is not signed/);
    }
  }
});

const event = (facts: object, personal: Record<string, string | null> = {}): RecordedEvent => ({
  index: 7,
  time: '2026-11-21T04:00:00.000Z',
  kind: 'relayed',
  queueId: null,
  facts: { ...facts },
  personal,
  leaf: '',
});

test('RFC 4180 section 2: commas, quotes and line ends are quoted, lines end with CRLF', () => {
  assert.equal(csvHeader().endsWith(',facts\r\n'), true);
  const line = csvEvent(event({ sentence: 'said "no",\nthen left', fault: 'x' }, { by: null }));
  assert.equal(
    line,
    '7,2026-11-21T04:00:00.000Z,relayed,,"said ""no"",\nthen left",,,,,"{""by"":""(withheld)""}","{""fault"":""x""}"\r\n',
  );
});

test('nor is what a spreadsheet of a country with commas in its numbers takes for a cell', () => {
  const line = csvEvent(event({ sentence: 'fine;=1+1', fault: 'x; @SUM', mx: 'a\t-1' }));
  assert.match(line, /,fine;'=1\+1,/);
  assert.match(line, /x;' @SUM/);
  assert.doesNotMatch(line, /[;\t]\s*[=+@-]/);
  assert.match(csvEvent(event({ sentence: 'a; b=c;d' })), /,a; b=c;d,/);
});

test('no cell is a formula to a spreadsheet: an apostrophe stands before what would be one', () => {
  for (const text of ['=1+1', '+1', '-1', '@SUM(A1)', ' =1', '\t=1', '\r=1', '|calc', '%0']) {
    const line = csvEvent(event({ sentence: text }, { reversePath: text, forwardPath: text }));
    const cells = line.split(',');
    for (const cell of [cells[4], cells[7], cells[8]]) {
      assert.match(cell ?? '', /^"?'/, JSON.stringify(text));
    }
  }
  for (const text of ['\u0000=1', '\u001b\u0000=1', '\uff1d1', '\u200b=1']) {
    assert.match(csvEvent(event({ sentence: text })), /,"?'/, JSON.stringify(text));
  }
  assert.match(csvEvent(event({ sentence: 'a=b' })), /,a=b,/);
});
