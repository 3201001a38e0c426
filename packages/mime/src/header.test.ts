import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  fieldValues,
  formatField,
  DEFAULT_MIME_LIMITS as LIMITS,
  readEntity,
  readEntityBytes,
  replaceHeader,
} from './index.ts';
import { bytesOf, chunked, entityOf, octets } from './test-fixtures.ts';

test('RFC 5322 2.2: header lines without CR LF, with NUL, or that are no field are malformed', () => {
  for (const text of [
    'Subject: a\nTo: b@b.example\r\n\r\n',
    'Subject: a\rTo: b\r\n\r\n',
    'Subject: a\0\r\n\r\n',
    'no field here\r\n\r\n',
    ' continued: first\r\n\r\n',
    'Sub ject: a\r\n\r\n',
    'Subject: a\r',
  ]) {
    const read = readEntityBytes(Buffer.from(text, 'latin1'), LIMITS);
    assert.equal(read.kind, 'malformed', JSON.stringify(text));
    assert.equal(read.fault, 'message-malformed');
  }
});

test('RFC 5322 4.5: white space before the colon does not hide a field', () => {
  assert.deepEqual(fieldValues(entityOf('From : a@b.example\r\n\r\n'), 'from'), ['a@b.example']);
});

test('header size and field count over the limits have their fault, in memory and streamed', async () => {
  const many = Buffer.from(`${'A: b\r\n'.repeat(2001)}\r\n`);
  const long = Buffer.concat([
    Buffer.from('A: '),
    Buffer.alloc(1024 * 1024, 'x'),
    Buffer.from('\r\n\r\n'),
  ]);
  for (const bytes of [many, long]) {
    for (const content of [
      chunked(bytes, 4096),
      chunked(Buffer.concat([bytes, Buffer.alloc(400_000)]), 4096),
    ]) {
      const read = await readEntity(content, LIMITS);
      assert.equal(read.kind === 'malformed' && read.fault, 'header-too-long');
    }
  }
});

test('header edits touch only the named fields', async () => {
  const name = fc.constantFrom('From', 'To', 'subject', 'X-A', 'DKIM-Signature');
  const value = fc.constantFrom('a', ' b', '\tc\r\n d', '', ' é');
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(name, value)), octets, name, async (fields, body, gone) => {
      const raws = fields.map(([field, text]) => Buffer.from(`${field}:${text}\r\n`, 'latin1'));
      const bytes = Buffer.concat([...raws, Buffer.from('\r\n'), body]);
      const entity = entityOf(bytes);
      assert.ok((await bytesOf(replaceHeader(entity, {}))).equals(bytes));
      const added = formatField('X-New', 'v');
      const expected = Buffer.concat([
        added,
        ...raws.filter((_, index) => fields[index]?.[0].toLowerCase() !== gone.toLowerCase()),
        Buffer.from('\r\n'),
        body,
      ]);
      assert.ok(
        (
          await bytesOf(replaceHeader(entity, { remove: [gone.toUpperCase()], prepend: [added] }))
        ).equals(expected),
      );
    }),
    { numRuns: 60 },
  );
});

test('RFC 5322 2.2.3: fields fold at 78 and unfold to the same value; injection throws', () => {
  const words = fc
    .array(fc.stringMatching(/^[!-~]{1,30}$/), { minLength: 1 })
    .map((list) => list.join(' '));
  fc.assert(
    fc.property(words, (value) => {
      const raw = formatField('X-Test', value);
      assert.deepEqual(fieldValues(entityOf(Buffer.concat([raw, Buffer.from('\r\n')])), 'x-test'), [
        value,
      ]);
      for (const line of raw.toString('latin1').split('\r\n')) assert.ok(line.length <= 78);
    }),
  );
  for (const value of ['a\r\nBcc: x', 'a\n', 'a\r', 'a\0', '\u{1f600}', 'x'.repeat(1100)]) {
    assert.throws(() => formatField('X-Test', value), RangeError);
  }
  assert.throws(() => formatField('X Test', 'a'), RangeError);
});
