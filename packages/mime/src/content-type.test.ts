import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contentType } from './index.ts';
import { entityOf } from './test-fixtures.ts';

test('RFC 2231 3, 4: parameters in sections and in other charsets; a parameter given twice is flagged', () => {
  const type = contentType(
    entityOf(
      `Content-Type: Application/X-Stuff (c); title*0*=us-ascii'en'This%20is; title*1=" more"; a="b\\"c;d"\r\n\r\n`,
    ),
  );
  assert.equal(`${type.type}/${type.subtype}`, 'application/x-stuff');
  assert.deepEqual(
    [...type.parameters],
    [
      ['a', 'b"c;d'],
      ['title', 'This is more'],
    ],
  );
  assert.equal(type.malformed, false);
  assert.equal(contentType(entityOf('Content-Type: a/b; c=d; C=e\r\n\r\n')).malformed, true);
  assert.equal(
    contentType(entityOf('Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n')).malformed,
    true,
  );
  assert.equal(contentType(entityOf('Content-Type: nonsense\r\n\r\n')).malformed, true);
  assert.equal(contentType(entityOf('\r\n')).type, 'text');
});
