/** Ciphertext that was altered on the way (RFC 8551 section 6, RFC 3218, EFAIL). */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { CAST } from '../../harness/smime-identities.ts';
import {
  CEK_BYTES,
  clear,
  crlf,
  DOMAIN,
  type Envelope,
  envelope,
  message,
  opaque,
  sealed,
  textPart,
} from '../../harness/smime-maker.ts';
import { assertNothingOut, isBelieved, outcomesOf } from './expect.ts';

const BLOCK = 16;
const FROM = 'From: bob@bravo.example\n';
const SECRET = 'the secret plan';
const secret = textPart(`${SECRET} ${'x'.repeat(120)}`);
const dsa = { who: CAST.dsa, ...DOMAIN };
const signed = { opaque: opaque(secret, [dsa]), clear: clear(secret, [dsa]) };

const blocksOf = (bytes: Buffer): Buffer[] =>
  Array.from({ length: bytes.length / BLOCK }, (_, index) =>
    bytes.subarray(index * BLOCK, (index + 1) * BLOCK),
  );

function flipped(bytes: Buffer, at: number, bits = 1): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ bits;
  return copy;
}

/** Ciphertext whose first block decrypts to what the attacker wants, because it knows what it was. */
function gadget(
  { iv, ciphertext }: Envelope,
  known: Buffer,
  wanted: string,
): Envelope['ciphertext'] {
  const first = ciphertext.subarray(0, BLOCK);
  const chosen = Buffer.alloc(BLOCK);
  const text = Buffer.from(wanted.padEnd(BLOCK), 'latin1');
  for (let i = 0; i < BLOCK; i += 1) {
    chosen[i] = (iv[i] ?? 0) ^ (known[i] ?? 0) ^ (text[i] ?? 0);
  }
  return Buffer.concat([chosen, first]);
}

type Alter = (made: Envelope, plain: Buffer) => Envelope;

const CBC: readonly (readonly [string, Alter])[] = [
  ['a bit of the IV', (made) => ({ ...made, iv: flipped(made.iv, 3) })],
  ['the IV replaced', (made) => ({ ...made, iv: randomBytes(BLOCK) })],
  ['a bit of the first block', (made) => ({ ...made, ciphertext: flipped(made.ciphertext, 5) })],
  [
    'a bit in the middle',
    (made) => ({ ...made, ciphertext: flipped(made.ciphertext, made.ciphertext.length >> 1) }),
  ],
  [
    'a bit of the last block',
    (made) => ({ ...made, ciphertext: flipped(made.ciphertext, made.ciphertext.length - 1) }),
  ],
  [
    'the last padding octet',
    (made) => ({
      ...made,
      ciphertext: flipped(made.ciphertext, made.ciphertext.length - BLOCK - 1),
    }),
  ],
  [
    'the first and last octet',
    (made) => ({
      ...made,
      ciphertext: flipped(flipped(made.ciphertext, 0), made.ciphertext.length - 1),
    }),
  ],
  [
    'two blocks turned',
    (made) => {
      const [a, b, ...rest] = blocksOf(made.ciphertext);
      return { ...made, ciphertext: Buffer.concat([b ?? BLANK, a ?? BLANK, ...rest]) };
    },
  ],
  [
    'a block doubled',
    (made) => {
      const [a, ...rest] = blocksOf(made.ciphertext);
      return { ...made, ciphertext: Buffer.concat([a ?? BLANK, a ?? BLANK, ...rest]) };
    },
  ],
  ['a block left out', (made) => ({ ...made, ciphertext: made.ciphertext.subarray(BLOCK) })],
  [
    'the last block cut off',
    (made) => ({ ...made, ciphertext: made.ciphertext.subarray(0, -BLOCK) }),
  ],
  ['half a block cut off', (made) => ({ ...made, ciphertext: made.ciphertext.subarray(0, -8) })],
  ['one block left', (made) => ({ ...made, ciphertext: made.ciphertext.subarray(0, BLOCK) })],
  ['nothing left', (made) => ({ ...made, ciphertext: Buffer.alloc(0) })],
  [
    'blocks of another message in front',
    (made) => ({ ...made, ciphertext: Buffer.concat([randomBytes(2 * BLOCK), made.ciphertext]) }),
  ],
  [
    'EFAIL: an image tag in front',
    (made, plain) => ({
      ...made,
      ciphertext: Buffer.concat([gadget(made, plain, '<img src="//e/'), made.ciphertext]),
    }),
  ],
  [
    'EFAIL: a header in front, the content behind',
    (made, plain) => ({
      ...made,
      ciphertext: Buffer.concat([
        gadget(made, plain, 'Content-Type:te'),
        gadget(made, plain, 'xt/html\r\n\r\n<a'),
        made.ciphertext,
      ]),
    }),
  ],
  [
    'EFAIL: an empty line first, all of it as text',
    (made, plain) => ({
      ...made,
      iv: gadget(made, plain, '\r\n\r\n').subarray(0, BLOCK),
    }),
  ],
  ...[0, 1, 15, 17, 32, 5_000].map((octets): readonly [string, Alter] => [
    `an IV of ${octets} octets`,
    (made) => ({ ...made, iv: Buffer.alloc(octets, 7) }),
  ]),
  [
    'another encrypted key',
    (made) => ({ ...made, encryptedKey: randomBytes(made.encryptedKey.length) }),
  ],
  [
    'a bit of the encrypted key',
    (made) => ({ ...made, encryptedKey: flipped(made.encryptedKey, 200) }),
  ],
  [
    'the encrypted key of another message',
    (made) => ({ ...made, encryptedKey: envelope(secret, 'cbc').encryptedKey }),
  ],
  [
    'an encrypted key that is too short',
    (made) => ({ ...made, encryptedKey: made.encryptedKey.subarray(1) }),
  ],
  [
    'an encrypted key of zeros',
    (made) => ({ ...made, encryptedKey: Buffer.alloc(made.encryptedKey.length) }),
  ],
];
const BLANK = Buffer.alloc(BLOCK);

describe('RFC 8551 section 6: altered CBC content is never handed on, and has one reply', () => {
  for (const [name, alter] of CBC) {
    test(name, async () => {
      for (const plain of [signed.opaque, signed.clear, secret]) {
        const made = alter(envelope(plain, 'cbc'), plain);
        await assertNothingOut(message(FROM, sealed(made)), name, SECRET);
      }
    });
  }
});

test('RFC 8551 section 6: what was never altered and never signed is not handed on either', async () => {
  for (const inside of [
    secret,
    opaque(secret, []),
    opaque(secret, [{ who: CAST.fakeDsa, ...DOMAIN }]),
    opaque(secret, [{ ...dsa, over: crlf('x\n') }]),
    clear(secret, [{ who: CAST.eve }]),
    crlf('no header here\n\nx\n'),
    randomBytes(160),
    Buffer.alloc(0),
  ]) {
    await assertNothingOut(message(FROM, sealed(envelope(inside, 'cbc'))), 'unsigned', SECRET);
  }
});

test('positive control: unaltered and signed, CBC and GCM both open and are believed', async () => {
  for (const mode of ['cbc', 'gcm'] as const) {
    for (const inside of [signed.opaque, signed.clear]) {
      for (const { judgement, delivered } of await outcomesOf(
        message(FROM, sealed(envelope(inside, mode))),
      )) {
        assert.ok(judgement.kind === 'judged' && isBelieved(judgement.verdict), mode);
        assert.ok(delivered.includes(SECRET), mode);
      }
    }
  }
});

const GCM: readonly (readonly [string, Alter])[] = [
  ['a bit of the content', (made) => ({ ...made, ciphertext: flipped(made.ciphertext, 7) })],
  ['a bit of the nonce', (made) => ({ ...made, iv: flipped(made.iv, 1) })],
  ['a bit of the tag', (made) => ({ ...made, tag: flipped(made.tag ?? BLANK, 1) })],
  ['the content cut short', (made) => ({ ...made, ciphertext: made.ciphertext.subarray(0, -1) })],
  [
    'the content made longer',
    (made) => ({ ...made, ciphertext: Buffer.concat([made.ciphertext, BLANK]) }),
  ],
  ['no content', (made) => ({ ...made, ciphertext: Buffer.alloc(0) })],
  ['a tag of zeros', (made) => ({ ...made, tag: BLANK })],
  ...[0, 1, 4, 8, 11].map((octets): readonly [string, Alter] => [
    `the tag cut to ${octets} octets`,
    (made) => ({ ...made, tag: (made.tag ?? BLANK).subarray(0, octets) }),
  ]),
  ...[12, 13, 14, 15].map((octets): readonly [string, Alter] => [
    `a bit of the content, and the tag cut to ${octets} octets`,
    (made) => ({
      ...made,
      ciphertext: flipped(made.ciphertext, 7),
      tag: (made.tag ?? BLANK).subarray(0, octets),
    }),
  ]),
  [
    'a tag that is too long',
    (made) => ({ ...made, tag: Buffer.concat([made.tag ?? BLANK, Buffer.of(0)]) }),
  ],
  [
    'passed off as EnvelopedData',
    ({ tag, ...made }) => ({
      ...made,
      iv: Buffer.concat([made.iv, Buffer.alloc(tag === undefined ? 0 : 4)]),
    }),
  ],
  ...[0, 1, 11, 13, 17, 5_000].map((octets): readonly [string, Alter] => [
    `a nonce of ${octets} octets`,
    (made) => ({ ...made, iv: Buffer.alloc(octets, 7) }),
  ]),
  [
    'another encrypted key',
    (made) => ({ ...made, encryptedKey: randomBytes(made.encryptedKey.length) }),
  ],
];

describe('RFC 5084: altered GCM content does not open', () => {
  for (const [name, alter] of GCM) {
    test(name, async () => {
      for (const plain of [signed.opaque, secret]) {
        const made = alter(envelope(plain, 'gcm'), plain);
        await assertNothingOut(message(FROM, sealed(made)), name, SECRET);
      }
    });
  }
});

test('RFC 5083: CBC content that is passed off as authenticated does not open', async () => {
  const cek = randomBytes(CEK_BYTES);
  const made = envelope(signed.opaque, 'cbc', cek);
  for (const tag of [BLANK, randomBytes(BLOCK)]) {
    await assertNothingOut(
      message(FROM, sealed({ ...made, iv: made.iv.subarray(0, 12), tag })),
      'passed off',
      SECRET,
    );
  }
});

test('RFC 8551 section 6: the header between CBC and the signature inside it is nobody\u2019s to alter', async () => {
  for (const inside of [signed.opaque, signed.clear]) {
    const plain = Buffer.concat([Buffer.from(`X-Pad: ${'a'.repeat(121)}\r\n`), inside]);
    for (const block of [1, 2, 3, 4]) {
      const made = envelope(plain, 'cbc');
      const ciphertext = flipped(made.ciphertext, block * BLOCK);
      const bytes = message(FROM, sealed({ ...made, ciphertext }));
      await assertNothingOut(bytes, `block ${block}`, SECRET);
    }
  }
});
