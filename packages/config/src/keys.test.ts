import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from './load.ts';

function configWith(keys: string): ReturnType<typeof parseConfig> {
  const lines = [
    'gateway: { name: gw.acme.example }',
    'domains: [{ name: acme.example }]',
    'routes: [{ domain: acme.example, nextHops: ["127.0.0.1:2525"] }]',
    'ingress: { partner: { listen: ["0.0.0.0:25"] }, tls: { certificateFile: c, keyFile: k } }',
    keys,
  ];
  return parseConfig(lines.join('\n'), '/etc/sallyport');
}

test('secrets of the keys are files, relative to the config', () => {
  const loaded = configWith(
    'keys: { seal: { kind: passphrase, passphraseFile: p }, token: { moduleFile: /usr/lib/p11.so, pinFile: pin } }',
  );
  assert.equal(loaded.kind, 'ok');
  if (loaded.kind !== 'ok') return;
  const { seal, token } = loaded.config.keys;
  assert.deepEqual(seal, { kind: 'passphrase', passphraseFile: '/etc/sallyport/p' });
  assert.deepEqual(token, {
    moduleFile: '/usr/lib/p11.so',
    pinFile: '/etc/sallyport/pin',
    sessions: 4,
    timeout: 10_000,
    environment: {},
  });
});

test('a value in the place of a secret, and variables that change what runs, are refused', () => {
  const token = (more: string) => `keys: { token: { moduleFile: m, pinFile: p, ${more} } }`;
  for (const keys of [
    'keys: { seal: { kind: passphrase, passphrase: correct horse battery staple } }',
    token('pin: "1234"'),
    token('environment: { LD_PRELOAD: /tmp/x.so }'),
    token('environment: { NODE_OPTIONS: --inspect }'),
    token('environment: { PATH: /tmp }'),
    token('sessions: 1000'),
    token('timeout: 1h'),
  ]) {
    assert.equal(configWith(keys).kind, 'invalid', keys);
  }
  assert.equal(configWith(token('environment: { SOFTHSM2_CONF: /etc/softhsm2.conf }')).kind, 'ok');
});
