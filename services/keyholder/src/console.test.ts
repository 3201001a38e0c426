import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  connectSocket,
  type KeyRecord,
  keyholderConsoleProtocol,
  keyholderOperatorProtocol,
} from '@sallyport/ipc';
import {
  closeKeyholderTests,
  dkimFacts,
  eventsOfKey,
  openKeyholderTests,
  pairs,
  refused,
  root,
  type Setup,
  setup,
  start,
} from './testing.ts';

before(openKeyholderTests);
after(closeKeyholderTests);

let count = 0;
async function setupForConsole(): Promise<Setup & { readonly consoleSocket: string }> {
  count += 1;
  const consoleSocket = join(root, `console-${count}.sock`);
  return { ...(await setup({ consoleSocket })), consoleSocket };
}

async function startWithConsole(given: Setup & { readonly consoleSocket: string }) {
  const running = await start(given);
  const console = connectSocket({
    path: given.consoleSocket,
    protocol: keyholderConsoleProtocol,
    deadlineMs: 20_000,
  });
  const close = async () => {
    console.close();
    await running.close();
  };
  return { console, close };
}

const uncertified = { state: 'generated', certificate: null, signedAttributes: null } as const;

test('the console sees what is public of every key, in use or not, and nothing that is secret', async () => {
  const given = await setupForConsole();
  const activateAt = '2030-01-01T00:00:00.000Z';
  await given.addKey({ keyId: 'dsa-1' });
  await given.addKey({ keyId: 'dsa-2', state: 'pending', activateAt, signedAttributes: null });
  await given.addKey({ keyId: 'dsa-3', ...uncertified });
  await given.addKey({ keyId: 'mail', ...dkimFacts() });
  const { console, close } = await startWithConsole(given);
  const { keys, next, quarantined } = await console.call('list', {});
  assert.deepEqual(
    keys.map(({ keyId, state, activateAt: at, dkimSelector }) => [keyId, state, at, dkimSelector]),
    [
      ['dsa-1', 'active', null, null],
      ['dsa-2', 'pending', activateAt, null],
      ['dsa-3', 'generated', null, null],
      ['mail', 'active', null, 'rsa'],
    ],
  );
  assert.deepEqual([next, quarantined], [null, []]);
  const own = new X509Certificate(pairs.get('rsa-2048')?.certificate ?? '');
  const shown = keys[0]?.certificate;
  assert.equal(shown?.fingerprint, own.fingerprint256.replaceAll(':', '').toLowerCase());
  assert.equal(shown.notAfter, own.validToDate.toISOString());
  assert.equal(shown.subject, 'CN=domain-signing-authority');
  assert.ok(Buffer.from(shown.der, 'base64').equals(own.raw));
  assert.equal(keys[2]?.certificate, null);
  assert.doesNotMatch(JSON.stringify(keys), /PRIVATE|privateKeyFile|\.pem/);
  await close();
});

test('a list that is longer than a page goes on where the page ended, and never loses a key', async () => {
  const given = await setupForConsole();
  const names = Array.from({ length: 130 }, (_, n) => `dsa-${String(n).padStart(3, '0')}`);
  for (const keyId of names) await given.addKey({ keyId, ...uncertified });
  const { console, close } = await startWithConsole(given);
  const first = await console.call('list', {});
  assert.equal(first.keys.length, 100);
  assert.ok(first.next !== null);
  const second = await console.call('list', { after: first.next });
  assert.equal(second.next, null);
  assert.deepEqual(
    [...first.keys, ...second.keys].map(({ keyId }) => keyId),
    names,
  );
  await close();
});

test('what is quarantined is named with its reason', async () => {
  const given = await setupForConsole();
  await given.addKey({ keyId: 'dsa-1' });
  const wrong = pairs.get('ec-p256')?.certificate ?? null;
  await given.addKey({ keyId: 'dsa-2', certificate: wrong } satisfies Partial<KeyRecord>);
  await writeFile(join(given.options.keyFolder, 'dsa-3.json'), 'torn');
  await given.addKey({ keyId: 'dsa-4', privateKeyFile: 'gone.pem' } satisfies Partial<KeyRecord>);
  const { console, close } = await startWithConsole(given);
  const { keys, quarantined } = await console.call('list', {});
  assert.deepEqual(
    keys.map(({ keyId }) => keyId),
    ['dsa-1', 'dsa-2', 'dsa-4'],
  );
  assert.deepEqual(quarantined.map(({ keyId }) => keyId).sort(), ['dsa-2', 'dsa-3', 'dsa-4']);
  for (const { reason } of quarantined)
    assert.ok(!reason.includes(given.options.keyFolder), reason);
  assert.match(quarantined.find(({ keyId }) => keyId === 'dsa-2')?.reason ?? '', /another key/);
  await close();
});

test('RFC 2986: the console gets a request by the same way as the operator, recorded like it', async () => {
  const given = await setupForConsole();
  await given.addKey({ keyId: 'asked-by-console', ...uncertified });
  const { console, close } = await startWithConsole(given);
  const { csr } = await console.call('signCsr', { keyId: 'asked-by-console' });
  assert.ok(Buffer.from(csr, 'base64').length > 200);
  const kinds = (await eventsOfKey('asked-by-console')).map(({ kind }) => kind);
  assert.deepEqual(kinds.sort(), ['key-intent', 'key-outcome']);
  await assert.rejects(
    console.call('signCsr', { keyId: 'nobody' }),
    refused('own-key-unavailable', /./),
  );
  await close();
});

test('the console has no method that uses a key otherwise, and its socket is closed to others', async () => {
  const given = await setupForConsole();
  const { close } = await startWithConsole(given);
  assert.equal((await stat(given.consoleSocket)).mode & 0o777, 0o600);
  const wrong = connectSocket({
    path: given.consoleSocket,
    protocol: keyholderOperatorProtocol,
    deadlineMs: 20_000,
  });
  await assert.rejects(wrong.call('reload', {}), refused(null, /unknown-method/));
  wrong.close();
  await close();
});
