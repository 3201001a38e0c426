import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddressList } from './address.ts';

test('RFC 6532 3.2: octets that are no UTF-8 are refused in a local-part, quoted or not', () => {
  assert.equal(parseAddressList('\xffa.b@acme.example'), null);
  assert.equal(parseAddressList('Smith <"\xff\xfea.b"@acme.example>'), null);
  assert.equal(parseAddressList('"\xff Smith" <a.b@acme.example>')?.length, 1);
});

test('RFC 2047 5: an encoded word is refused in a local-part, quoted or not', () => {
  assert.equal(parseAddressList('=?utf-8?q?alice?=@acme.example'), null);
  assert.equal(parseAddressList('"=?utf-8?q?alice?="@acme.example'), null);
  assert.equal(parseAddressList('=?utf-8?q?alice?= <"a b"@acme.example>')?.length, 1);
});
