import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  auditEventSchema,
  composeCommit,
  formatLeafLine,
  LOG_KEY_FILE,
  leafHash,
  MerkleTree,
  parseLogLine,
  type SignedHead,
  segmentName,
  signHead,
} from '@sallyport/audit-log';
import { sallyport, scratch } from '../testing.ts';

const ID = '0123456789abcdefghjk';
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const pem = publicKey.export({ type: 'spki', format: 'pem' });
let folder = '';
let remove = async () => {};
const at = (name: string) => join(folder, name);
const heads: SignedHead[] = [];

/** What a stranger may have written: a line separator of Unicode, and what is left of a broken byte. */
const REPLY = '250 fine\u2028really \ufffd';
const personal = {
  reversePath: 'alice@acme.example',
  forwardPath: 'bob@bravo.example',
  'forwardPath.1': 'carol@bravo.example',
  'forwardPathsMore.0': 'dave@bravo.example erin@bravo.example',
};

/** Two commits of two events each, all of one message. */
before(async () => {
  ({ folder, remove } = await scratch());
  let tree = new MerkleTree();
  let lastHead: SignedHead | null = null;
  const pieces: Buffer[] = [];
  for (let n = 0; n < 2; n += 1) {
    const event = auditEventSchema.parse({ kind: 'relayed', queueId: ID, reply: REPLY, personal });
    const clock = { now: () => new Date(`2026-11-21T04:0${n}:00Z`) };
    const base = { tree, lastHead, beginsSegment: n === 0, privateKey, clock };
    const commit = composeCommit([event, event], base);
    pieces.push(commit.bytes);
    ({ tree, head: lastHead } = commit);
    heads.push(lastHead);
  }
  await mkdir(at('audit'));
  await writeFile(join(at('audit'), segmentName(0)), Buffer.concat(pieces));
  await writeFile(join(at('audit'), LOG_KEY_FILE), pem);
  await writeFile(at('key.pem'), pem);
});
after(() => remove());

const key = (): string[] => ['--key', at('key.pem')];
const segment = (of: string): string => join(at(of), segmentName(0));

/** A copy of the log whose last event says something else; its own hash is made right. */
async function forged(name: string): Promise<string> {
  await cp(at('audit'), at(name), { recursive: true });
  const lines = (await readFile(segment(name), 'utf8')).split('\n');
  const line = parseLogLine(lines[5] ?? '');
  assert.ok(line !== null && 'leaf' in line);
  const leaf = line.leaf.replace('relayed', 'dropped');
  lines[5] = formatLeafLine({ leaf, personal: line.personal ?? {} }, leafHash(leaf)).trimEnd();
  await writeFile(segment(name), lines.join('\n'));
  return at(name);
}

test('an export planted beside a forged log does not take its place', async () => {
  const log = await forged('planted');
  const proof = join(log, 'proof.jsonl');
  assert.equal((await sallyport(['audit', 'prove', '0', at('audit'), '--out', proof])).code, 0);
  const { code, text } = await sallyport(['audit', 'verify', log, ...key()]);
  assert.equal(code, 1);
  assert.match(text, /^DAMAGED at segment-000000000000\.jsonl, line 5/);
});

test('a folder without a segment is no log that is whole', async () => {
  await mkdir(at('empty'));
  await writeFile(join(at('empty'), LOG_KEY_FILE), pem);
  const { code, text, stderr } = await sallyport(['audit', 'verify', at('empty')]);
  assert.deepEqual([code, text], [1, '']);
  assert.match(stderr, /empty holds no segment of a log/);
});

test('a segment that cannot be opened is one sentence', async () => {
  await cp(at('audit'), at('dangling'), { recursive: true });
  await symlink(at('nowhere'), join(at('dangling'), segmentName(65_536)));
  const verified = await sallyport(['audit', 'verify', at('dangling')]);
  assert.deepEqual([verified.code, verified.stderr], [1, '']);
  assert.match(verified.text, /^DAMAGED at segment-000000065536\.jsonl, line 1/);
  const listed = await sallyport(['audit', 'list', at('dangling')]);
  assert.equal(listed.code, 1);
  assert.match(listed.stderr, /^Cannot use \S+segment-000000065536\.jsonl: there is no such file/);
});

test('what a stranger wrote damages no export', async () => {
  const made = await sallyport(['audit', 'export', at('audit'), '--out', at('export')]);
  assert.equal(made.code, 0, made.stderr);
  const { code, text } = await sallyport(['audit', 'verify', at('export'), ...key()]);
  assert.equal(code, 0, text);
  assert.match(text, /events\.csv says exactly what is proven/);
});

test('bytes that read as what is proven are not what is proven', async () => {
  await cp(at('export'), at('bytes'), { recursive: true });
  for (const file of ['proof.jsonl', 'events.csv']) {
    const path = join(at('bytes'), file);
    const good = await readFile(path);
    const from = good.indexOf('\ufffd');
    await writeFile(
      path,
      Buffer.concat([good.subarray(0, from), Buffer.of(0xff), good.subarray(from + 3)]),
    );
    const { code, text } = await sallyport(['audit', 'verify', at('bytes'), ...key()]);
    assert.equal(code, 1, file);
    assert.match(text, /^DAMAGED at line 2 of /);
    await writeFile(path, good);
  }
});

test('a readable file that cannot be read, or goes on after its end, is not passed over', async () => {
  await cp(at('export'), at('odd'), { recursive: true });
  const csv = join(at('odd'), 'events.csv');
  await writeFile(csv, `${await readFile(csv, 'utf8')}9,more\r\n`);
  const longer = await sallyport(['audit', 'verify', at('odd'), ...key()]);
  assert.equal(longer.code, 1);
  assert.match(longer.text, /^DAMAGED at line 6 of events\.csv/);
  await rm(csv);
  await mkdir(csv);
  assert.equal((await sallyport(['audit', 'verify', at('odd'), ...key()])).code, 1);
});

test('a line without an end is told of by its number and fills no memory', async () => {
  await cp(at('export'), at('long'), { recursive: true });
  const proof = join(at('long'), 'proof.jsonl');
  const good = await readFile(proof, 'utf8');
  await writeFile(proof, good + 'x'.repeat(8 * 1024 * 1024));
  const { code, text } = await sallyport(['audit', 'verify', at('long'), ...key()]);
  assert.equal(code, 1);
  assert.match(text, /^DAMAGED at line 6 of the proof/);
});

test('of copies of many gateways those of this log are compared, and all of them', async () => {
  const [first, last] = heads;
  assert.ok(first && last);
  const other = generateKeyPairSync('ed25519').privateKey;
  const copy = (gateway: string, head: SignedHead) => JSON.stringify({ gateway, head });
  const stranger = copy('gw.bravo.example', signHead({ ...last, size: 900 }, other));
  await writeFile(at('heads'), [stranger, copy('gw.acme.example', last)].join('\n'));
  const verify = (file: string, what = 'audit') =>
    sallyport(['audit', 'verify', at(what), ...key(), '--against', at(file)]);
  const one = await verify('heads');
  assert.equal(one.code, 0, one.text);
  assert.match(one.text, /The checkpoint is part of this log/);
  const bundle = await verify('heads', 'export');
  assert.match(bundle.text, /The checkpoint is a beginning of the log/);
  // The key's owner made another log after the first copy: the last one alone would not tell.
  const before = signHead({ ...first, root: 'ab'.repeat(32) }, privateKey);
  await writeFile(at('fork'), [copy('a', last), copy('a', before)].join('\n'));
  const fork = await verify('fork');
  assert.equal(fork.code, 1);
  assert.match(
    fork.text,
    /^DAMAGED at segment-000000000000\.jsonl, line 3: .* not those of a checkpoint/,
  );
  await writeFile(at('strangers'), stranger);
  for (const what of ['audit', 'export']) {
    const foreign = await verify('strangers', what);
    assert.equal(foreign.code, 1);
    assert.match(foreign.text, /checkpoint .*is not signed by this log key/);
  }
  const from = ['--from', at('heads'), '--out', at('from.jsonl')];
  const proven = await sallyport(['audit', 'prove', '0', at('audit'), ...from]);
  assert.equal(proven.code, 0, proven.stderr);
});

test('an event that was made unreadable is missed in the proof of its message', async () => {
  const index = ['--index', at('kept.sqlite')];
  await cp(at('audit'), at('garbled'), { recursive: true });
  const whole = await sallyport(['audit', 'prove', ID, at('garbled'), ...index]);
  assert.equal(whole.text.trimEnd().split('\n').length, 5);
  const text = await readFile(segment('garbled'), 'utf8');
  const from = text.indexOf('{"leaf"', text.indexOf('{"leaf"') + 1);
  await writeFile(segment('garbled'), `${text.slice(0, from)}[${text.slice(from + 1)}`);
  const { code, stderr } = await sallyport(['audit', 'prove', ID, at('garbled'), ...index]);
  assert.equal(code, 1);
  assert.match(stderr, /^Event 1 does not lie under the signed head/);
});

test('an export of a log that was touched says that, and not something of --from', async () => {
  const log = await forged('touched');
  const index = ['--index', at('touched.sqlite')];
  await cp(segment('audit'), segment('touched'));
  assert.equal((await sallyport(['audit', 'prove', '0', log, ...index])).code, 0);
  const text = await readFile(segment('touched'), 'utf8');
  await writeFile(segment('touched'), text.replace('relayed', 'dropped'));
  const out = ['--out', at('touched-export')];
  const { code, stderr } = await sallyport(['audit', 'export', log, ...index, ...out]);
  assert.equal(code, 1);
  assert.doesNotMatch(stderr, /--from/);
  assert.match(stderr, /audit verify/);
});

test('withholding forward-paths withholds all of them; a name that is none is refused', async () => {
  const out = ['--out', at('fields'), '--withhold', 'forwardPath'];
  const made = await sallyport(['audit', 'export', at('audit'), ...out]);
  assert.equal(made.code, 0, made.stderr);
  for (const file of ['proof.jsonl', 'events.csv']) {
    const text = await readFile(join(at('fields'), file), 'utf8');
    assert.match(text, /alice@/);
    assert.doesNotMatch(text, /bob@|carol@|dave@|erin@/, file);
  }
  const wrong = ['--out', at('misspelt'), '--withhold', 'forwardpath,reversePath'];
  const refused = await sallyport(['audit', 'export', at('audit'), ...wrong]);
  assert.deepEqual([refused.code, refused.text], [1, '']);
  assert.match(refused.stderr, /^No event here has a personal field forwardpath/);
  await assert.rejects(readFile(join(at('misspelt'), 'proof.jsonl')));
});

test('no checkpoint is saved from an export: it is no log', async () => {
  const save = ['--save-checkpoint', at('none.json')];
  const { code, text, stderr } = await sallyport(['audit', 'verify', at('export'), ...save]);
  assert.deepEqual([code, text], [1, '']);
  assert.match(stderr, /^A checkpoint is saved from a whole log/);
});

test('a proof as the console gives it out is taken, and none that says something twice', async () => {
  const made = await sallyport(['audit', 'prove', '1', at('audit')]);
  const [first = '', second = ''] = made.text.split('\n');
  const { bundle } = JSON.parse(first) as { bundle: { head: object } };
  const { event } = JSON.parse(second) as {
    event: { index: number; leaf: string; personal: object; path: string[] };
  };
  const format = 'sallyport audit proof v1';
  const proof = `${JSON.stringify({ format, ...event, head: bundle.head }, null, 2)}\n`;
  for (const [text, code] of [
    [proof, 0],
    [JSON.stringify(JSON.parse(proof)), 0],
    [proof.replace('"personal"', '"personal": {},\n  "personal"'), 1],
    [proof.replace('"index": 1', '"index": 1.0'), 1],
  ] as const) {
    await writeFile(at('event.json'), text);
    const verified = await sallyport(['audit', 'verify', at('event.json'), ...key()]);
    assert.equal(verified.code, code, text.slice(0, 200) + verified.stderr);
  }
});
