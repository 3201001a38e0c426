import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createTestCa } from '../test-support/certificates.ts';
import { type Script, startScriptedServer } from '../test-support/scripted-server.ts';
import type { TlsRule } from '../tls-rule.ts';
import { TlsContexts } from './contexts.ts';
import { openSession } from './open.ts';
import type { SmtpClientSettings } from './session.ts';

const ca = createTestCa();
after(() => ca.remove());
const good = ca.issue({ names: ['mx.bravo.example'] });
const STEP_MS = 700;

const settings: SmtpClientSettings = {
  ehloName: 'gw.acme.example',
  contexts: new TlsContexts(null),
  timeouts: {
    connectMs: STEP_MS,
    tlsMs: STEP_MS,
    greetingMs: STEP_MS,
    commandMs: STEP_MS,
    dataMs: STEP_MS,
    blockMs: STEP_MS,
    finalMs: STEP_MS,
    quitMs: 200,
  },
};
const secure: TlsRule = {
  level: 'secure',
  match: [],
  minVersion: 'TLSv1.2',
  anchors: [ca.caPem],
};
const encrypt: TlsRule = { level: 'encrypt', minVersion: 'TLSv1.2' };
const may: TlsRule = { level: 'may' };

async function open(script: Script, tlsRule: TlsRule) {
  await using server = await startScriptedServer(script);
  const target = {
    host: 'mx.bravo.example',
    address: '127.0.0.1',
    port: server.port,
    nexthopDomain: 'bravo.example',
    tlsRule,
  };
  const opening = await openSession(target, settings);
  if (opening.kind === 'open') await opening.session.wire.quit(200);
  const clear = server.clear().replace(/^(EHLO \S+|STARTTLS|QUIT)\r\n/gm, '');
  return { opening, clear, commands: server.commands, connections: server.connections() };
}

const refused: [name: string, script: Script, rule: TlsRule, fault: string][] = [
  ['STARTTLS stripped', {}, secure, 'tls-not-offered'],
  ['STARTTLS stripped', {}, encrypt, 'tls-not-offered'],
  [
    'no EHLO',
    { reply: (c) => (c.startsWith('EHLO') ? '502 no\r\n' : undefined) },
    encrypt,
    'tls-not-offered',
  ],
  [
    'STARTTLS refused with 454',
    { identity: good, starttls: '454 no\r\n' },
    encrypt,
    'tls-handshake-failed',
  ],
  [
    'STARTTLS refused with 502',
    { identity: good, starttls: '502 no\r\n' },
    encrypt,
    'tls-handshake-failed',
  ],
  [
    '220 and then garbage',
    { identity: good, starttls: '220 go\r\nxxxxxxxxxxx' },
    encrypt,
    'tls-handshake-failed',
  ],
  [
    '220 and then silence',
    { identity: good, starttls: '220 go\r\n' },
    encrypt,
    'tls-handshake-failed',
  ],
  [
    'replies injected behind the 220',
    { identity: good, injected: '250 ok\r\n' },
    secure,
    'tls-handshake-failed',
  ],
  [
    'half a reply injected behind the 220',
    { identity: good, injected: '250-o' },
    encrypt,
    'tls-handshake-failed',
  ],
  [
    'a certificate for another name',
    { identity: ca.issue({ names: ['mx.evil.example'] }) },
    secure,
    'tls-not-trusted',
  ],
  [
    'a certificate with a common name alone',
    { identity: ca.issue({ names: [] }) },
    secure,
    'tls-not-trusted',
  ],
  [
    'an expired certificate',
    { identity: ca.issue({ names: ['mx.bravo.example'], days: -1 }) },
    secure,
    'tls-not-trusted',
  ],
  [
    'a self-signed certificate',
    { identity: ca.selfSigned('mx.bravo.example') },
    secure,
    'tls-not-trusted',
  ],
  [
    'TLS 1.2 where 1.3 is demanded',
    { identity: good, maxTlsVersion: 'TLSv1.2' },
    { ...encrypt, minVersion: 'TLSv1.3' },
    'tls-handshake-failed',
  ],
  ['endless reply lines', { greeting: '220-x\r\n'.repeat(500) }, may, 'next-hop-unreachable'],
  ['no greeting', { greeting: ' ' }, may, 'next-hop-unreachable'],
  ['RFC 7504: 521 greeting', { greeting: '521 no mail here\r\n' }, may, 'next-hop-refused'],
  ['421 greeting', { greeting: '421 busy\r\n' }, may, 'next-hop-deferred'],
  ['replies before they are asked for', { greeting: '220 hi\r\n250 ok\r\n' }, may, 'next-hop-lost'],
];

for (const [name, script, rule, fault] of refused) {
  test(`RFC 3207: ${name} under ${rule.level} is ${fault}, and nothing leaves in clear`, async () => {
    const { opening, clear, commands } = await open(script, rule);
    assert.equal(opening.kind === 'fault' ? opening.fault : opening.session.tlsSentence, fault);
    assert.equal(clear.replace(/^HELO \S+\r\n/gm, '').replace(/\p{Cc}[\s\S]*/u, ''), '');
    assert.ok(!commands.some((line) => /^(MAIL|RCPT|DATA)/.test(line)));
  });
}

test('secure takes a certificate of the anchors in a name below the next-hop domain', async () => {
  const { opening } = await open({ identity: good }, secure);
  assert.ok(opening.kind === 'open', JSON.stringify(opening));
  assert.equal(opening.session.tls?.version, 'TLSv1.3');
  assert.match(opening.session.tlsSentence, /certificate for mx\.bravo\.example, trusted/);
});

test('secure with match demands that name and no other', async () => {
  const { opening } = await open({ identity: good }, { ...secure, match: ['.charlie.example'] });
  assert.equal(opening.kind === 'fault' && opening.fault, 'tls-not-trusted');
});

test('a pinned self-signed certificate may be its own anchor', async () => {
  const identity = ca.selfSigned('mx.bravo.example');
  const { opening } = await open({ identity }, { ...secure, anchors: [identity.cert] });
  assert.equal(opening.kind, 'open');
});

test('encrypt takes any certificate', async () => {
  const { opening } = await open({ identity: ca.selfSigned('x.example') }, encrypt);
  assert.equal(opening.kind, 'open');
});

test('RFC 7435: may falls back to clear text on a new connection, and says so', async () => {
  const { opening, connections } = await open(
    { identity: good, starttls: '220 go\r\nxxxxxxx' },
    may,
  );
  assert.ok(opening.kind === 'open');
  assert.equal(opening.session.tls, null);
  assert.match(opening.session.tlsSentence, /^in clear, as the rule "may" allows: TLS .* failed/);
  assert.equal(connections, 2);
});

test('none never tries TLS', async () => {
  const { opening, commands } = await open({ identity: good }, { level: 'none' });
  assert.equal(opening.kind, 'open');
  assert.ok(!commands.includes('STARTTLS'));
});

test('RFC 3207 4.2: what EHLO said before TLS is forgotten', async () => {
  const reply = (command: string, session: { isTls: boolean }) =>
    command.startsWith('EHLO') && session.isTls ? '250 mx only\r\n' : undefined;
  const { opening } = await open({ identity: good, reply }, encrypt);
  assert.ok(opening.kind === 'open');
  assert.equal(opening.session.extensions.size, 0);
});
