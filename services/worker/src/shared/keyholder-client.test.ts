import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { UnwrapRequest } from '@sallyport/domsec';
import {
  IpcRefused,
  keyholderInwardProtocol,
  serveSocket,
  type UnwrapRecipient,
} from '@sallyport/ipc';
import { createLogger } from '@sallyport/log';
import { newQueueId, systemClock } from '@sallyport/mail';
import { Keyring } from './keyholder-client.ts';
import { Unavailable } from './ports.ts';

const logger = createLogger({ service: 'test', now: () => new Date(0), write: () => {} });
const id = newQueueId(new Date(0));

async function pathFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sp-keys-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 's');
}

const KARI: UnwrapRequest = {
  keyId: 'k1',
  keyBytes: 32,
  recipient: {
    kind: 'kari',
    curve: 'p256',
    originatorPublicKey: Buffer.from([4, 1, 2]),
    kdf: { kind: 'x963', hash: 'sha256' },
    ukm: null,
    wrap: 'aes256',
    wrapParameters: 'null',
    encryptedKey: Buffer.from([9]),
  },
};

test('RFC 5753 7.2: the keyholder learns the parameters of the wrap as they stood', async (t) => {
  const path = await pathFor(t);
  const asked: UnwrapRecipient[] = [];
  const server = await serveSocket({
    path,
    protocol: keyholderInwardProtocol,
    logger,
    handlers: {
      unwrap: ({ recipient }) => {
        asked.push(recipient);
        return { key: Buffer.alloc(32, 7).toString('base64') };
      },
      keys: () => [],
    },
  });
  t.after(() => server.close());
  const keyring = new Keyring({ path, role: 'inward', clock: systemClock });
  const { recipient } = KARI;
  assert.ok(recipient.kind === 'kari');
  for (const wrapParameters of ['absent', 'null'] as const) {
    const request: UnwrapRequest = { ...KARI, recipient: { ...recipient, wrapParameters } };
    assert.deepEqual(await keyring.unwrapperFor(id).unwrap(request), Buffer.alloc(32, 7));
  }
  assert.deepEqual(
    asked.map((one) => one.kind === 'kari' && one.wrapParameters),
    ['absent', 'null'],
  );
  await assert.rejects(
    keyring.signersFor('acme.example' as never, id),
    /does not sign/,
    'worker inward cannot sign',
  );
});

test('a keyholder that is away, or refuses, is an outage and no verdict', async (t) => {
  const path = await pathFor(t);
  const keyring = new Keyring({ path, role: 'inward', clock: systemClock });
  await assert.rejects(keyring.ownRecipients(), Unavailable);
  const server = await serveSocket({
    path,
    protocol: keyholderInwardProtocol,
    logger,
    handlers: {
      unwrap: () => {
        throw new IpcRefused('overloaded', 'slow down');
      },
      keys: () => [],
    },
  });
  t.after(() => server.close());
  await assert.rejects(keyring.unwrapperFor(id).unwrap(KARI), (error: unknown) => {
    assert.ok(error instanceof Unavailable);
    assert.equal(error.fault, 'overloaded');
    return true;
  });
});
