import assert from 'node:assert/strict';
import { chmod, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connectSocket, keyholderOperatorProtocol } from '@sallyport/ipc';
import {
  closeKeyholderTests,
  dkimFacts,
  eventsOfKey,
  openKeyholderTests,
  openssl,
  refused,
  root,
  setup,
  startWithOperator,
} from './testing.ts';

before(openKeyholderTests);
after(closeKeyholderTests);

/** What OpenSSL reads in a request whose signature it has checked. */
async function verified(csr: string): Promise<string> {
  const file = join(root, 'request.der');
  await writeFile(file, Buffer.from(csr, 'base64'));
  const question = ['-inform', 'DER', '-in', file, '-verify', '-noout', '-text'];
  const { stdout, stderr } = await openssl('req', ...question);
  assert.match(`${stdout}${stderr}`, /verify OK/);
  return stdout;
}

const uncertified = { state: 'generated', certificate: null, signedAttributes: null } as const;

test('RFC 2986: a key without a certificate asks for one in the name of its class and domain', async () => {
  const given = await setup();
  const dca = { class: 'domain-confidentiality' } as const;
  await given.addKey({ keyId: 'rsa-dsa', ...uncertified });
  await given.addKey({ keyId: 'rsa-dca', ...dca, ...uncertified });
  await given.addKey({ keyId: 'p256-dca', algorithm: 'ec-p256', ...dca, ...uncertified });
  await given.addKey({ keyId: 'p384-dsa', algorithm: 'ec-p384', ...uncertified });
  await given.addKey({ keyId: 'ed-dsa', algorithm: 'ed25519', ...uncertified });
  const { operator, close } = await startWithOperator(given);
  const organization = { c: 'DE', o: 'Acme' };
  for (const [keyId, name, usage] of [
    ['rsa-dsa', 'domain-signing-authority', /Digital Signature/],
    ['rsa-dca', 'domain-confidentiality-authority', /Key Encipherment/],
    ['p256-dca', 'domain-confidentiality-authority', /Key Agreement/],
    ['p384-dsa', 'domain-signing-authority', /Digital Signature/],
    ['ed-dsa', 'domain-signing-authority', /Digital Signature/],
  ] as const) {
    const text = await verified((await operator.call('signCsr', { keyId, organization })).csr);
    assert.match(text, new RegExp(`Subject: C ?= ?DE, O ?= ?Acme, CN ?= ?${name}\\n`));
    assert.match(text, new RegExp(`email:${name}@acme\\.example\\n`));
    assert.match(text, usage);
    assert.match(text, /E-mail Protection/);
  }
  await close();
});

test('RFC 2986: a request is recorded before and after its signature', async () => {
  const given = await setup();
  await given.addKey({ keyId: 'dsa-recorded' });
  const { operator, close } = await startWithOperator(given);
  await operator.call('signCsr', { keyId: 'dsa-recorded' });
  const events = (await eventsOfKey('dsa-recorded')).map((event) => [
    event.kind,
    event.facts['operation'],
    event.facts['outcome'] ?? null,
  ]);
  assert.deepEqual(events, [
    ['key-intent', 'sign-request', null],
    ['key-outcome', 'sign-request', 'done'],
  ]);
  await close();
});

test('no request is signed for a key that is gone, cannot sign or has no authority', async () => {
  const given = await setup();
  await given.addKey({ keyId: 'old', state: 'retired' });
  await given.addKey({
    keyId: 'x',
    algorithm: 'x25519',
    class: 'domain-confidentiality',
    ...uncertified,
  });
  await given.addKey({ keyId: 'dkim', ...dkimFacts() });
  const { operator, close } = await startWithOperator(given);
  for (const [keyId, fault, why] of [
    ['old', 'own-key-unavailable', /in no use any more/],
    ['x', null, /does not sign/],
    ['dkim', 'own-key-unavailable', /has no certificate/],
    ['nobody', 'own-key-unavailable', /cannot be read/],
  ] as const) {
    await assert.rejects(operator.call('signCsr', { keyId }), refused(fault, why));
  }
  await close();
});

test('the socket of the operator is closed to all others, and no worker has its methods', async () => {
  const given = await setup({ socketMode: 0o660 });
  const { close } = await startWithOperator(given);
  assert.equal((await stat(given.options.operatorSocket)).mode & 0o777, 0o600);
  const worker = connectSocket({
    path: given.options.outwardSocket,
    protocol: keyholderOperatorProtocol,
    deadlineMs: 5_000,
  });
  const ask = worker.call('signCsr', { keyId: 'dsa' });
  await assert.rejects(ask, refused(null, /unknown-method/));
  worker.close();
  await close();
});

test('a key file that is open to others signs no request', async () => {
  const given = await setup();
  await given.addKey({ keyId: 'open' });
  await chmod(join(given.options.keyFolder, 'open.pem'), 0o644);
  const { operator, close } = await startWithOperator(given);
  const ask = operator.call('signCsr', { keyId: 'open' });
  await assert.rejects(ask, refused('own-key-unavailable', /open to others/));
  await close();
});
