import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { TlsRule } from '@sallyport/transport';
import type { Script } from '../../packages/transport/src/test-support/scripted-server.ts';
import { type Bench, bench } from '../../services/egress/src/testing.ts';
import { ca, ENCRYPT, good, MAY, SECURE, tryServer } from './starttls-bench.ts';

const VERIFY: TlsRule = { ...SECURE, level: 'verify' };
const UNKNOWN_KEY: TlsRule = {
  level: 'fingerprint',
  pins: [{ spki: '00'.repeat(32), state: 'current' }],
  minVersion: 'TLSv1.2',
};
const DANE_ONLY: TlsRule = { level: 'dane-only', minVersion: 'TLSv1.2' };

/** Replies that servers give, and that make no sense where they come. */
const CODES = [220, 250, 354, 421, 450, 451, 452, 454, 500, 501, 502, 503, 504, 530, 535, 550, 554];

const onlyTo =
  (verb: string, isTls: boolean, reply: string): NonNullable<Script['reply']> =>
  (command, session) =>
    command.startsWith(verb) && session.isTls === isTls ? reply : undefined;

/** A server that answers with each code at one step before TLS protects anything. */
const STEPS: readonly (readonly [step: string, script: (code: number) => Script])[] = [
  ['the greeting', (code) => ({ identity: good, greeting: `${code} hm\r\n` })],
  ['EHLO', (code) => ({ identity: good, reply: onlyTo('EHLO', false, `${code} hm\r\n`) })],
  ['STARTTLS', (code) => ({ identity: good, starttls: `${code} hm\r\n` })],
  ['EHLO in TLS', (code) => ({ identity: good, reply: onlyTo('EHLO', true, `${code} hm\r\n`) })],
];

const TRICKS: readonly (readonly [name: string, rule: TlsRule, script: Script])[] = [
  ['STARTTLS stripped from EHLO', ENCRYPT, {}],
  ['STARTTLS stripped from EHLO', SECURE, {}],
  ['STARTTLS stripped from EHLO', VERIFY, {}],
  ['STARTTLS stripped from EHLO', UNKNOWN_KEY, {}],
  ['STARTTLS stripped from EHLO', DANE_ONLY, {}],
  ['a STARTTLS with a blank before it', ENCRYPT, { extensions: ['XSTARTTLS', 'STARTTLSX'] }],
  [
    '220 and the dialogue goes on in clear',
    ENCRYPT,
    { identity: good, starttls: '220 go\r\n250 ok\r\n250 ok\r\n' },
  ],
  [
    '220 in two lines and then clear text',
    SECURE,
    { identity: good, starttls: '220-go\r\n220 on\r\n250-mx\r\n250 SIZE\r\n' },
  ],
  ['a reply injected behind the 220', SECURE, { identity: good, injected: '250 ok\r\n' }],
  [
    'an EHLO reply injected behind the 220',
    ENCRYPT,
    { identity: good, injected: '250-mx\r\n250 AUTH PLAIN\r\n' },
  ],
  ['half a reply injected behind the 220', ENCRYPT, { identity: good, injected: '250-o' }],
  ['220 and then garbage', ENCRYPT, { identity: good, starttls: `220 go\r\n${'x'.repeat(600)}` }],
  [
    '220 and then a TLS alert in clear',
    ENCRYPT,
    { identity: good, starttls: '220 go\r\n\x15\x03\x01\x00\x02\x02\x28' },
  ],
  [
    '220 and then the line closed',
    ENCRYPT,
    { identity: good, reply: (c) => (c === 'STARTTLS' ? 'die' : undefined) },
  ],
  [
    'HELO alone, no EHLO',
    ENCRYPT,
    { reply: (c) => (c.startsWith('EHLO') ? '502 no\r\n' : undefined) },
  ],
  [
    'the line closed at EHLO',
    SECURE,
    { identity: good, reply: (c) => (c.startsWith('EHLO') ? 'die' : undefined) },
  ],
  [
    'the line closed at EHLO in TLS',
    SECURE,
    { identity: good, reply: onlyTo('EHLO', true, 'die') },
  ],
  [
    'endless lines in the reply to EHLO',
    ENCRYPT,
    { identity: good, reply: onlyTo('EHLO', false, '250-x\r\n'.repeat(5_000)) },
  ],
  [
    'a certificate for another name',
    SECURE,
    { identity: ca.issue({ names: ['mx.evil.example'] }) },
  ],
  [
    'a certificate for a name below the host',
    VERIFY,
    { identity: ca.issue({ names: ['a.mx.bravo.example'] }) },
  ],
  [
    'a certificate for a name that ends alike',
    SECURE,
    { identity: ca.issue({ names: ['evilbravo.example'] }) },
  ],
  [
    'a certificate with a wildcard for the top',
    SECURE,
    { identity: ca.issue({ names: ['*.example'] }) },
  ],
  [
    'a certificate without a name but the common one',
    SECURE,
    { identity: ca.issue({ names: [] }) },
  ],
  [
    'an expired certificate',
    SECURE,
    { identity: ca.issue({ names: ['mx.bravo.example'], days: -1 }) },
  ],
  [
    'an expired certificate',
    VERIFY,
    { identity: ca.issue({ names: ['mx.bravo.example'], days: -1 }) },
  ],
  ['a self-signed certificate', SECURE, { identity: ca.selfSigned('mx.bravo.example') }],
  ['a self-signed certificate', VERIFY, { identity: ca.selfSigned('mx.bravo.example') }],
  ['a key that is not pinned', UNKNOWN_KEY, { identity: good }],
  ['a good certificate and no TLSA', DANE_ONLY, { identity: good }],
  [
    'TLS 1.2 where 1.3 is demanded',
    { ...ENCRYPT, minVersion: 'TLSv1.3' },
    { identity: good, maxTlsVersion: 'TLSv1.2' },
  ],
];

describe('RFC 3207 section 6: a mandatory level cannot be talked down', () => {
  let world: Bench;
  before(async () => {
    world = await bench([], MAY);
  });
  after(() => world[Symbol.asyncDispose]());

  for (const [step, script] of STEPS) {
    for (const code of CODES) {
      test(`${code} to ${step}: under encrypt nothing of the message is on the line`, async () => {
        const tried = await tryServer(world, script(code), ENCRYPT);
        assert.equal(tried.leaked, false, tried.sentence);
        assert.ok(tried.taken.every(({ isTls }) => isTls));
        const isRight =
          code === { 'the greeting': 220, STARTTLS: 0 }[step] ||
          (code === 250 && step.startsWith('EHLO in'));
        assert.equal(tried.status, isRight ? 'relayed' : 'deferred', tried.sentence);
      });
    }
  }

  for (const [name, rule, script] of TRICKS) {
    test(`${name}: under ${rule.level} nothing of the message is on the line`, async () => {
      const tried = await tryServer(world, script, rule);
      assert.equal(tried.leaked, false, tried.sentence);
      assert.deepEqual(tried.taken, []);
      assert.equal(tried.status, 'deferred', tried.sentence);
    });
  }

  test('the proxy hears what is said in clear: under may and none the same message is on the line', async () => {
    for (const rule of [MAY, { level: 'none' }] as const) {
      const tried = await tryServer(world, {}, rule);
      assert.equal(tried.status, 'relayed');
      assert.equal(tried.leaked, true);
    }
  });

  test('the same server with its own certificate gets the message, unheard', async () => {
    for (const rule of [ENCRYPT, SECURE, VERIFY]) {
      const tried = await tryServer(world, { identity: good }, rule);
      assert.equal(tried.status, 'relayed', tried.sentence);
      assert.equal(tried.leaked, false);
      assert.deepEqual(tried.results, ['success']);
    }
  });
});
