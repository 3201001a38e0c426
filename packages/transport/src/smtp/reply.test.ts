import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatReply, ReplyReader } from './reply.ts';

const read = (text: string) => new ReplyReader().push(Buffer.from(text));

const bad: [string, string][] = [
  ['a line that is no reply', 'hello\r\n'],
  ['a code out of range', '650 x\r\n'],
  ['a code that changes', '250-a\r\n251 b\r\n'],
  ['endless lines', '250-x\r\n'.repeat(300)],
  ['an endless line', '2'.repeat(10_000)],
  ['a long whole line', `250 ${'x'.repeat(10_000)}\r\n`],
];

for (const [name, text] of bad) {
  test(`RFC 5321 4.2: ${name} ends the session`, () => {
    assert.equal(read(text).kind, 'bad');
  });
}

test('RFC 5321 4.2.1: a reply of several lines is kept whole', () => {
  const result = read('250-mx.example\r\n250-SIZE 10\r\n250 DSN\r\n');
  assert.ok(result.kind === 'replies');
  assert.deepEqual(result.replies, [
    { code: 250, enhanced: null, lines: ['mx.example', 'SIZE 10', 'DSN'] },
  ]);
});

test('RFC 2034: an enhanced code counts only if its class fits the reply code', () => {
  const result = read('550 5.1.1 no\r\n550 2.1.1 odd\r\n');
  assert.ok(result.kind === 'replies');
  assert.deepEqual(
    result.replies.map(({ enhanced }) => enhanced),
    ['5.1.1', null],
  );
});

test('control octets of a remote reply never reach our logs as they are', () => {
  assert.equal(formatReply({ code: 550, enhanced: null, lines: ['a\x1b[2Jb'] }), '550 a?[2Jb');
});

test('property: replies are the same however the octets are cut', () => {
  const text = Buffer.from('220 a\r\n250-b\r\n250 c\r\n354 \r\n550 5.7.1 d\r\n');
  fc.assert(
    fc.property(fc.array(fc.nat(text.length)), (cuts) => {
      const reader = new ReplyReader();
      const replies = [];
      const points = [0, ...cuts.sort((a, b) => a - b), text.length];
      for (let at = 1; at < points.length; at += 1) {
        const result = reader.push(text.subarray(points[at - 1], points[at]));
        assert.ok(result.kind === 'replies');
        replies.push(...result.replies);
      }
      assert.deepEqual(
        replies.map(({ code }) => code),
        [220, 250, 354, 550],
      );
      assert.ok(reader.isEmpty);
    }),
  );
});

test('property: random octets never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5_000 }), (bytes) => {
      new ReplyReader().push(Buffer.from(bytes));
    }),
  );
});
