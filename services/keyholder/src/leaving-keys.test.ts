import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connectSocket, type KeyRecord, keyholderOperatorProtocol } from '@sallyport/ipc';
import type { LoadedKey } from './key-folder.ts';
import { LeavingKeys } from './leaving-keys.ts';
import {
  acceptMessage,
  closeKeyholderTests,
  openKeyholderTests,
  refused,
  type Setup,
  setup,
  signParams,
  start,
} from './testing.ts';

before(openKeyholderTests);
after(closeKeyholderTests);

const NOW = new Date('2026-05-01T00:00:00Z');
const later = (ms: number): Date => new Date(NOW.getTime() + ms);

function ring(...states: readonly (readonly [string, KeyRecord['class'], string?])[]) {
  const loaded = states.map(([keyId, keyClass, domain = 'acme.example']) => {
    const record = { keyId, class: keyClass, domain, state: 'active' };
    return [keyId, { record } as LoadedKey] as const;
  });
  return new Map(loaded);
}

test('a signing key that has a successor signs a while on, and no longer', () => {
  const keys = new LeavingKeys();
  keys.replace(ring(['old', 'domain-signing']), ring(['new', 'domain-signing']), NOW);
  assert.equal(keys.find('old', later(29_999))?.record.keyId, 'old');
  assert.equal(keys.find('old', later(30_000)), null);
  assert.equal(keys.find('new', NOW), null, 'that one is in the ring');
});

test('a key without a successor of its class and domain does not sign on', () => {
  for (const present of [
    ring(),
    ring(['new', 'domain-confidentiality']),
    ring(['new', 'domain-signing', 'bravo.example']),
  ]) {
    const keys = new LeavingKeys();
    keys.replace(ring(['old', 'domain-signing']), present, NOW);
    assert.equal(keys.find('old', NOW), null);
  }
});

test('a key that came back is one of the ring again', () => {
  const keys = new LeavingKeys();
  const both = ring(['old', 'domain-signing'], ['new', 'domain-signing']);
  keys.replace(ring(['old', 'domain-signing']), ring(['new', 'domain-signing']), NOW);
  keys.replace(ring(['new', 'domain-signing']), both, later(1));
  assert.equal(keys.find('old', later(2)), null);
});

async function setState({ options }: Setup, keyId: string, state: KeyRecord['state']) {
  const path = join(options.keyFolder, `${keyId}.json`);
  const record = JSON.parse(await readFile(path, 'utf8')) as KeyRecord;
  await writeFile(path, JSON.stringify({ ...record, state }));
}

test('a rollover: reload brings the new key, and what is being signed with the former one is signed', async () => {
  const given = await setup();
  await given.addKey({ keyId: 'old' });
  const { outward, close } = await start(given);
  const operator = connectSocket({
    path: given.options.operatorSocket,
    protocol: keyholderOperatorProtocol,
    deadlineMs: 20_000,
  });
  const queueId = await acceptMessage();
  await given.addKey({ keyId: 'new' });
  await setState(given, 'old', 'retired');
  assert.deepEqual((await operator.call('reload', {})).keyIds, ['new']);
  assert.deepEqual(
    (await outward.call('keys', {})).map(({ keyId }) => keyId),
    ['new'],
  );
  for (const keyId of ['old', 'new']) await outward.call('sign', signParams(keyId, queueId));
  await setState(given, 'new', 'retired');
  await operator.call('reload', {});
  await assert.rejects(
    outward.call('sign', signParams('new', queueId)),
    refused('own-key-unavailable', /new/),
  );
  operator.close();
  await close();
});

test('a pending confidentiality key opens mail already; a pending signing key does not sign', async () => {
  const given = await setup();
  const pending = { state: 'pending' } as const;
  await given.addKey({
    keyId: 'dca',
    class: 'domain-confidentiality',
    signedAttributes: null,
    ...pending,
  });
  await given.addKey({ keyId: 'dsa', ...pending });
  const { inward, outward, close } = await start(given);
  const keys = await inward.call('keys', {});
  assert.deepEqual(
    keys.map(({ keyId, state }) => [keyId, state]),
    [['dca', 'pending']],
  );
  await assert.rejects(
    outward.call('sign', signParams('dsa', await acceptMessage())),
    refused('own-key-unavailable', /dsa/),
  );
  await close();
});
