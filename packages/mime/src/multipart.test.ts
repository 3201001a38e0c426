import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  contentType,
  DEFAULT_MIME_LIMITS as LIMITS,
  readEntity,
  readTree,
  splitMultipart,
} from './index.ts';
import { bytesOf, chunked, entityOf, streamedEntity } from './test-fixtures.ts';

test('RFC 2046 5.1.1: multiparts split into the exact bytes between delimiters, in any chunking', async () => {
  const filler = fc
    .array(
      fc.constantFrom(
        '--b',
        '--',
        'b',
        '\r\n',
        '\n',
        '\r',
        ' ',
        'x',
        '--bb',
        '\r\n--bc\r\n',
        '=',
        'é',
      ),
      { maxLength: 25 },
    )
    .map((words) => Buffer.from(words.join(''), 'latin1'))
    .filter((bytes) => !/(^|\r\n)--b(--)?[ \t]*(\r\n|$)/.test(bytes.toString('latin1')));
  await fc.assert(
    fc.asyncProperty(
      fc.array(filler, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 40 }),
      async (bodies, size) => {
        const parts = bodies.map((body) => Buffer.concat([Buffer.from('X: y\r\n\r\n'), body]));
        const delimiter = Buffer.from('\r\n--b \t\r\n');
        const bytes = Buffer.concat([
          Buffer.from('Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble'),
          ...parts.flatMap((part) => [delimiter, part]),
          Buffer.from('\r\n--b--\r\nepilogue\r\n--b\r\n'),
        ]);
        for (const entity of [entityOf(bytes), streamedEntity(bytes, size)]) {
          const split = await splitMultipart(entity, LIMITS);
          assert.equal(split.kind, 'parts');
          assert.equal(split.closed, true);
          assert.equal(split.parts.length, parts.length);
          for (const [index, part] of split.parts.entries()) {
            assert.ok((await bytesOf(part.content)).equals(parts[index] ?? Buffer.alloc(0)));
          }
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('RFC 2046 5.1.1: large parts of a streamed multipart are ranges, with their headers read', async () => {
  const first = Buffer.concat([
    Buffer.from('Content-Type: a/b\r\n\r\n'),
    Buffer.alloc(500_000, 'x'),
  ]);
  const second = Buffer.from('Content-Type: c/d\r\n\r\nsmall');
  const bytes = Buffer.concat([
    Buffer.from('Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'),
    first,
    Buffer.from('\r\n--b\r\n'),
    second,
    Buffer.from('\r\n--b--'),
  ]);
  for (const size of [65_536, 1000]) {
    const read = await readEntity(chunked(bytes, size), LIMITS);
    assert.equal(read.kind, 'entity');
    const split = await splitMultipart(read.value, LIMITS);
    assert.equal(split.kind, 'parts');
    assert.deepEqual(
      split.parts.map((part) => contentType(part).subtype),
      ['b', 'd'],
    );
    assert.ok(
      (await bytesOf(split.parts[0]?.content ?? chunked(Buffer.alloc(0), 1))).equals(first),
    );
    assert.equal(
      (await bytesOf(split.parts[1]?.body ?? chunked(Buffer.alloc(0), 1))).toString(),
      'small',
    );
  }
});

test('TM-7: a multipart without boundary or part is malformed, with too many or too deep is over the limit', async () => {
  const fault = async (text: string) => {
    const tree = await readTree(entityOf(text), LIMITS);
    return tree.kind === 'malformed' ? tree.fault : tree.kind;
  };
  assert.equal(await fault('Content-Type: multipart/mixed\r\n\r\n--b\r\n'), 'message-malformed');
  assert.equal(
    await fault('Content-Type: multipart/mixed; boundary=b\r\n\r\nno part'),
    'message-malformed',
  );
  assert.equal(
    await fault('Content-Type: multipart/mixed; boundary=b; boundary=c\r\n\r\n--b\r\n'),
    'message-malformed',
  );
  const flat = `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\n\r\n'.repeat(50_000)}`;
  assert.equal(await fault(flat), 'too-many-parts');
  let deep = '';
  for (let level = 0; level < 60; level += 1) {
    deep += `Content-Type: multipart/mixed; boundary=b${level}\r\n\r\n--b${level}\r\n`;
  }
  assert.equal(await fault(deep), 'nested-too-deeply');
});
