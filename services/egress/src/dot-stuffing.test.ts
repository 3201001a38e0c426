import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Content, readContent } from '@sallyport/mail';
import fc from 'fast-check';
import { mailData } from './dot-stuffing.ts';
import { inspectContent } from './inspect.ts';

function cut(text: string, cuts: readonly number[]): Content {
  const bytes = Buffer.from(text, 'latin1');
  const points = [0, ...[...cuts].sort((a, b) => a - b), bytes.length];
  return {
    sizeBytes: bytes.length,
    open: async function* () {
      for (let at = 1; at < points.length; at += 1) {
        yield bytes.subarray(points[at - 1] ?? 0, points[at] ?? 0);
      }
    },
  };
}

const lines = fc.array(fc.constantFrom('', '.', '..', '.a', 'a.', 'é', 'text'), { maxLength: 20 });

test('property: RFC 5321 4.5.2: stuffing is undone by the server, and only the end is the end', async () => {
  await fc.assert(
    fc.asyncProperty(lines, fc.array(fc.nat(60)), async (all, cuts) => {
      const text = all.map((line) => `${line}\r\n`).join('');
      const content = cut(
        text,
        cuts.filter((at) => at <= text.length),
      );
      const chunks: Uint8Array[] = [];
      for await (const chunk of mailData(content)) chunks.push(chunk);
      const wire = Buffer.concat(chunks).toString('latin1');
      const end = wire.startsWith('.\r\n') ? 0 : wire.indexOf('\r\n.\r\n') + 2;
      assert.equal(end, wire.length - 3);
      assert.equal(wire.slice(0, end).replace(/(^|\r\n)\./g, '$1'), text);
    }),
  );
});

const bare: [string, boolean][] = [
  ['a\nb\r\n', true],
  ['a\rb\r\n', true],
  ['\n', true],
  ['a\r', true],
  ['a\r\r\n', true],
  ['a\r\n\n', true],
  ['a\r\nb\r\n', false],
  ['', false],
];

for (const [text, isBare] of bare) {
  test(`RFC 5321 2.3.8: ${JSON.stringify(text)} ${isBare ? 'has' : 'has no'} bare line end, however cut`, async () => {
    for (let at = 0; at <= text.length; at += 1) {
      assert.equal((await inspectContent(cut(text, [at]))).hasBareLineEnd, isBare, `cut at ${at}`);
    }
  });
}

test('RFC 6531: octets above 127 in the header and in the body are told apart', async () => {
  for (const [text, inHeader, anywhere] of [
    ['Subject: é\r\n\r\nx\r\n', true, true],
    ['Subject: e\r\n\r\né\r\n', false, true],
    ['Subject: e\r\n\r\ne\r\n', false, false],
  ] as const) {
    for (let at = 0; at <= text.length; at += 1) {
      const facts = await inspectContent(cut(text, [at]));
      assert.equal(facts.hasEightBitHeader, inHeader);
      assert.equal(facts.isEightBit, anywhere);
    }
  }
});

test('the facts name the size that is sent (RFC 1870)', async () => {
  const content = cut('a\r\n', []);
  assert.equal((await inspectContent(content)).sizeBytes, (await readContent(content)).length);
});
