import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  activeVersion,
  PolicyReader,
  type PolicyStep,
  PolicyUnavailable,
  type PolicyVersion,
  readActivePolicy,
  readVersion,
} from './read.ts';
import { hashVersion } from './version.ts';
import { exportPolicy, importPolicy, parsePolicyYaml } from './write.ts';

const NOW = new Date('2026-01-02T03:05:00Z');
const BY = { author: 'ann', reason: 'first', now: new Date('2026-01-02T03:04:05Z') };
const ONE = 'partners:\n  - { name: Bravo, domains: [bravo.example, "*.bravo.example"] }\n';
const TWO = 'partners:\n  - { name: Charlie, domains: [charlie.example] }\n';

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-policy-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function imported(folder: string, text: string): Promise<PolicyVersion> {
  const result = await importPolicy(folder, text, BY);
  assert.ok(result.kind === 'imported', JSON.stringify(result));
  return result.version;
}

async function change(folder: string, edit: (version: PolicyVersion) => object): Promise<void> {
  const path = join(folder, '000001.json');
  const version = JSON.parse(await readFile(path, 'utf8')) as PolicyVersion;
  await writeFile(path, JSON.stringify(edit(version)));
}

test('without a version nothing is judged', async (t) => {
  const folder = await folderFor(t);
  await assert.rejects(activeVersion(folder, NOW), PolicyUnavailable);
  await assert.rejects(readActivePolicy(folder, NOW), PolicyUnavailable);
  await assert.rejects(readVersion(folder, 1), PolicyUnavailable);
  await assert.rejects(
    new PolicyReader(folder, { now: () => new Date() }).current(),
    PolicyUnavailable,
  );
});

test('a version whose document was changed is refused, whoever asks', async (t) => {
  const folder = await folderFor(t);
  await imported(folder, ONE);
  await change(folder, (version) => ({
    ...version,
    document: version.document.replace('bravo', 'evil.'),
  }));
  await assert.rejects(readVersion(folder, 1), PolicyUnavailable);
  await assert.rejects(readActivePolicy(folder, NOW), PolicyUnavailable);
  await assert.rejects(importPolicy(folder, TWO, BY), PolicyUnavailable, 'nothing is built on it');
});

test('a version under another number, with an unknown field, or cut short, is refused', async (t) => {
  const edits: ((version: PolicyVersion) => object)[] = [
    (version) => ({ ...version, version: 2 }),
    (version) => ({ ...version, extra: 1 }),
    (version) => ({ ...version, sha256: '0'.repeat(64) }),
    (version) => ({ version: version.version }),
  ];
  for (const edit of edits) {
    const folder = await folderFor(t);
    await imported(folder, ONE);
    await change(folder, edit);
    await assert.rejects(readVersion(folder, 1), PolicyUnavailable);
  }
  const folder = await folderFor(t);
  await imported(folder, ONE);
  await writeFile(join(folder, '000001.json'), '{"version":1');
  await assert.rejects(readVersion(folder, 1), PolicyUnavailable);
});

test('a hash that fits a document which breaks the schema does not put it in force', async (t) => {
  const folder = await folderFor(t);
  await imported(folder, ONE);
  const document = '{"partners":[{"name":"x"}]}';
  await change(folder, (version) => {
    const changed = { ...version, document } as PolicyVersion;
    return { ...changed, sha256: hashVersion(changed) };
  });
  await assert.rejects(readActivePolicy(folder, NOW), PolicyUnavailable);
});

test('a step that is broken, edited or of another number puts nothing in force', async (t) => {
  const edits: ((step: PolicyStep) => unknown)[] = [
    () => '{',
    (step) => ({ ...step, inForce: { ...step.inForce, version: 2 } }),
    (step) => ({ ...step, step: 2 }),
    (step) => ({ ...step, extra: 1 }),
    (step) => ({ ...step, by: 'somebody else' }),
  ];
  for (const edit of edits) {
    const folder = await folderFor(t);
    await imported(folder, ONE);
    const path = join(folder, 'step-000001.json');
    const step = JSON.parse(await readFile(path, 'utf8')) as PolicyStep;
    await writeFile(path, JSON.stringify(edit(step)));
    await assert.rejects(readActivePolicy(folder, NOW), PolicyUnavailable);
    await assert.rejects(
      importPolicy(folder, TWO, BY),
      PolicyUnavailable,
      'nothing is built on it',
    );
  }
});

test('a version that was replaced whole after it came into force is refused', async (t) => {
  const folder = await folderFor(t);
  await imported(folder, ONE);
  await change(folder, (version) => {
    const changed = { ...version, document: '{}' };
    return { ...changed, sha256: hashVersion(changed) };
  });
  await assert.rejects(readActivePolicy(folder, NOW), PolicyUnavailable);
});

test('YAML that is wrong is not written, and says where', async (t) => {
  const folder = await folderFor(t);
  for (const text of [
    'a: [',
    'partners: 1',
    'unknown: 1',
    'a: 1\na: 2',
    'partners:\n  - { name: x, domains: ["no domain"] }',
  ]) {
    const result = await importPolicy(folder, text, BY);
    assert.ok(result.kind === 'invalid' && result.faults[0] !== undefined, text);
  }
  assert.deepEqual(await readdir(folder), []);
});

test('YAML whose aliases would grow without bound is a fault, and no exception', () => {
  const nine = (name: string): string => Array(9).fill(name).join(',');
  const bomb = `a: &a [${nine('x')}]\nb: &b [${nine('*a')}]\nc: &c [${nine('*b')}]\nd: [${nine('*c')}]\n`;
  assert.equal(parsePolicyYaml(bomb).kind, 'invalid');
});

test('design section 5: each version carries its own hash and that of the one before', async (t) => {
  const folder = await folderFor(t);
  const made = [
    await imported(folder, ONE),
    await imported(folder, TWO),
    await imported(folder, ONE),
  ];
  assert.deepEqual(
    made.map((version) => version.version),
    [1, 2, 3],
  );
  assert.equal(made[0]?.previous, null);
  for (const [index, version] of made.entries()) {
    assert.equal(version.sha256, hashVersion(version));
    if (index > 0) assert.equal(version.previous, made[index - 1]?.sha256);
    assert.deepEqual(await readVersion(folder, version.version), version);
  }
  assert.equal(await activeVersion(folder, NOW), 3);
  assert.deepEqual(
    [made[0]?.author, made[0]?.reason, made[0]?.time],
    ['ann', 'first', '2026-01-02T03:04:05.000Z'],
  );
});

test('a version stays as it was when others follow, and no half file is left', async (t) => {
  const folder = await folderFor(t);
  await imported(folder, ONE);
  const before = await readFile(join(folder, '000001.json'));
  await imported(folder, TWO);
  assert.deepEqual(await readFile(join(folder, '000001.json')), before);
  const files = ['000001.json', '000002.json', 'step-000001.json', 'step-000002.json'];
  assert.deepEqual((await readdir(folder)).sort(), files);
  assert.equal((await stat(join(folder, '000001.json'))).mode & 0o007, 0);
});

test('what is exported is imported as the same document', async (t) => {
  const folder = await folderFor(t);
  const version = await imported(folder, ONE);
  const text = exportPolicy({ ...version, reason: 'two\nlines\r\nand: more', author: 'a\nb: c' });
  assert.equal((await imported(folder, text)).document, version.document);
  const parsed = parsePolicyYaml(text);
  assert.deepEqual(parsed.kind === 'ok' && parsed.document, JSON.parse(version.document));
});

test('the reader reads once, and notices another version within a second', async (t) => {
  const folder = await folderFor(t);
  await imported(folder, ONE);
  let now = 10_000;
  const reader = new PolicyReader(folder, { now: () => new Date(now) });
  const nameOf = async () => (await reader.current()).policy.partners[0]?.name;
  assert.equal(await nameOf(), 'Bravo');
  await imported(folder, TWO);
  assert.equal(await nameOf(), 'Bravo', 'the same moment');
  now += 999;
  assert.equal(await nameOf(), 'Bravo');
  now += 1;
  assert.equal(await nameOf(), 'Charlie');
  assert.equal((await reader.current()).version, 2);
});

test('a clock that goes back does not freeze the policy', async (t) => {
  const folder = await folderFor(t);
  await imported(folder, ONE);
  let now = 1_000_000;
  const reader = new PolicyReader(folder, { now: () => new Date(now) });
  await reader.current();
  await imported(folder, TWO);
  now = 5;
  assert.equal((await reader.current()).version, 2);
});

test('a new version that cannot be used is an outage; the old one is not used on', async (t) => {
  const folder = await folderFor(t);
  await imported(folder, ONE);
  let now = 10_000;
  const reader = new PolicyReader(folder, { now: () => new Date(now) });
  await reader.current();
  await imported(folder, TWO);
  await writeFile(join(folder, '000002.json'), '{}');
  now += 1_000;
  await assert.rejects(reader.current(), PolicyUnavailable);
  await assert.rejects(reader.current(), PolicyUnavailable, 'also within the second');
  await rm(join(folder, '000002.json'));
  await imported(folder, TWO);
  assert.equal((await reader.current()).policy.partners[0]?.name, 'Charlie', 'and comes back');
});

test('many who ask at once cause one read', async (t) => {
  const folder = await folderFor(t);
  await imported(folder, ONE);
  const reader = new PolicyReader(folder, { now: () => new Date(10_000) });
  const all = await Promise.all(Array.from({ length: 50 }, () => reader.current()));
  assert.ok(all.every((active) => active === all[0]));
});

test('an edit of author, reason or time is found as one of the document is', async (t) => {
  const folder = await folderFor(t);
  for (const field of ['author', 'reason'] as const) {
    await imported(folder, ONE);
    await change(folder, (version) => ({ ...version, [field]: 'somebody else' }));
    await assert.rejects(readVersion(folder, 1), PolicyUnavailable, field);
    await rm(folder, { recursive: true });
  }
});

test('two imports at once make two versions or a fault, never one version twice', async (t) => {
  const folder = await folderFor(t);
  const results = await Promise.all([importPolicy(folder, ONE, BY), importPolicy(folder, TWO, BY)]);
  const made = results.flatMap((one) => (one.kind === 'imported' ? [one.version.version] : []));
  assert.equal(new Set(made).size, made.length);
  assert.ok(made.length >= 1);
});
