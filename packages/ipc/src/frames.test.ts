import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameDecoder, FrameTooLong } from './frames.ts';

function frame(body: string): Buffer {
  const bytes = Buffer.from(body);
  const header = Buffer.alloc(4);
  header.writeUInt32BE(bytes.length);
  return Buffer.concat([header, bytes]);
}

function decodeAll(decoder: FrameDecoder): string[] {
  const bodies: string[] = [];
  for (let body = decoder.next(); body !== null; body = decoder.next())
    bodies.push(body.toString());
  return bodies;
}

test('a header over the limit is refused before its body comes', () => {
  const decoder = new FrameDecoder(10);
  decoder.push(frame('01234567890').subarray(0, 4));
  assert.throws(() => decoder.next(), FrameTooLong);
});

test('frames come out whole and in order however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ maxLength: 40 }), { maxLength: 12 }),
      fc.array(fc.nat(60)),
      (bodies, cuts) => {
        const stream = Buffer.concat(bodies.map(frame));
        const decoder = new FrameDecoder(1_000);
        const seen: string[] = [];
        let at = 0;
        for (const cut of [...cuts, stream.length]) {
          const end = Math.min(stream.length, at + cut);
          decoder.push(Buffer.from(stream.subarray(at, end)));
          seen.push(...decodeAll(decoder));
          at = end;
        }
        assert.deepEqual(
          seen,
          bodies.map((body) => Buffer.from(body).toString()),
        );
      },
    ),
  );
});
