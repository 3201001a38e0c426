import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Script } from '../../packages/transport/src/test-support/scripted-server.ts';
import { type Bench, bench } from '../../services/egress/src/testing.ts';
import type { Tamper } from '../harness/line-attacker.ts';
import { sharedVectors } from '../harness/vectors.ts';
import { ca, ENCRYPT, good, MAY, SECURE, tryServer } from './starttls-bench.ts';

let world: Bench;
before(async () => {
  world = await bench([], MAY);
});
after(() => world[Symbol.asyncDispose]());

describe('RFC 3207 and RFC 7435: what level may does instead, and that it is recorded', () => {
  const cases: readonly (readonly [name: string, script: Script, said: RegExp, result: string])[] =
    [
      ['no STARTTLS', {}, /^in clear: STARTTLS is not offered/, 'starttls-not-supported'],
      [
        'STARTTLS refused',
        { identity: good, starttls: '454 no\r\n' },
        /^in clear, as the rule "may" allows: .*refuses it: 454/,
        'validation-failure',
      ],
      [
        '220 and then clear text',
        { identity: good, starttls: '220 go\r\n250 ok\r\n' },
        /^in clear, as the rule "may" allows: .*octets in clear after the reply to STARTTLS/,
        'validation-failure',
      ],
      [
        '220 and then garbage',
        { identity: good, starttls: `220 go\r\n${'x'.repeat(600)}` },
        /^in clear, as the rule "may" allows: /,
        'validation-failure',
      ],
    ];
  for (const [name, script, said, result] of cases) {
    test(`${name}: the message goes in clear and the record says why`, async () => {
      const tried = await tryServer(world, script, MAY);
      assert.equal(tried.status, 'relayed', tried.sentence);
      assert.equal(tried.leaked, true);
      assert.match(tried.sentence.replace(/^relayed to \S+, /, ''), said);
      assert.deepEqual(tried.results, [result]);
    });
  }

  for (const [name, identity] of [
    ['for another name', ca.issue({ names: ['mx.evil.example'] })],
    ['that expired', ca.issue({ names: ['mx.bravo.example'], days: -1 })],
    ['that is self-signed', ca.selfSigned('mx.bravo.example')],
  ] as const) {
    test(`RFC 7435 section 3: a certificate ${name} is better than none`, async () => {
      const tried = await tryServer(world, { identity }, MAY);
      assert.equal(tried.status, 'relayed', tried.sentence);
      assert.equal(tried.leaked, false);
      assert.deepEqual(
        tried.taken.map(({ isTls }) => isTls),
        [true],
      );
    });
  }

  test('a fault that is none of TLS does not lead to clear text: 421 to the greeting waits', async () => {
    const tried = await tryServer(world, { greeting: '421 busy\r\n' }, MAY);
    assert.equal(tried.status, 'deferred');
    assert.equal(tried.leaked, false);
  });
});

describe('an attacker on the line, between us and an honest server', () => {
  const strip: Tamper = (piece) =>
    Buffer.from(piece.toString('latin1').replace('STARTTLS', 'XXXXXXXX'), 'latin1');
  const from =
    (first: number, octets: string): Tamper =>
    (piece, { index }) =>
      index < first ? piece : Buffer.from(octets, 'latin1');
  const attacks: readonly (readonly [name: string, tamper: Tamper])[] = [
    ['strips STARTTLS from the reply to EHLO', strip],
    ['answers STARTTLS himself with 454', from(2, '454 4.7.0 TLS not available\r\n')],
    ['answers the handshake in clear', from(3, '250 ok\r\n')],
    ['answers EHLO in TLS in clear', from(4, '250-mx.bravo.example\r\n250 SIZE\r\n')],
    ['answers MAIL FROM in clear', from(5, '250 ok\r\n250 ok\r\n354 go\r\n')],
    ['answers everything from RCPT TO in clear', from(6, '250 ok\r\n354 go\r\n')],
    ['sends a TLS alert of his own in mid-session', from(5, '\x15\x03\x03\x00\x02\x01\x00')],
    [
      'turns one octet in the handshake',
      (piece, { index }) => {
        if (index !== 3) return piece;
        const turned = Buffer.from(piece);
        turned[turned.length - 3] = (turned.at(-3) ?? 0) ^ 1;
        return turned;
      },
    ],
  ];
  for (const rule of [ENCRYPT, SECURE]) {
    for (const [name, tamper] of attacks) {
      test(`${name}: under ${rule.level} nothing of the message is on the line`, async () => {
        const tried = await tryServer(world, { identity: good }, rule, tamper);
        assert.equal(tried.leaked, false, tried.sentence);
        assert.equal(tried.status, 'deferred', tried.sentence);
        assert.deepEqual(tried.taken, []);
      });
    }
  }
});

const vectors = sharedVectors('smtp/starttls-negotiation');

/** The five scripted servers of the vectors, in the words of ours. */
function scriptOf(text: string): Script {
  const word = (name: string): string | undefined =>
    new RegExp(`${name}: "((?:[^"\\\\]|\\\\.)*)"`).exec(text)?.[1];
  const offered = /^\s*capabilities: \[(.*)\]/m.exec(text)?.[1] ?? '';
  const extensions = [
    ...(/Auth\(/.test(offered) ? ['AUTH PLAIN LOGIN'] : []),
    ...(/StartTLS/.test(offered) ? ['STARTTLS'] : []),
  ];
  const hidden = (/hide_commands: \[(.*)\]/.exec(text)?.[1] ?? '').toLowerCase();
  const said = word('stls_response')?.replaceAll('\\r', '\r').replaceAll('\\n', '\n');
  return {
    extensions,
    starttls: said ?? '502 Command not implemented\r\n',
    reply: (command) =>
      hidden.includes('ehlo') && command.startsWith('EHLO') ? '502 unknown\r\n' : undefined,
  };
}

describe('the servers of fake-mail-server that try to avoid TLS', {
  skip: vectors === null && 'the vectors are not there',
}, () => {
  for (const name of vectors === null ? [] : readdirSync(vectors)) {
    if (!name.endsWith('.ron')) continue;
    const script = scriptOf(readFileSync(join(vectors ?? '', name), 'utf8'));
    test(`${name}: with mandatory TLS nothing after EHLO and STARTTLS travels in clear`, async () => {
      for (const rule of [ENCRYPT, SECURE]) {
        const tried = await tryServer(world, script, rule);
        assert.equal(tried.leaked, false, tried.sentence);
        assert.equal(tried.status, 'deferred', tried.sentence);
      }
    });
    test(`${name}: under may the message goes in clear, recorded as such`, async () => {
      const tried = await tryServer(world, script, MAY);
      assert.equal(tried.status, 'relayed', tried.sentence);
      assert.match(tried.sentence, /in clear/);
    });
  }
});
