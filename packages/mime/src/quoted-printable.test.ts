import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { QuotedPrintableDecoder, QuotedPrintableEncoder } from './quoted-printable.ts';

test('RFC 2045 6.7: quoted-printable comes back whole in any chunking, lines within 76 columns', () => {
  const crlfText = fc
    .array(fc.uint8Array({ maxLength: 200 }))
    .map((lines) =>
      Buffer.concat(
        lines.flatMap((line) => [
          Buffer.from(line.filter((o) => o !== 10 && o !== 13)),
          Buffer.from('\r\n'),
        ]),
      ),
    );
  fc.assert(
    fc.property(crlfText, fc.integer({ min: 1, max: 99 }), (bytes, size) => {
      const encoded = run(new QuotedPrintableEncoder(), bytes, size);
      for (const line of encoded.toString('latin1').split('\r\n')) assert.ok(line.length <= 76);
      assert.ok(run(new QuotedPrintableDecoder(), encoded, size).equals(bytes));
    }),
    { numRuns: 60 },
  );
  const decoded = run(
    new QuotedPrintableDecoder(),
    Buffer.from('a=3D  \r\nb=\r\nc=zz =\t\r\nd='),
    2,
  );
  assert.equal(decoded.toString(), 'a=\r\nbc=zz d');
  const line = Buffer.alloc(300_000, 0xe9);
  const long = run(new QuotedPrintableEncoder(), line, 64_000);
  assert.ok(run(new QuotedPrintableDecoder(), long, 64_000).equals(line));
});

function run(
  transform: QuotedPrintableEncoder | QuotedPrintableDecoder,
  bytes: Buffer,
  size: number,
): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size)
    pieces.push(transform.push(bytes.subarray(at, at + size)));
  pieces.push(transform.finish());
  return Buffer.concat(pieces);
}
