import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { KeyRecord } from '../protocols/key-record.ts';
import { KeyFiles } from './key-files.ts';
import { isSealedKey, openSealedKey, sealKey } from './sealed-key.ts';
import { SealingSecret } from './sealing-secret.ts';

const root = mkdtempSync(join(tmpdir(), 'sealed-'));
after(() => rm(root, { recursive: true }));

const FACTS = { keyId: 'dsa-1', class: 'domain-signing', algorithm: 'ec-p256' } as const;
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const PKCS8 = privateKey.export({ format: 'der', type: 'pkcs8' });
let count = 0;

function fileOf(bytes: string | Uint8Array, mode = 0o600): string {
  count += 1;
  const path = join(root, `secret-${count}`);
  writeFileSync(path, bytes);
  chmodSync(path, mode);
  return path;
}
const credential = (bytes = randomBytes(32)) =>
  SealingSecret.load({ kind: 'credential', credentialFile: fileOf(bytes) });
const passphrase = (text: string) =>
  SealingSecret.load({ kind: 'passphrase', passphraseFile: fileOf(text) });
const seal = (secret: SealingSecret) => sealKey(PKCS8, FACTS, { secret, like: null });
const changed = (text: string, change: (file: Record<string, unknown>) => void): string => {
  const file = JSON.parse(text) as Record<string, unknown>;
  change(file);
  return JSON.stringify(file);
};

test('a sealed key opens under its credential or passphrase, and shows nothing of the key', async () => {
  const line = 'correct horse battery staple';
  for (const secret of [await credential(), await passphrase(`${line}\nnot this line\n`)]) {
    const text = await seal(secret);
    assert.ok(isSealedKey(text));
    assert.equal(text.includes(PKCS8.toString('base64').slice(0, 24)), false);
    assert.deepEqual(await openSealedKey(text, FACTS, secret), PKCS8);
  }
  const text = await seal(await passphrase(line));
  assert.deepEqual(await openSealedKey(text, FACTS, await passphrase(`${line}\r\n`)), PKCS8);
});

test('a file in the place of another, or under a record of another class, does not open', async () => {
  const secret = await credential();
  const text = await seal(secret);
  for (const other of [
    { ...FACTS, keyId: 'dsa-2' },
    { ...FACTS, class: 'domain-confidentiality' },
    { ...FACTS, algorithm: 'ec-p384' },
  ] as const) {
    await assert.rejects(openSealedKey(text, other, secret), /does not open/);
  }
});

test('another secret and any changed byte are found', async () => {
  const secret = await credential();
  const text = await seal(secret);
  await assert.rejects(openSealedKey(text, FACTS, await credential()), /does not open/);
  for (const name of ['sealed', 'nonce'] as const) {
    const broken = changed(text, (file) => {
      const bytes = Buffer.from(String(file[name]), 'base64');
      bytes[3] = (bytes[3] ?? 0) ^ 1;
      file[name] = bytes.toString('base64');
    });
    await assert.rejects(openSealedKey(broken, FACTS, secret), /does not open/);
  }
  const salted = changed(text, (file) => {
    file['derivation'] = { kind: 'credential', salt: randomBytes(32).toString('base64') };
  });
  await assert.rejects(openSealedKey(salted, FACTS, secret), /does not open/);
});

test('the cost of argon2id is bounded when read, before anything is derived', async () => {
  const secret = await passphrase('correct horse battery staple');
  const text = await seal(secret);
  const costs = [
    { memoryKiB: 4_194_304 },
    { passes: 1_000_000 },
    { lanes: 64 },
    { memoryKiB: 8 },
    { passes: 1 },
  ];
  for (const cost of costs) {
    const bomb = changed(text, (file) => {
      file['derivation'] = { ...(file['derivation'] as object), ...cost };
    });
    await assert.rejects(openSealedKey(bomb, FACTS, secret), { name: 'ZodError' });
  }
});

test('further files of a folder pay for argon2id once', async () => {
  const secret = await passphrase('correct horse battery staple');
  const first = secret.newDerivation(null);
  const second = secret.newDerivation(first);
  assert.ok(first.kind === 'argon2id' && second.kind === 'argon2id');
  assert.equal(second.masterSalt, first.masterSalt);
  assert.notEqual(second.salt, first.salt);
  assert.notDeepEqual(await secret.key(first), await secret.key(second));
  // A file with other costs is no example.
  const cheap = { ...first, passes: 2 };
  const third = secret.newDerivation(cheap);
  assert.ok(
    third.kind === 'argon2id' && third.masterSalt !== cheap.masterSalt && third.passes === 3,
  );
});

test('a secret that is short, open to others, absent or of the other kind is named', async () => {
  await assert.rejects(credential(randomBytes(31)), /shorter than 32 bytes/);
  await assert.rejects(passphrase('too short\nlonger second line'), /shorter than 12 characters/);
  const open = fileOf(randomBytes(32), 0o640);
  await assert.rejects(
    SealingSecret.load({ kind: 'credential', credentialFile: open }),
    /is open to others: its mode must be 0600/,
  );
  const absent = join(root, 'absent');
  await assert.rejects(
    SealingSecret.load({ kind: 'credential', credentialFile: absent }),
    /absent cannot be read \(ENOENT\)/,
  );
  const text = await seal(await credential());
  await assert.rejects(
    openSealedKey(text, FACTS, await passphrase('correct horse battery staple')),
    /was sealed under a credential file, and the config names another kind/,
  );
});

test('a folder names what is quarantined and gives out the rest', async () => {
  const folder = mkdtempSync(join(root, 'keys-'));
  const credentialFile = fileOf(randomBytes(32));
  const files = new KeyFiles(folder, { kind: 'credential', credentialFile });
  const put = async (keyId: string, spoil: (text: string) => string): Promise<void> => {
    const facts = { ...FACTS, keyId };
    const { name, text } = await files.seal(privateKey, facts);
    await writeFile(join(folder, name), spoil(text), { mode: 0o600 });
    const record: KeyRecord = {
      ...facts,
      domain: 'acme.example',
      state: 'pending',
      certificate: null,
      chain: [],
      privateKeyFile: name,
      signedAttributes: null,
    };
    await writeFile(join(folder, `${keyId}.json`), JSON.stringify(record));
  };
  const same = (text: string): string => text;
  await put('good', same);
  await put('cut', (text) => text.slice(0, -40));
  await put('swapped', same);
  await put('empty', () => '');
  await writeFile(
    join(folder, 'swapped.key.sealed'),
    await readFile(join(folder, 'good.key.sealed')),
    { mode: 0o600 },
  );
  await writeFile(join(folder, 'record.json'), '{"keyId": "record"');
  const { records, quarantined } = await files.check();
  assert.deepEqual(
    records.map(({ keyId }) => keyId),
    ['cut', 'empty', 'good', 'swapped'],
  );
  const reasons = new Map(quarantined.map(({ keyId, reason }) => [keyId, reason]));
  assert.deepEqual([...reasons.keys()].sort(), ['cut', 'empty', 'record', 'swapped']);
  assert.match(reasons.get('cut') ?? '', /cut\.key\.sealed is no JSON/);
  assert.match(reasons.get('swapped') ?? '', /swapped\.key\.sealed does not open/);
  assert.match(reasons.get('empty') ?? '', /holds no private key that can be read/);
  assert.equal(reasons.get('record'), 'is no JSON');
  const good = records.find(({ keyId }) => keyId === 'good');
  assert.ok(good);
  const opened = await files.open(good);
  assert.equal(opened.isSealed, true);
  assert.ok(opened.privateKey.equals(privateKey));
  const without = new KeyFiles(folder, null);
  await assert.rejects(without.open(good), /is sealed, and the config does not say under what/);
});
