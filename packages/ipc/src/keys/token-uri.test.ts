import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatTokenUri, parseTokenUri, tokenUriSchema } from './token-uri.ts';

test('RFC 7512 2.3: a URI names the token and one private key on it', () => {
  assert.deepEqual(parseTokenUri('pkcs11:token=Our%20HSM;serial=0001;id=%A1%00;type=private'), {
    token: 'Our HSM',
    serial: '0001',
    id: Buffer.from([0xa1, 0]),
  });
  assert.deepEqual(parseTokenUri('pkcs11:object=dsa;manufacturer=ACME%3b;model=X;token=t'), {
    token: 't',
    manufacturer: 'ACME;',
    model: 'X',
    object: 'dsa',
  });
});

test('what names no key, two things, or the module to load is refused with a reason', () => {
  const refused: Readonly<Record<string, RegExp>> = {
    'pkcs12:token=t;id=%01': /begin with pkcs11:/,
    'pkcs11:id=%01': /name the token/,
    'pkcs11:token=t': /name the key/,
    'pkcs11:token=t;id=': /from 1 to 64 octets/,
    [`pkcs11:token=t;id=${'%00'.repeat(65)}`]: /from 1 to 64 octets/,
    'pkcs11:token=t;token=u;id=%01': /names token twice/,
    'pkcs11:token=t;id=%01;type=public': /no use for type=public/,
    'pkcs11:token=t;id=%01;slot-id=1': /no use for slot-id=1/,
    'pkcs11:token=t;id=%0': /no use for/,
    'pkcs11:token=t;id=%01?module-path=/tmp/evil.so': /must have no query/,
    'pkcs11:token=t;id=%01?pin-value=1234': /must have no query/,
    [`pkcs11:token=${'t'.repeat(1_100)};id=%01`]: /longer than/,
  };
  for (const [text, reason] of Object.entries(refused)) {
    const parsed = parseTokenUri(text);
    assert.ok('reason' in parsed, text);
    assert.match(parsed.reason, reason);
    assert.equal(tokenUriSchema.safeParse(text).success, false);
  }
});

test('what is written is read again', () => {
  const label = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' });
  const id = fc.uint8Array({ minLength: 1, maxLength: 64 });
  fc.assert(
    fc.property(label, label, id, (token, object, octets) => {
      const uri = { token, object, id: Buffer.from(octets) };
      const text = formatTokenUri(uri);
      if (text.length <= 1_024) assert.deepEqual(parseTokenUri(text), uri);
    }),
  );
});
