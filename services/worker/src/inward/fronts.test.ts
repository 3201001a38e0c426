import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicyDocument } from '@sallyport/policy';
import { CLIENT } from '../authentication/testing.ts';
import { checkDemands } from './check-demands.ts';
import { observedTls } from './client-name.ts';

const FRONT = { address: '198.51.100.9', clientKnown: true };
const TLS = {
  version: 'TLSv1.3',
  cipher: 'TLS_AES_256_GCM_SHA384',
  clientCertificate: null,
  clientAuthorized: false,
};

test('behind a front nothing is known of the TLS of the client, whatever the front speaks', () => {
  assert.equal(observedTls(null), 'none');
  assert.equal(observedTls(CLIENT), 'none');
  assert.equal(observedTls({ ...CLIENT, tls: TLS }), 'encrypted');
  for (const tls of [null, TLS]) {
    assert.equal(observedTls({ ...CLIENT, tls, front: FRONT }), 'not-observable');
  }
});

test('TR-6: MAIL from a front is not refused for TLS that cannot be observed', () => {
  const parsed = parsePolicyDocument({
    partners: [
      {
        name: 'Bravo',
        domains: ['bravo.example'],
        inbound: { tls: { level: 'encrypt', clientName: 'gw.bravo.example' } },
      },
    ],
  });
  assert.ok(parsed.kind === 'ok');
  const ask = (client: Parameters<typeof checkDemands>[0]['client']) =>
    checkDemands({ client, reversePath: 'a@bravo.example' }, parsed.policy, new Date()).kind;
  assert.equal(ask(CLIENT), 'refuse');
  assert.equal(ask({ ...CLIENT, tls: TLS }), 'refuse');
  assert.equal(ask({ ...CLIENT, front: FRONT }), 'ok');
});
