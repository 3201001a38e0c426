import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authors } from './index.ts';
import { entityOf } from './test-fixtures.ts';

test('RFC 5322 3.6.2: no From, several From fields or an unreadable one leave the author in doubt', () => {
  const flagged = (text: string) => authors(entityOf(text).header).malformed;
  assert.equal(flagged('To: a@b.example\r\n\r\n'), true);
  assert.equal(flagged('From: a@b.example\r\nfrom: c@d.example\r\n\r\n'), true);
  assert.equal(flagged('From: a b\r\n\r\n'), true);
  assert.equal(flagged('From: a@b.example\r\nSender: x@y.example, z@y.example\r\n\r\n'), true);
  const good = authors(
    entityOf('From: a@b.example,\r\n c@d.example\r\nSender: x@y.example\r\n\r\n').header,
  );
  assert.equal(good.malformed, false);
  assert.deepEqual(
    good.from.map((box) => box.localPart),
    ['a', 'c'],
  );
  assert.equal(good.sender?.localPart, 'x');
});
