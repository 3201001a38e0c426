import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createLogger } from '@sallyport/log';
import type { Domain } from '@sallyport/mail';
import { MtaStsFolder } from './mta-sts-store.ts';

const BRAVO = 'bravo.example' as Domain;
const KNOWN = {
  id: '1',
  fetchedAt: 1_000,
  policy: { mode: 'enforce', mx: ['*.bravo.example'], maxAgeSeconds: 60 },
} as const;

async function folderOf(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-sts-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const lines: string[] = [];
  const logger = createLogger({
    service: 'test',
    now: () => new Date(0),
    write: (line) => lines.push(line),
  });
  return { folder, lines, open: () => new MtaStsFolder({ folder, logger }) };
}

test('a policy is there after a restart, and its domain is listed', async (t) => {
  const { open } = await folderOf(t);
  await open().save(BRAVO, KNOWN);
  const store = open();
  assert.deepEqual(await store.domains(), [BRAVO]);
  const loaded = await store.load(BRAVO);
  assert.deepEqual(loaded.kind === 'known' && loaded.known, KNOWN);
  assert.deepEqual(await store.load('other.example' as Domain), { kind: 'nothing' });
});

for (const [what, text] of [
  ['empty', ''],
  ['torn', '{"version":1,"dom'],
  ['of another domain', JSON.stringify({ version: 1, domain: 'x.example', ...KNOWN })],
  ['of another version', JSON.stringify({ version: 2, domain: BRAVO, ...KNOWN })],
] as const) {
  test(`a file that is ${what} is lost, never the absence of a policy`, async (t) => {
    const { folder, open } = await folderOf(t);
    await open().save(BRAVO, KNOWN);
    const [name = ''] = await readdir(folder);
    await writeFile(join(folder, name), text);
    assert.equal((await open().load(BRAVO)).kind, 'lost');
  });
}

test('a disk that takes nothing is told of, and the policy counts on', async (t) => {
  const { folder, lines, open } = await folderOf(t);
  const store = open();
  await rm(folder, { recursive: true });
  await store.save(BRAVO, KNOWN);
  assert.match(lines.join(), /mta-sts\.not-kept/);
  assert.equal((await store.load(BRAVO)).kind, 'known');
});
