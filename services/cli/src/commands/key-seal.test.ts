import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Domain } from '@sallyport/mail';
import { writeKeyRecord } from '../gateway/keys.ts';
import { layoutOf } from '../gateway/layout.ts';
import { storePrivateKey } from '../gateway/private-keys.ts';
import { sallyport } from '../testing.ts';

const root = mkdtempSync(join(tmpdir(), 'key-seal-'));
const configFile = join(root, 'gateway.yaml');
const layout = layoutOf({
  dataFolder: join(root, 'data'),
  runtimeFolder: join(root, 'run'),
});
const { privateKey } = generateKeyPairSync('ed25519');
const privateKeyPem = String(privateKey.export({ format: 'pem', type: 'pkcs8' }));

before(async () => {
  await mkdir(layout.keys, { recursive: true });
  for (const name of ['tls.pem', 'tls-key.pem']) {
    await writeFile(join(root, name), 'not looked at', { mode: 0o600 });
  }
  const config = {
    gateway: { name: 'gw.acme.example' },
    domains: [{ name: 'acme.example' }],
    routes: [{ domain: 'acme.example', nextHops: ['127.0.0.1:2525'] }],
    ingress: {
      partner: { listen: ['127.0.0.1:2526'] },
      tls: { certificateFile: 'tls.pem', keyFile: 'tls-key.pem' },
    },
  };
  await writeFile(configFile, JSON.stringify(config));
  for (const keyId of ['dsa-good', 'dsa-open', 'dsa-broken']) {
    const facts = { keyId, class: 'domain-signing', algorithm: 'ed25519' } as const;
    const record = await storePrivateKey({
      layout,
      place: { privateKeyPem },
      domain: 'acme.example' as Domain,
      now: new Date('2026-01-01T00:00:00Z'),
      ...facts,
    });
    await writeKeyRecord(layout.keys, record);
  }
});
after(() => rm(root, { recursive: true }));

const order = (...args: readonly string[]) =>
  sallyport(['key', ...args, '--json', '--config', configFile]);
const linesOf = (text: string): unknown[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line));

test('key seal seals what lies in clear, and nothing else', async () => {
  const path = join(layout.keys, 'dsa-open.json');
  const record = JSON.parse(await readFile(path, 'utf8')) as object;
  await writeFile(join(layout.keys, 'dsa-open.pem'), privateKeyPem, { mode: 0o600 });
  await rm(join(layout.keys, 'dsa-open.key.sealed'));
  await writeFile(path, JSON.stringify({ ...record, privateKeyFile: 'dsa-open.pem' }));
  const first = await order('seal');
  assert.equal(first.code, 0, first.stderr);
  assert.deepEqual(linesOf(first.text), [{ keyId: 'dsa-open' }]);
  const second = await order('seal');
  assert.equal(second.code, 0, second.stderr);
  assert.deepEqual(linesOf(second.text), []);
});

test('key list names a corrupted key and the reason, and lists the others', async () => {
  const fine = await order('list');
  assert.equal(fine.code, 0, fine.stderr);
  const path = join(layout.keys, 'dsa-broken.key.sealed');
  await writeFile(path, (await readFile(path, 'utf8')).replace(/"nonce": "./, '"nonce": "_'));
  await writeFile(join(layout.keys, 'dsa-cut.json'), '{"keyId"');
  const result = await order('list');
  assert.equal(result.code, 1);
  const told = linesOf(result.text).map((line) => {
    const { keyId, quarantined } = line as { keyId: string; quarantined?: string };
    return [keyId, quarantined ?? ''] as const;
  });
  assert.deepEqual(
    told.map(([keyId, reason]) => [keyId, reason !== '']),
    [
      ['dsa-broken', true],
      ['dsa-good', false],
      ['dsa-open', false],
      ['dsa-cut', true],
    ],
  );
  assert.match(new Map(told).get('dsa-cut') ?? '', /is no JSON/);
  // A broken key does not stop the life of the others.
  const sealed = await order('seal');
  assert.equal(sealed.code, 1);
  assert.match(sealed.stderr, /dsa-broken is quarantined/);
});
