import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { recentEvents } from '@sallyport/audit-log';
import {
  connectSocket,
  type IpcClient,
  IpcRefused,
  type KeyDeskProtocol,
  keyDeskProtocol,
} from '@sallyport/ipc';
import { createLogger } from '@sallyport/log';
import { systemClock } from '@sallyport/mail';
import { type Gateway, openGateway } from '../commands/gateway-access.ts';
import { csrOf } from '../commands/key.ts';
import { keyRecord } from '../commands/key-session.ts';
import { hasOpenssl, initialised, openssl } from '../testing.ts';
import { auditSegments } from './audit-folder.ts';
import { serveKeyDesk } from './key-desk.ts';
import { readKeyRecords } from './keys.ts';
import { OneAtATime } from './one-at-a-time.ts';
import { startRecorder } from './one-order-recorder.ts';

const by = 'carol';
const domain = 'acme.example';
const DSA = 'domain-signing';

describe('the key desk', { skip: hasOpenssl() ? false : 'openssl is not installed' }, () => {
  const stack = new AsyncDisposableStack();
  let folder = '';
  let gateway: Gateway;
  let desk: IpcClient<KeyDeskProtocol>;
  const at = (name: string): string => join(folder, name);
  const refused = (why: RegExp) => (error: unknown) =>
    error instanceof IpcRefused && error.fault === null && why.test(error.message);
  const generate = async () =>
    await desk.call('generate', { domain, class: DSA, algorithm: 'ec-p256', by });

  /** What a CA outside makes of the key's request; the PEM of the certificate. */
  async function certified(keyId: string, name = 'domain-signing-authority'): Promise<string> {
    const record = await keyRecord(gateway, keyId);
    await writeFile(at('csr.pem'), await csrOf(gateway, record, {}));
    const extensions = [
      'basicConstraints=critical,CA:FALSE',
      'keyUsage=critical,digitalSignature',
      'extendedKeyUsage=emailProtection',
      `subjectAltName=email:${name}@${domain}`,
    ];
    await writeFile(at('ext.cnf'), `${extensions.join('\n')}\n`);
    const how = ['-CA', at('root.pem'), '-CAkey', at('root.key'), '-extfile', at('ext.cnf')];
    const subject = ['-set_serial', '7', '-days', '30'];
    return openssl(['x509', '-req', '-in', at('csr.pem'), ...subject, ...how]).toString();
  }

  const eventsOf = async (keyId: string): Promise<string[]> => {
    const events = await recentEvents(await auditSegments(gateway.layout.audit), {}, 1_000);
    return events
      .filter(({ facts }) => facts['keyId'] === keyId)
      .map(({ kind, personal }) => `${kind} ${personal['by'] ?? '-'}`);
  };

  before(async () => {
    const made = await initialised();
    stack.defer(made.remove);
    ({ folder } = made);
    gateway = await openGateway(made.config);
    const recorder = await startRecorder(gateway.config, gateway.layout);
    assert.ok(!('reason' in recorder));
    stack.use(recorder);
    const logger = createLogger({ service: 't', now: () => new Date(), write: () => undefined });
    const turns = new OneAtATime();
    const server = await serveKeyDesk({ gateway, logger, clock: systemClock, turns });
    stack.defer(() => server.close());
    const path = gateway.layout.sockets.keyDesk;
    desk = connectSocket({ path, protocol: keyDeskProtocol, deadlineMs: 30_000 });
    stack.defer(() => desk.close());
    const root = ['-subj', '/CN=Outside Root', '-days', '60', '-nodes'];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    const out = ['-keyout', at('root.key'), '-out', at('root.pem')];
    openssl(['req', '-x509', ...curve, ...root, ...out]);
  });
  after(async () => await stack.disposeAsync());

  const rootPem = () => openssl(['x509', '-in', at('root.pem')]).toString();

  test('a certificate that is of another key, class or root, or brings a private key, changes nothing', async () => {
    const { keyId } = await generate();
    const other = await generate();
    const pem = await certified(other.keyId);
    const anchors = rootPem();
    const take = (given: object) =>
      desk.call('takeCertificate', { keyId, pem, anchors, by, ...given });
    await assert.rejects(take({}), refused(/is not for the key/));
    const good = await certified(keyId);
    await assert.rejects(take({ pem: good, anchors: undefined }), refused(/root of an outside CA/));
    const misnamed = await certified(keyId, 'somebody');
    await assert.rejects(take({ pem: misnamed }), refused(/no certificate of a domain authority/));
    const key = openssl(['pkey', '-in', at('root.key')]).toString();
    await assert.rejects(take({ pem: `${good}${key}` }), refused(/holds a private key/));
    await assert.rejects(take({ pem: 'nonsense' }), refused(/holds no certificate/));
    await assert.rejects(take({ pem: 'x'.repeat(200_000) }), refused(/invalid-params/));
    assert.equal((await keyRecord(gateway, keyId)).state, 'generated');
    assert.deepEqual(await eventsOf(keyId), ['key-generated carol']);
  });

  test('a rollover by the desk: made, certified, planned, taken back, in use; each step in the log with who', async () => {
    const [former] = (await readKeyRecords(gateway.layout.keys)).filter(
      (one) => one.class === DSA && one.state === 'active',
    );
    assert.ok(former);
    const { keyId, state } = await generate();
    assert.equal(state, 'generated');
    await assert.rejects(desk.call('activate', { keyId, by }), refused(/has no certificate yet/));
    assert.deepEqual((await desk.call('linesOf', { keyId })).records, []);
    const pem = await certified(keyId);
    const taken = await desk.call('takeCertificate', { keyId, pem, anchors: rootPem(), by });
    assert.equal(taken.state, 'pending');
    const lines = (await desk.call('linesOf', { keyId })).records.map(({ type }) => type);
    assert.deepEqual(lines, ['SMIMEA', 'CERT']);
    const past = '2020-01-01T00:00:00Z';
    await assert.rejects(desk.call('schedule', { keyId, at: past, by }), refused(/is over/));
    const time = new Date(Date.now() + 3_600_000).toISOString();
    assert.equal((await desk.call('schedule', { keyId, at: time, by })).activateAt, time);
    assert.equal((await desk.call('cancel', { keyId, by })).activateAt, null);
    await assert.rejects(desk.call('cancel', { keyId, by }), refused(/no activation is planned/));
    const active = await desk.call('activate', { keyId, by });
    assert.deepEqual(active, {
      keyId,
      state: 'active',
      activateAt: null,
      former: [{ keyId: former.keyId, state: 'retired' }],
    });
    await assert.rejects(desk.call('retire', { keyId, by }), refused(/only one in use/));
    await assert.rejects(
      desk.call('takeCertificate', { keyId, pem, anchors: rootPem(), by }),
      refused(/has its certificate/),
    );
    assert.deepEqual(await eventsOf(keyId), [
      'key-generated carol',
      'key-certified carol',
      'key-scheduled carol',
      'key-scheduled carol',
      'key-activated carol',
    ]);
    assert.ok((await eventsOf(former.keyId)).includes('key-retired carol'));
  });

  test('orders that come together are done one after the other, each on what the one before left', async () => {
    const made = await Promise.all([generate(), generate(), generate()]);
    assert.equal(new Set(made.map(({ keyId }) => keyId)).size, 3);
  });

  test('a kind of key that cannot serve, a foreign domain and a DKIM key without selector are refused', async () => {
    const wanted = { domain, class: DSA, algorithm: 'ec-p256', by } as const;
    const order = (changes: object) => desk.call('generate', { ...wanted, ...changes });
    await assert.rejects(order({ algorithm: 'x25519' }), refused(/cannot serve/));
    const kem = { class: 'domain-confidentiality', algorithm: 'x25519' };
    await assert.rejects(order(kem), refused(/--self-issue/));
    await assert.rejects(order({ domain: 'other.example' }), refused(/one of the gateway's/));
    await assert.rejects(order({ class: 'dkim', algorithm: 'rsa-2048' }), refused(/its selector/));
    await assert.rejects(order({ class: 'statement' }), refused(/are not made here/));
    const dkim = { class: 'dkim', algorithm: 'ed25519', selector: 'next' };
    const { keyId } = await order(dkim);
    assert.deepEqual(
      (await desk.call('linesOf', { keyId })).records.map(({ name, type }) => [name, type]),
      [['next._domainkey.acme.example.', 'TXT']],
    );
    await assert.rejects(order(dkim), refused(/take another/));
  });

  test('the zone has the lines of one domain, the first if none is named', async () => {
    const zone = await desk.call('zone', { domain: null });
    assert.deepEqual([zone.domain, zone.domains], [domain, [domain]]);
    assert.ok(zone.records.some(({ type, name }) => type === 'MX' && name === `${domain}.`));
    assert.ok(zone.records.every(({ purpose }) => purpose !== ''));
    const other = { domain: 'other.example' };
    await assert.rejects(desk.call('zone', other), refused(/one of the gateway's/));
  });
});
