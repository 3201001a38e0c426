import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
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

test('RFC 5322 3.4: address lists in doubt are null; groups, comments and quoted strings are read', () => {
  const rows: [string, string[] | null][] = [
    ['a b@c.example', null],
    ['john . x@b.example', null],
    ['a@b. example', null],
    ['x@y.example <a@b.example>', null],
    ['=?utf-8?q?x?=@b.example', null],
    ['<@relay.example:a@b.example>', null],
    ['a@[192.0.2.1]', null],
    ['a@b.example\0', null],
    ['a@b.example; c@d.example', null],
    ['G: a@b.example', null],
    ['"a@b.example', null],
    ['a@b.example (', null],
    ['J\xf6rg <j@b\xfccher.example>', null],
    ['a@b.example (c (d))', ['a@b.example']],
    ['"x, y <z@z.example>" <a@b.example>', ['a@b.example']],
    ['x@x.example, G: c@d.example, e@f.example;, ', ['x@x.example', 'c@d.example', 'e@f.example']],
    ['"a b"@c.example', ['a b@c.example']],
    ['John Q. Public <a@B.Example>', ['a@b.example']],
    ['=?utf-8?q?=22a=40b=22?= <a@b.example>', ['a@b.example']],
    ['J\xf6rg <j@b.example>', ['j@b.example']],
    [Buffer.from('Jörg <jö@bücher.example>').toString('latin1'), ['jö@xn--bcher-kva.example']],
    ['nobody:;', []],
  ];
  for (const [value, expected] of rows) {
    const list = parseAddressList(value);
    assert.deepEqual(list?.map((box) => `${box.localPart}@${box.domain}`) ?? null, expected, value);
  }
});

test('TM-7: hostile address lists of 1 MB end soon', () => {
  for (const piece of [
    '(',
    '"',
    ',',
    '<',
    'a',
    '\\',
    ';',
    'a@b.example,',
    '.',
    ':',
    '((',
    '()',
    ' ',
    '\\"',
    'a ',
  ]) {
    const started = process.hrtime.bigint();
    parseAddressList(piece.repeat(Math.ceil(1_000_000 / piece.length)));
    assert.ok(process.hrtime.bigint() - started < 5_000_000_000n, piece);
  }
  fc.assert(fc.property(fc.string(), (text) => void parseAddressList(text)));
});
