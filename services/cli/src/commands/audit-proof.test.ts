import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  auditEventSchema,
  composeCommit,
  LOG_KEY_FILE,
  MerkleTree,
  type SignedHead,
  segmentName,
} from '@sallyport/audit-log';
import { sallyport, scratch } from '../testing.ts';

const ID = '0123456789abcdefghjk';
/** Over several chunks of the index, the last one not whole. */
const MANY = 3_333;
let folder = '';
let remove = async () => {};
const at = (name: string) => join(folder, name);

/** A log of 30 events under 10 heads, its fourth head as a checkpoint, and its key apart from it. */
before(async () => {
  ({ folder, remove } = await scratch());
  await mkdir(at('audit'));
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const clock = { now: () => new Date('2026-11-21T04:00:00Z') };
  let tree = new MerkleTree();
  let lastHead: SignedHead | null = null;
  const pieces: Buffer[] = [];
  for (let n = 0; n < 10; n += 1) {
    const events = [0, 1, 2].map((k) =>
      auditEventSchema.parse({
        kind: k === 0 ? 'accepted' : 'released',
        queueId: n === 5 ? ID : 'zzzzzzzzzzzzzzzzzzzz',
        ...(k === 0 ? { origin: 'outward', sizeBytes: n } : {}),
        sentence: n === 5 ? '=HYPERLINK("http://evil.example")' : 'fine',
        personal: { by: `admin${n}`, reversePath: `user${n}@acme.example` },
      }),
    );
    const beginsSegment = n === 0;
    const commit = composeCommit(events, { tree, lastHead, beginsSegment, privateKey, clock });
    pieces.push(commit.bytes);
    ({ tree, head: lastHead } = commit);
    if (n === 3) await writeFile(at('checkpoint.json'), JSON.stringify(lastHead));
  }
  await writeFile(join(at('audit'), segmentName(0)), Buffer.concat(pieces));
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  await writeFile(join(at('audit'), LOG_KEY_FILE), pem);
  await writeFile(at('log-key.pem'), pem);
});
after(() => remove());

test('a proof of one event holds elsewhere, against an older head as well; an edited one does not', async () => {
  const proof = at('proof.jsonl');
  const from = ['--from', at('checkpoint.json'), '--out', proof];
  const made = await sallyport(['audit', 'prove', '7', at('audit'), ...from]);
  assert.equal(made.code, 0, made.stderr);
  const against = ['--key', at('log-key.pem'), '--against', at('checkpoint.json')];
  const held = await sallyport(['audit', 'verify', proof, ...against]);
  assert.equal(held.code, 0, held.text + held.stderr);
  assert.match(held.text, /The proof holds: 1 events/);
  assert.match(held.text, /The checkpoint is a beginning of the log/);
  assert.doesNotMatch(held.text, /consistency, not origin/);
  const alone = await sallyport(['audit', 'verify', proof]);
  assert.match(alone.text, /consistency, not origin/);
  await writeFile(proof, (await readFile(proof, 'utf8')).replace('user2@', 'user3@'));
  const edited = await sallyport(['audit', 'verify', proof, ...against]);
  assert.equal(edited.code, 1);
  assert.match(edited.text, /DAMAGED at line 2 of the proof: the value of reversePath/);
});

test('a proof of what is not there, or from a head of another log, is one sentence and exit code 1', async () => {
  const none = await sallyport(['audit', 'prove', '30', at('audit')]);
  assert.deepEqual([none.code, none.text], [1, '']);
  assert.match(none.stderr, /^There is no event 30 under the last head\.\n$/);
  const unknown = await sallyport(['audit', 'prove', 'yyyyyyyyyyyyyyyyyyyy', at('audit')]);
  assert.match(unknown.stderr, /^The log has nothing under/);
  const head = JSON.parse(await readFile(at('checkpoint.json'), 'utf8')) as SignedHead;
  await writeFile(at('other.json'), JSON.stringify({ ...head, root: '00'.repeat(32) }));
  const other = await sallyport(['audit', 'prove', '1', at('audit'), '--from', at('other.json')]);
  assert.match(
    other.stderr,
    /^No checkpoint in .* is signed by this log key: it is of another log/,
  );
});

test('an export verifies in a folder copied elsewhere; what is withheld is in none of its files', async () => {
  const out = ['--out', at('export'), '--queue-id', ID, '--withhold', 'by'];
  const made = await sallyport(['audit', 'export', at('audit'), ...out]);
  assert.equal(made.code, 0, made.stderr);
  await cp(at('export'), at('elsewhere'), { recursive: true });
  const csv = await readFile(join(at('elsewhere'), 'events.csv'), 'utf8');
  assert.match(csv, /"'=HYPERLINK\(""http/);
  assert.match(csv, /user5@acme\.example/);
  for (const file of ['events.csv', 'proof.jsonl', 'README.txt']) {
    assert.doesNotMatch(await readFile(join(at('elsewhere'), file), 'utf8'), /admin5/);
  }
  const key = ['--key', at('log-key.pem')];
  const held = await sallyport(['audit', 'verify', at('elsewhere'), ...key]);
  assert.equal(held.code, 0, held.text);
  assert.match(
    held.text,
    /3 events lie under the signed head.*\nevents\.csv says .*\n3 personal values are withheld/,
  );
  await writeFile(join(at('elsewhere'), 'events.csv'), csv.replace('released', 'relayed'));
  const edited = await sallyport(['audit', 'verify', at('elsewhere'), ...key]);
  assert.equal(edited.code, 1);
  assert.match(edited.text, /DAMAGED at line 3 of events\.csv/);
  const again = await sallyport(['audit', 'export', at('audit'), ...out]);
  assert.deepEqual([again.code, /there already|exists/.test(again.stderr)], [1, true]);
});

test('JSON with all personal values withheld says null where one was, and holds', async () => {
  const out = ['--out', at('json'), '--format', 'json', '--withhold', 'personal'];
  await sallyport(['audit', 'export', at('audit'), '--kind', 'accepted', ...out]);
  const lines = (await readFile(join(at('json'), 'events.jsonl'), 'utf8')).trimEnd().split('\n');
  assert.equal(lines.length, 10);
  for (const line of lines) {
    const { personal } = JSON.parse(line) as { personal: Record<string, unknown> };
    assert.deepEqual(personal, { by: null, reversePath: null });
  }
  const held = await sallyport(['audit', 'verify', at('json'), '--json']);
  const { ok, withheld } = JSON.parse(held.text) as { ok: boolean; withheld: number };
  assert.deepEqual([ok, withheld], [true, 20]);
});

test('an export of many events verifies, event by event', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const clock = { now: () => new Date('2026-11-21T04:00:00Z') };
  const event = auditEventSchema.parse({
    kind: 'released',
    queueId: ID,
    sentence: 'fine',
    personal: { by: 'admin' },
  });
  const events = Array.from({ length: MANY }, () => event);
  const commit = composeCommit(events, {
    tree: new MerkleTree(),
    lastHead: null,
    beginsSegment: true,
    privateKey,
    clock,
  });
  await mkdir(at('many'));
  await writeFile(join(at('many'), segmentName(0)), commit.bytes);
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  await writeFile(join(at('many'), LOG_KEY_FILE), pem);
  const made = await sallyport(['audit', 'export', at('many'), '--out', at('many-export')]);
  assert.equal(made.code, 0, made.stderr);
  const held = await sallyport(['audit', 'verify', at('many-export'), '--json']);
  const { ok, events: proven } = JSON.parse(held.text) as { ok: boolean; events: number };
  assert.deepEqual([ok, proven], [true, MANY]);
});
