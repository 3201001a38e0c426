import { randomBytes } from 'node:crypto';
import { CAST } from './smime-identities.ts';
import {
  clear,
  crlf,
  DOMAIN,
  type Envelope,
  encrypted,
  envelope,
  message,
  opaque,
  sealed,
  textPart,
} from './smime-maker.ts';

const BLOCK = 16;
const FROM = 'From: bob@bravo.example\n';
const PLAIN = textPart(`the secret plan ${'x'.repeat(2_000)}`);
const dsa = { who: CAST.dsa, ...DOMAIN };
const signed = opaque(PLAIN, [dsa]);

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

/** Plaintext of any octets, as long as the signed one, so that every message has one size. */
const padded = (bytes: Buffer): Buffer =>
  Buffer.concat([bytes, Buffer.alloc(Math.max(0, signed.length - bytes.length), 0x20)]).subarray(
    0,
    signed.length,
  );

const cbc = (content: Buffer): Envelope => envelope(content, 'cbc');
const whole = (made: Envelope): Buffer => message(FROM, sealed(made));

/**
 * What an attacker can make of a message for our domain, or anew for its public key, and asks about.
 * Each makes one message, all of nearly one size.
 */
export const ORACLE_SHAPES: Readonly<Record<string, () => Buffer>> = {
  'content key of another message': () =>
    whole({ ...cbc(signed), encryptedKey: cbc(signed).encryptedKey }),
  'bad RSA padding': () => whole({ ...cbc(signed), encryptedKey: validRsaValue() }),
  'bad block padding': () => {
    const made = cbc(signed);
    return whole({ ...made, ciphertext: flipped(made.ciphertext, made.ciphertext.length - BLOCK) });
  },
  'garbage in the middle': () => {
    const made = cbc(signed);
    return whole({ ...made, ciphertext: flipped(made.ciphertext, made.ciphertext.length >> 1) });
  },
  'garbage plaintext, good padding': () => whole(cbc(randomBytes(signed.length))),
  'plaintext without signature': () => whole(cbc(padded(PLAIN))),
  truncated: () => {
    const made = cbc(signed);
    return whole({ ...made, ciphertext: made.ciphertext.subarray(0, -BLOCK) });
  },
  'bad tag, authenticated content': () => {
    const made = envelope(signed, 'gcm');
    return whole({ ...made, tag: flipped(made.tag ?? Buffer.alloc(BLOCK), 0) });
  },
};

/** Further shapes for the one reply. */
export const MORE_SHAPES: Readonly<Record<string, () => Buffer>> = {
  'half a block': () => {
    const made = cbc(signed);
    return whole({ ...made, ciphertext: made.ciphertext.subarray(0, -3) });
  },
  'no MIME shape': () => whole(cbc(crlf('no header here\n\nx\n'))),
  'a bare line feed': () => whole(cbc(Buffer.from('Content-Type: text/plain\n\nx\n'))),
  'an invalid signature': () => whole(cbc(opaque(PLAIN, [{ ...dsa, over: crlf('x\n') }]))),
  'an untrusted signature': () => whole(cbc(opaque(PLAIN, [{ who: CAST.fakeDsa, ...DOMAIN }]))),
  'a signature of another domain': () =>
    whole(cbc(clear(PLAIN, [{ who: CAST.eveDsa, ...DOMAIN }]))),
  'a signature over a part': () =>
    whole(
      cbc(
        Buffer.concat([
          crlf('Content-Type: multipart/mixed; boundary=m\n\n--m\n'),
          signed,
          crlf('\n--m--\n'),
        ]),
      ),
    ),
  'two From fields inside': () =>
    whole(cbc(textPart('x', 'From: bob@bravo.example\nFrom: eve@evil.example\n'))),
  'an attachment that the filter refuses': () =>
    whole(cbc(crlf('Content-Type: application/x-msdownload; name=evil.exe\n\nMZ\n'))),
  'a CMS object that is broken': () =>
    whole(cbc(crlf('Content-Type: application/pkcs7-mime\n\njunk\n'))),
  'more layers than are looked at': () =>
    whole(cbc(Array.from({ length: 14 }).reduce<Buffer>((inner) => opaque(inner, []), PLAIN))),
  'a layer for us inside': () => message(FROM, encrypted(encrypted(PLAIN))),
  'a cut tag': () => {
    const made = envelope(signed, 'gcm');
    return whole({ ...made, tag: (made.tag ?? Buffer.alloc(BLOCK)).subarray(0, 8) });
  },
  'authenticated, truncated': () => {
    const made = envelope(signed, 'gcm');
    return whole({ ...made, ciphertext: made.ciphertext.subarray(0, -1) });
  },
  'authenticated, another key': () =>
    whole({ ...envelope(signed, 'gcm'), encryptedKey: cbc(signed).encryptedKey }),
};

/** What opens: the positive control. */
export const GOOD_SHAPE = (): Buffer => whole(cbc(signed));

/** An encrypted key of the right length and below the modulus whose padding is wrong. */
function validRsaValue(): Buffer {
  const value = randomBytes(256);
  value[0] = 0;
  return value;
}
