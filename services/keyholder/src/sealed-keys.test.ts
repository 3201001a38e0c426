import assert from 'node:assert/strict';
import { createPrivateKey, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KeyFiles, keyRecordSchema } from '@sallyport/ipc';
import {
  acceptMessage,
  closeKeyholderTests,
  eventsOfKey,
  openKeyholderTests,
  pairs,
  refused,
  root,
  type Setup,
  setup,
  signParams,
  start,
} from './testing.ts';

before(openKeyholderTests);
after(closeKeyholderTests);

async function sealedSetup(
  name: string,
): Promise<Setup & { seal(keyId: string): Promise<string> }> {
  const credentialFile = join(root, `${name}-credential`);
  await writeFile(credentialFile, randomBytes(48), { mode: 0o600 });
  const seal = { kind: 'credential', credentialFile } as const;
  const given = await setup({ seal });
  const { keyFolder } = given.options;
  return {
    ...given,
    /** Puts the sealed form of the key's file in its place. @returns its path */
    seal: async (keyId) => {
      const path = join(keyFolder, `${keyId}.json`);
      const record = keyRecordSchema.parse(JSON.parse(await readFile(path, 'utf8')));
      const key = createPrivateKey(pairs.get(record.algorithm)?.pem ?? '');
      const { name: file, text } = await new KeyFiles(keyFolder, seal).seal(key, record);
      await writeFile(join(keyFolder, file), text, { mode: 0o600 });
      await writeFile(path, JSON.stringify({ ...record, privateKeyFile: file }));
      return join(keyFolder, file);
    },
  };
}

/** The recorder gets to know beside all else, so it may take a moment. */
async function quarantineEvents(keyId: string, count: number) {
  for (let tries = 0; tries < 200; tries += 1) {
    const found = (await eventsOfKey(keyId)).filter(({ kind }) => kind === 'key-quarantined');
    if (found.length >= count) return found;
    await sleep(20);
  }
  return assert.fail(`no event of the quarantine of ${keyId}`);
}

test('a sealed key signs, and one that lies in clear signs with a warning', async () => {
  const given = await sealedSetup('both');
  await given.addKey({ keyId: 'shut' });
  await given.addKey({ keyId: 'bare' });
  await given.seal('shut');
  const { outward, close } = await start(given);
  const queueId = await acceptMessage();
  for (const keyId of ['shut', 'bare']) {
    const { signature } = await outward.call('sign', signParams(keyId, queueId));
    assert.equal(Buffer.from(signature, 'base64').length, 256);
  }
  const warned = given.lines.filter((line) => line.includes('"key.unsealed"'));
  assert.equal(warned.length, 1);
  assert.match(warned[0] ?? '', /"keyId":"bare"/);
  await close();
});

test('a corrupted key file is quarantined and named in log and audit log, and the others serve', async () => {
  const given = await sealedSetup('corrupted');
  await given.addKey({ keyId: 'corrupted-good' });
  await given.addKey({ keyId: 'corrupted-bad' });
  await given.seal('corrupted-good');
  const path = await given.seal('corrupted-bad');
  const whole = await readFile(path, 'utf8');
  const sealed = /"sealed": "(.{40})/.exec(whole)?.[1] ?? '';
  await writeFile(path, whole.replace(sealed, sealed.split('').reverse().join('')));
  const { outward, keyholder, close } = await start(given);
  const queueId = await acceptMessage();
  await outward.call('sign', signParams('corrupted-good', queueId));
  await assert.rejects(
    outward.call('sign', signParams('corrupted-bad', queueId)),
    refused('own-key-unavailable', /corrupted-bad/),
  );
  const line = given.lines.find((one) => one.includes('"key.quarantined"')) ?? '';
  assert.match(line, /corrupted-bad\.key\.sealed does not open: it was changed/);
  const [event] = await quarantineEvents('corrupted-bad', 1);
  assert.match(String(event?.facts['sentence']), /corrupted-bad\.key\.sealed does not open/);
  // Told once, though it is found again; mended, the key is in use after a reload.
  await keyholder.reload();
  await writeFile(path, whole);
  await keyholder.reload();
  await outward.call('sign', signParams('corrupted-bad', queueId));
  assert.equal((await quarantineEvents('corrupted-bad', 1)).length, 1);
  await close();
});

test('without the credential every sealed key is quarantined, and the service is up', async () => {
  const given = await sealedSetup('lost');
  await given.addKey({ keyId: 'lost-shut' });
  await given.addKey({ keyId: 'lost-bare' });
  await given.seal('lost-shut');
  const { seal } = given.options;
  assert.ok(seal?.kind === 'credential');
  await writeFile(seal.credentialFile, randomBytes(48), { mode: 0o600 });
  const { outward, close } = await start(given);
  const keys = (await outward.call('keys', {})).map(({ keyId }) => keyId);
  assert.deepEqual(keys, ['lost-bare']);
  await close();
});

test('a key on a token is quarantined where no token is configured', async () => {
  const given = await sealedSetup('token');
  await given.addKey({ keyId: 'on-token' });
  const path = join(given.options.keyFolder, 'on-token.json');
  const { privateKeyFile: _, ...record } = JSON.parse(await readFile(path, 'utf8')) as Record<
    string,
    unknown
  >;
  await writeFile(path, JSON.stringify({ ...record, token: 'pkcs11:token=t;id=%01;type=private' }));
  const { outward, close } = await start(given);
  assert.deepEqual(await outward.call('keys', {}), []);
  assert.match(given.lines.join(''), /the key is on a token, and the config has no keys\.token/);
  await close();
});
