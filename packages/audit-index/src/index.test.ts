import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { verifyBundle, verifyConsistency, verifyEventProof } from '@sallyport/audit-log';
import { exportEvents, openAuditIndex } from './index.ts';
import { accepted, delivered, newFolder, newId, protectedAs, TestLog } from './testing.ts';

const message = (to: string) => {
  const [id, out] = [newId(), newId()];
  return [accepted(id, to), ...protectedAs(id, out, 1), delivered('relayed', out, to)];
};

test('only what a head covers is read, and a catch-up goes on where the last one stopped', async () => {
  const log = new TestLog().add(...message('a@bravo.example'));
  const index = await log.index();
  assert.deepEqual(await index.catchUp(), { size: 4, damage: null });
  const whole = statSync(log.segment).size;
  appendFileSync(log.segment, '{"leaf":"torn');
  assert.deepEqual(await index.catchUp(), { size: 4, damage: null });
  truncateSync(log.segment, whole);
  log.add(...message('b@bravo.example'));
  const [one, two] = await Promise.all([index.catchUp(), index.catchUp()]);
  assert.deepEqual([one.size, two.size], [8, 8]);
  assert.equal(index.search({ address: 'b@bravo.example', limit: 10 }).events.length, 2);
  index.close();
});

test('search: kinds, queue id, address, domain and those above, words, time, who; newest first', async () => {
  const log = new TestLog();
  const first = message('Anna@mail.bravo.example');
  log.add(...first, ...message('c@charlie.example'));
  log.add({ kind: 'released', queueId: newId(), personal: { by: 'Sec Admin' } });
  const index = await log.index();
  const find = (query: object) =>
    index.search({ limit: 10, ...query }).events.map((one) => one.index);
  assert.deepEqual(find({}), [8, 7, 6, 5, 4, 3, 2, 1, 0]);
  assert.deepEqual(find({ kinds: ['relayed', 'accepted'] }), [7, 4, 3, 0]);
  assert.deepEqual(find({ kinds: [] }), []);
  assert.deepEqual(find({ address: 'anna@MAIL.bravo.example' }), [3, 0]);
  assert.deepEqual(find({ domain: 'bravo.example' }), [3, 0]);
  assert.deepEqual(find({ domain: 'bravo.example', kinds: ['relayed'] }), [3]);
  assert.deepEqual(find({ text: 'ANNA brav' }), [3, 0]);
  assert.deepEqual(find({ text: '"; DROP TABLE events; --' }), []);
  assert.deepEqual(find({ text: '* OR (' }), []);
  assert.deepEqual(find({ text: '()' }), []);
  assert.deepEqual(find({ text: '()', domain: 'bravo.example' }), []);
  assert.deepEqual(find({ text: `${'anna '.repeat(40)}nobody` }), []);
  assert.deepEqual(find({ by: 'sec admin' }), [8]);
  assert.deepEqual(find({ since: new Date('2026-11-21T04:08:00Z') }), [8, 7]);
  assert.deepEqual(find({ until: new Date('2026-11-21T04:02:00Z') }), [1, 0]);
  const page = index.search({ limit: 4 });
  assert.deepEqual([page.events.length, page.before], [4, 5]);
  assert.throws(() => index.search({ limit: 20_000 }), RangeError);
  index.close();
});

test('a log that was replaced by another is read anew; one that was touched is read to there', async () => {
  const log = new TestLog().add(...message('a@bravo.example'));
  const index = await log.index();
  const other = new TestLog().add(...message('x@x.example'), ...message('y@x.example'));
  writeFileSync(log.segment, readFileSync(other.segment));
  assert.deepEqual(await index.catchUp(), { size: 8, damage: null });
  assert.equal(index.search({ address: 'a@bravo.example', limit: 10 }).events.length, 0);
  index.close();
  const touched = new TestLog().add(...message('a@bravo.example')).add(...message('b@b.example'));
  const text = readFileSync(touched.segment, 'utf8');
  writeFileSync(
    touched.segment,
    text
      .replace('relayed for 1","fault', 'failed for 1","fault')
      .replace('\\"kind\\":\\"protected\\"', '\\"kind\\":\\"protecteD\\"'),
  );
  const read = await touched.index();
  assert.deepEqual(await read.catchUp(), {
    size: 0,
    damage: { segment: 'segment-000000000000.jsonl', line: 6 },
  });
  read.close();
});

test('an index file of another version, or no index at all, is made anew; its mode is 0600', async () => {
  const log = new TestLog().add(...message('a@bravo.example'));
  const file = join(newFolder(), 'index.sqlite');
  writeFileSync(file, 'this is no database, and it is long enough to be looked at');
  let index = await log.index(file);
  assert.equal(index.search({ limit: 10 }).events.length, 4);
  index.close();
  const database = new DatabaseSync(file);
  database.exec('PRAGMA user_version = 99');
  database.close();
  index = await log.index(file);
  assert.equal(index.search({ limit: 10 }).events.length, 4);
  for (const end of ['', '-wal', '-shm']) assert.equal(statSync(file + end).mode & 0o777, 0o600);
  index.close();
});

test('two processes may bring the same index up to date', async () => {
  const log = new TestLog().add(...message('a@bravo.example'));
  const file = join(newFolder(), 'index.sqlite');
  const one = await log.index(file);
  const two = await openAuditIndex({ auditFolder: log.folder, file });
  log.add(...message('b@bravo.example'));
  assert.deepEqual(
    (await Promise.all([one.catchUp(), two.catchUp()])).map(({ size }) => size),
    [8, 8],
  );
  log.add(...message('c@bravo.example'));
  assert.equal((await two.catchUp()).size, 12);
  assert.equal((await one.catchUp()).size, 12);
  assert.equal(one.messages({ limit: 10, outcome: 'relayed' }).messages.length, 3);
  one.close();
  two.close();
});

test('proofs hold; an index with other hashes than the log proves nothing', async () => {
  const log = new TestLog();
  for (let n = 0; n < 80; n += 1) log.add(...message(`u${n}@bravo.example`));
  const older = log.head;
  for (let n = 0; n < 60; n += 1) log.add(...message(`v${n}@bravo.example`));
  const file = join(newFolder(), 'index.sqlite');
  const index = await log.index(file);
  for (const n of [0, 1, 255, 256, 300, 511, 512, 559]) {
    const answer = index.prove(n);
    assert.ok(answer.kind === 'proof' && verifyEventProof(answer.proof, log.publicKey), String(n));
  }
  assert.equal(index.prove(560).kind, 'unknown');
  assert.ok(older !== null && log.head !== null);
  const answer = index.proveConsistency(older);
  assert.ok(answer.kind === 'proof');
  const tree = (head: { size: number; root: string }) => ({
    size: head.size,
    root: Buffer.from(head.root, 'hex'),
  });
  const path = answer.path.map((node) => Buffer.from(node, 'hex'));
  assert.ok(verifyConsistency(tree(older), tree(log.head), path));
  assert.equal(index.proveConsistency({ ...older, root: '00'.repeat(32) }).kind, 'contradicted');
  assert.equal(index.proveConsistency({ ...older, size: 561 }).kind, 'longer');
  index.close();
  const database = new DatabaseSync(file);
  database.exec('UPDATE chunks SET hashes = zeroblob(8192), root = zeroblob(32) WHERE chunk = 0');
  database.close();
  const touched = await log.index(file);
  assert.equal(touched.prove(300).kind, 'contradicted');
  touched.close();
});

test('an export is a bundle that verifies offline, with what is withheld left out', async () => {
  const log = new TestLog().add(...message('a@bravo.example'), ...message('c@charlie.example'));
  const index = await log.index();
  const publicKey = String(log.publicKey.export({ type: 'spki', format: 'pem' }));
  const options = { query: { domain: 'bravo.example' }, publicKey, selection: 'bravo' };
  const made = exportEvents(index, { ...options, withheld: ['forwardPath'] });
  assert.ok(made.kind === 'export');
  const lines = [...made.bundle()].map((line) => line.trimEnd());
  assert.equal(lines.join('').includes('a@bravo.example'), false);
  assert.equal(lines.join('').includes('alice@acme.example'), true);
  const verdict = await verifyBundle(lines, { publicKey: log.publicKey });
  assert.deepEqual(verdict.kind === 'ok' && [verdict.events, verdict.withheld], [2, 2]);
  const csv = [...made.csv()].join('');
  assert.equal(csv.includes('a@bravo.example'), false);
  assert.equal(csv.split('\r\n').length, 4);
  index.close();
});

test("under Node's permissions it writes its own folder only", { timeout: 20_000 }, async () => {
  const log = new TestLog().add(...message('a@bravo.example'));
  const own = newFolder();
  const code = `import { openAuditIndex } from ${JSON.stringify(import.meta.resolve('./index.ts'))};
    const index = await openAuditIndex(${JSON.stringify({ auditFolder: log.folder, file: join(own, 'i.sqlite') })});
    await index.catchUp();
    console.log(index.search({ limit: 10 }).events.length);
    index.close();`;
  const repository = fileURLToPath(new URL('../../..', import.meta.url));
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      '--permission',
      `--allow-fs-read=${repository}`,
      `--allow-fs-read=${log.folder}`,
      `--allow-fs-read=${own}`,
      `--allow-fs-write=${own}`,
      '--input-type=module-typescript',
      '--eval',
      code,
    ],
    { encoding: 'utf8', env: {} },
  );
  assert.equal(stdout.trim(), '4', stderr);
});

test('of many recipients each is found, also one whose address two fields share', async () => {
  const more = {
    'forwardPathsMore.0': 'x@a.example y@b.exa',
    'forwardPathsMore.1': 'mple z@c.example',
  };
  const log = new TestLog().add({
    ...accepted(newId(), 'a@bravo.example'),
    recipients: 4,
    personal: { forwardPath: 'a@bravo.example', ...more },
  });
  const index = await log.index();
  for (const address of ['a@bravo.example', 'x@a.example', 'y@b.example', 'z@c.example']) {
    assert.equal(index.search({ address, limit: 10 }).events.length, 1, address);
    assert.equal(index.messages({ address, limit: 10 }).messages.length, 1, address);
  }
  assert.equal(index.search({ address: 'y@b.exa', limit: 10 }).events.length, 0);
  index.close();
});
