/** Layers around, inside and instead of the one that is signed (DS-G2, DS-V5, RFC 8551 section 3.1). */
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
  type Signing,
  textPart,
} from '../../harness/smime-maker.ts';
import { assertNotBelieved, isBelieved, outcomesOf } from './expect.ts';

const FROM = 'From: bob@bravo.example\n';
const good = textPart('pay 10 to Ann');
const evil = textPart('pay 10000 to Eve');
const dsa: Signing = { who: CAST.dsa, ...DOMAIN };
const eve: Signing = { who: CAST.eve };
const eveDsa: Signing = { who: CAST.eveDsa, ...DOMAIN };
const fake: Signing = { who: CAST.fakeDsa, ...DOMAIN };
const signed = clear(good, [dsa]);
const attached = (inner: Buffer): Buffer =>
  Buffer.concat([Buffer.from('Content-Type: message/rfc822\r\n\r\n'), inner]);
const forwarded = attached(message(FROM, signed));

type Shape = readonly [string, Buffer];

const HIDDEN: readonly Shape[] = [
  ['in an empty layer with other text', opaque(multipart('mixed', evil, signed), [])],
  ['in the signature of a liar with other text', opaque(multipart('mixed', evil, signed), [fake])],
  ['in an invalid signature of the domain', opaque(signed, [{ ...dsa, over: evil }])],
  ['in an invalid signature of a stranger', opaque(signed, [{ ...eve, over: evil }])],
  [
    'in twelve empty layers and more',
    Array.from({ length: 20 }).reduce<Buffer>((inner) => opaque(inner, []), evil),
  ],
  [
    'in more layers than are looked at',
    Array.from({ length: 20 }).reduce<Buffer>((inner) => opaque(inner, []), signed),
  ],
  [
    'around a layer that is broken',
    opaque(crlf('Content-Type: application/pkcs7-mime\n\njunk\n'), [dsa]),
  ],
  ['an attached message', forwarded],
  ['an attached message beside text', multipart('mixed', evil, forwarded)],
  ['an attached message beside a signature', multipart('mixed', forwarded, signed)],
  ['an attached message in an empty layer', opaque(forwarded, [])],
  ['an attached message in an attached message', attached(message(FROM, forwarded))],
  ['an attached message that a liar signed', opaque(forwarded, [fake])],
  [
    'behind a part of another protocol',
    Buffer.concat([
      crlf(
        'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=p\n\n--p\n',
      ),
      signed,
      crlf('\n--p\nContent-Type: application/pgp-signature\n\nx\n--p--\n'),
    ]),
  ],
  ['two Content-Type fields', Buffer.concat([crlf('Content-Type: text/plain\n'), signed])],
  [
    'two boundaries',
    Buffer.from(
      signed.toString('latin1').replace('; boundary=', '; boundary=other; boundary='),
      'latin1',
    ),
  ],
];

describe('DS-G2: what hides the signed layer is not covered by it', () => {
  for (const [name, entity] of HIDDEN) {
    test(name, async () => {
      await assertNotBelieved(message(FROM, entity), name);
    });
  }
});

test('DS-N6: the layer of another domain around other text is a mismatch, whatever is inside', async () => {
  for (const outer of [eve, eveDsa]) {
    for (const inside of [evil, multipart('mixed', evil, signed), forwarded]) {
      for (const made of [opaque(inside, [outer]), clear(inside, [outer])]) {
        await assertNotBelieved(message(FROM, made), 'foreign', { mayMismatch: true });
      }
    }
  }
});

test('RFC 8551 section 3.1: a message that a stranger wraps and signs shows no author of its own', async () => {
  const wrapped = attached(message('From: bob@bravo.example\nSubject: pay\n', evil));
  for (const signing of [eve, eveDsa]) {
    for (const outer of ['From: eve@evil.example\n', FROM]) {
      for (const made of [opaque(wrapped, [signing]), clear(wrapped, [signing])]) {
        for (const { judgement, delivered } of await outcomesOf(message(outer, made))) {
          assert.ok(judgement.kind === 'judged');
          const [, shown = ''] = /^From: ([^\n\r]*)/m.exec(delivered) ?? [];
          if (shown.includes('bob')) assert.ok(!isBelieved(judgement.verdict), outer);
        }
      }
    }
  }
});

test('what stands before and behind the parts of multipart/signed is not handed on with the signature', async () => {
  const body = signed.toString('latin1');
  const [, boundary = ''] = /boundary=(\S+)/.exec(body) ?? [];
  const padded = body
    .replace(`\r\n\r\n--${boundary}`, `\r\n\r\npay 10000 to Eve\r\n--${boundary}`)
    .concat('pay 10000 to Eve\r\n');
  const outcomes = await outcomesOf(message(FROM, Buffer.from(padded, 'latin1')));
  for (const { judgement, delivered } of outcomes) {
    assert.ok(judgement.kind === 'judged' && isBelieved(judgement.verdict));
    assert.match(delivered, /pay 10 to Ann/);
    assert.doesNotMatch(delivered, /10000/);
  }
});

test('RFC 8551 section 3.7: a signature around the ciphertext alone proves nothing of CBC content', async () => {
  for (const outer of [dsa, eveDsa]) {
    const stolen = encrypted(good);
    for (const made of [opaque(stolen, [outer]), clear(stolen, [outer])]) {
      for (const { judgement, delivered } of await outcomesOf(message(FROM, made))) {
        assert.ok(judgement.kind === 'judged');
        assert.equal(judgement.verdict.integrity, false);
        assert.notEqual(judgement.decision.kind, 'deliver');
        assert.equal(delivered, '');
      }
    }
  }
});
