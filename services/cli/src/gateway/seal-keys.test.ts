import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Domain } from '@sallyport/mail';
import { readKeyRecords, writeKeyRecord } from './keys.ts';
import { layoutOf } from './layout.ts';
import { storePrivateKey } from './private-keys.ts';
import { keyFilesOf, makeSealCredential, sealOpenKeys } from './seal-keys.ts';

const root = mkdtempSync(join(tmpdir(), 'seal-'));
after(() => rm(root, { recursive: true }));
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const privateKeyPem = String(privateKey.export({ format: 'pem', type: 'pkcs8' }));

async function gatewayOf(name: string) {
  const layout = layoutOf({
    dataFolder: join(root, name),
    runtimeFolder: join(root, 'run'),
  });
  await mkdir(layout.keys, { recursive: true });
  assert.ok(layout.seal.kind === 'credential');
  return { layout, credential: layout.seal.credentialFile };
}
const facts = (keyId: string) =>
  ({
    keyId,
    class: 'domain-signing',
    domain: 'acme.example' as Domain,
    algorithm: 'ec-p256',
    now: new Date('2026-01-01T00:00:00Z'),
  }) as const;

test('a new private key is written sealed, under a credential of its own', async () => {
  const { layout, credential } = await gatewayOf('new');
  const record = await storePrivateKey({ layout, place: { privateKeyPem }, ...facts('dsa') });
  assert.equal(record.privateKeyFile, 'dsa.key.sealed');
  for (const path of [join(layout.keys, 'dsa.key.sealed'), credential]) {
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  }
  const { privateKey: opened, isSealed } = await keyFilesOf(layout).open(record);
  assert.ok(isSealed && opened.equals(privateKey));
});

test('a missing credential is not made anew while keys are sealed under it', async () => {
  const { layout, credential } = await gatewayOf('lost');
  await storePrivateKey({ layout, place: { privateKeyPem }, ...facts('dsa') });
  await rm(credential);
  await assert.rejects(
    makeSealCredential(layout),
    /seal-credential is missing, and keys .* sealed/,
  );
});

test('keys that lie in clear are sealed, and the open file goes last', async () => {
  const { layout } = await gatewayOf('old');
  const record = await storePrivateKey({
    layout,
    place: { token: 'pkcs11:token=t;id=%01;type=private' },
    ...facts('on-token'),
  });
  await writeKeyRecord(layout.keys, record);
  const { token: _, ...rest } = record;
  await writeFile(join(layout.keys, 'old.key.pem'), privateKeyPem, { mode: 0o600 });
  await writeKeyRecord(layout.keys, { ...rest, keyId: 'old', privateKeyFile: 'old.key.pem' });
  assert.deepEqual(await sealOpenKeys(layout), { sealed: ['old'], quarantined: [] });
  assert.deepEqual(await sealOpenKeys(layout), { sealed: [], quarantined: [] });
  const names = await readdir(layout.keys);
  assert.deepEqual(names.sort(), ['old.json', 'old.key.sealed', 'on-token.json']);
  const old = (await readKeyRecords(layout.keys)).find(({ keyId }) => keyId === 'old');
  assert.ok(old);
  assert.ok((await keyFilesOf(layout).open(old)).privateKey.equals(privateKey));
});

test('a record that cannot be read is no name for a new key', async () => {
  const { layout } = await gatewayOf('broken');
  await writeFile(join(layout.keys, 'dsa.json'), '{');
  assert.deepEqual(await readKeyRecords(layout.keys), []);
  await assert.rejects(
    storePrivateKey({ layout, place: { privateKeyPem }, ...facts('dsa') }),
    /dsa\.json is there already/,
  );
  assert.equal(await readFile(join(layout.keys, 'dsa.json'), 'utf8'), '{');
});
