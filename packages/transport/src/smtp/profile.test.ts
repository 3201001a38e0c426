import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { TlsaFinding } from '../dane/locate-tlsa.ts';
import { createTestCa } from '../test-support/certificates.ts';
import { type Script, startScriptedServer } from '../test-support/scripted-server.ts';
import type { TlsRule } from '../tls-rule.ts';
import { TlsContexts } from './contexts.ts';
import { openSession } from './open.ts';
import { DEFAULT_SMTP_TIMEOUTS, type SmtpTarget } from './session.ts';

const ca = createTestCa();
after(() => ca.remove());
const identity = ca.issue({ names: ['mx.bravo.example'] });
const client = ca.issue({ names: ['gw.acme.example'] });
const settings = {
  ehloName: 'gw.acme.example',
  timeouts: { ...DEFAULT_SMTP_TIMEOUTS, quitMs: 100 },
  contexts: new TlsContexts({ certificatePem: client.cert, keyPem: client.key }),
};
const encrypt = { level: 'encrypt', minVersion: 'TLSv1.2' } as const;

async function open(script: Script, tlsRule: TlsRule, more: Partial<SmtpTarget> = {}) {
  await using server = await startScriptedServer(script);
  const place = { host: 'mx.bravo.example', address: '127.0.0.1', port: server.port };
  const target = { ...place, nexthopDomain: 'bravo.example', tlsRule, ...more };
  const opening = await openSession(target, settings);
  if (opening.kind === 'open') await opening.session.wire.quit(100);
  return { opening, clients: server.clients };
}

test('our certificate is shown to servers that ask for one, unless the rule says never', async () => {
  const asks = { identity, asksForCertificate: true };
  const shown = 'CN=mx.bravo.example'; // what the test CA writes for everybody
  assert.deepEqual((await open(asks, encrypt)).clients[0]?.certificate, shown);
  const never = { ...encrypt, clientCertificate: 'never' } as const;
  assert.equal((await open(asks, never)).clients[0]?.certificate, null);
  assert.equal((await open({ identity }, encrypt)).clients[0]?.certificate, null);
});

test('SNI is the host, what the rule names, or the TLSA base domain (RFC 7672 section 8.1)', async () => {
  const tlsa: TlsaFinding = {
    kind: 'records',
    records: [{ usage: 1, selector: 1, matchingType: 1, association: Buffer.alloc(32) }],
    baseDomain: 'real.bravo.example',
    names: ['real.bravo.example'],
  };
  const named = { ...encrypt, serverName: 'other.bravo.example' };
  const dane = { ...named, dane: 'auto' } as const;
  for (const [rule, more, name] of [
    [encrypt, {}, 'mx.bravo.example'],
    [named, {}, 'other.bravo.example'],
    [dane, { tlsa }, 'real.bravo.example'],
    [encrypt, { host: '127.0.0.1' }, ''],
  ] as const) {
    assert.equal((await open({ identity }, rule, more)).clients[0]?.serverName, name);
  }
});

test('RFC 9325 section 4.2: a server that encrypts with nothing gets no handshake', async () => {
  const script: Script = {
    identity,
    maxTlsVersion: 'TLSv1.2',
    ciphers: 'ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0',
  };
  const { opening } = await open(script, encrypt);
  assert.equal(opening.kind === 'fault' && opening.fault, 'tls-handshake-failed');
});

test('forward secrecy is preferred by the floor and demanded by forward-secret', async () => {
  const rsa = ca.issue({ names: ['mx.bravo.example'], key: 'rsa' });
  const old: Script = { identity: rsa, maxTlsVersion: 'TLSv1.2', ciphers: 'AES256-GCM-SHA384' };
  const both: Script = { ...old, ciphers: 'AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256' };
  const strict = { ...encrypt, ciphers: 'forward-secret' } as const;
  for (const [script, rule, cipher] of [
    [old, encrypt, 'AES256-GCM-SHA384'],
    [both, strict, 'ECDHE-RSA-AES128-GCM-SHA256'],
  ] as const) {
    const { opening } = await open(script, rule);
    assert.equal(opening.kind === 'open' && opening.session.tls?.cipher, cipher);
  }
  const { opening } = await open(old, strict);
  assert.equal(opening.kind === 'fault' && opening.fault, 'tls-handshake-failed');
});
