import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connectSocket, keyholderOutwardProtocol, REJECTION_SECRET_FILE } from '@sallyport/ipc';
import {
  acceptMessage,
  closeKeyholderTests,
  ktri,
  openKeyholderTests,
  pairs,
  refused,
  setup,
  signParams,
  start,
} from './testing.ts';

before(openKeyholderTests);
after(closeKeyholderTests);

test('the keyholder does not start without a private rejection secret', async () => {
  const given = await setup();
  const path = join(given.options.keyFolder, REJECTION_SECRET_FILE);
  await chmod(path, 0o640);
  await assert.rejects(start(given), /open to others: its mode must be 0600/);
  await rm(path);
  await assert.rejects(start(given), /rejection-secret cannot be read \(ENOENT\)/);
});

test('a broken key is named with its reason and the others stay in use', async () => {
  const given = await setup();
  const folder = given.options.keyFolder;
  for (const keyId of ['good', 'open', 'other', 'wrong-kind', 'pending']) {
    await given.addKey({ keyId, ...(keyId === 'pending' ? { state: 'pending' } : {}) });
  }
  await chmod(join(folder, 'open.pem'), 0o644);
  await writeFile(join(folder, 'other.pem'), pairs.get('ec-p256')?.pem ?? '');
  const ec = await readFile(join(folder, 'wrong-kind.json'), 'utf8');
  await writeFile(join(folder, 'wrong-kind.json'), ec.replace('rsa-2048', 'ec-p256'));
  await writeFile(join(folder, 'cut.json'), '{"keyId":"cut"');
  await writeFile(join(folder, 'renamed.json'), await readFile(join(folder, 'good.json')));
  const { outward, close, keyholder } = await start(given);
  const keyIds = async () => (await outward.call('keys', {})).map(({ keyId }) => keyId);
  assert.deepEqual(await keyIds(), ['good']);
  const log = given.lines.join('');
  for (const reason of [
    /open\.pem is open to others/,
    /other\.pem holds no rsa-2048 key/,
    /wrong-kind\.pem holds no ec-p256 key/,
    /cut\.json.*is no JSON/,
    /renamed\.json.*the record is of key good/,
  ]) {
    assert.match(log, reason);
  }
  assert.doesNotMatch(log, /BEGIN/);
  await chmod(join(folder, 'open.pem'), 0o600);
  await keyholder.reload();
  assert.deepEqual(await keyIds(), ['good', 'open']);
  await close();
});

test('each socket has its own methods, each method its own key class, and keys have states', async () => {
  const given = await setup();
  await given.addKey({ keyId: 'dsa' });
  await given.addKey({ keyId: 'dca', class: 'domain-confidentiality', signedAttributes: null });
  const { outward, inward, close } = await start(given);
  const queueId = await acceptMessage();
  const asOutward = connectSocket({
    path: given.options.inwardSocket,
    protocol: keyholderOutwardProtocol,
    deadlineMs: 5_000,
  });
  await assert.rejects(
    asOutward.call('sign', signParams('dsa', queueId)),
    refused(null, /unknown-method/),
  );
  asOutward.close();
  await assert.rejects(
    outward.call('sign', signParams('dca', queueId)),
    refused('own-key-unavailable', /dca/),
  );
  const unwrap = {
    keyId: 'dsa',
    queueId,
    keyBytes: 16,
    recipient: ktri(Buffer.alloc(256)),
  } as const;
  await assert.rejects(inward.call('unwrap', unwrap), refused('own-key-unavailable', /dsa/));
  const twice = {
    ...signParams('dsa', queueId),
    signatureTypes: ['domain' as const, 'additional-attributes' as const],
  };
  await assert.rejects(outward.call('sign', twice), refused(null, /only signature type/));
  await close();
});

test('a key whose kind cannot serve its class is left out', async () => {
  const given = await setup();
  const receiving = { class: 'domain-confidentiality', signedAttributes: null } as const;
  await given.addKey({ keyId: 'good', algorithm: 'ed25519' });
  await given.addKey({ keyId: 'x', algorithm: 'x25519', ...receiving });
  const folder = given.options.keyFolder;
  for (const [keyId, from, to] of [
    ['good', 'domain-signing', 'domain-confidentiality'],
    ['x', 'domain-confidentiality', 'domain-signing'],
  ] as const) {
    const record = await readFile(join(folder, `${keyId}.json`), 'utf8');
    const other = record.replace(from, to).replace(keyId, `${keyId}2`);
    await writeFile(join(folder, `${keyId}2.json`), other);
  }
  const { outward, close } = await start(given);
  const keyIds = (await outward.call('keys', {})).map(({ keyId }) => keyId);
  await close();
  assert.deepEqual(keyIds, ['good', 'x']);
  assert.match(given.lines.join(''), /cannot serve domain-signing/);
});

test('main: ready when listening, SIGHUP reads the keys again, the end of its supervisor ends it', async () => {
  const given = await setup();
  const optionsFile = join(given.options.keyFolder, '..', 'options.json');
  await writeFile(optionsFile, JSON.stringify(given.options));
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, optionsFile], {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    log += chunk.toString();
    if (log.includes('["dsa"]')) child.emit('reloaded');
  });
  assert.deepEqual(await once(child, 'message'), ['ready', undefined]);
  await given.addKey({ keyId: 'dsa' });
  const reloaded = once(child, 'reloaded');
  child.kill('SIGINT');
  child.kill('SIGHUP');
  await reloaded;
  const outward = connectSocket({
    path: given.options.outwardSocket,
    protocol: keyholderOutwardProtocol,
    deadlineMs: 20_000,
  });
  const queueId = await acceptMessage();
  const rounds = 300;
  const begin = performance.now();
  await Promise.all(
    Array.from({ length: rounds }, () => outward.call('sign', signParams('dsa', queueId))),
  );
  const perSecond = Math.round((rounds / (performance.now() - begin)) * 1_000);
  console.log(`RSA-2048 signatures with intent and outcome on the disk: ${perSecond}/s`);
  outward.close();
  child.disconnect();
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
