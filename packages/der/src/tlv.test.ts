import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  DerError,
  DerReader,
  der,
  elementLength,
  octetStringContent,
  readAll,
  readOnly,
  readTlv,
} from './index.ts';

const hex = (text: string): Buffer => Buffer.from(text.replace(/ /g, ''), 'hex');

test('X.690 8.1: malformed headers and lengths are refused with DerError', () => {
  const bad = [
    '',
    '30',
    '30 82',
    '30 82 01',
    '04 05 01',
    '30 80',
    '30 80 04 01',
    '04 80 00 00',
    '30 8f 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00',
    '30 87 01 00 00 00 00 00 00',
    '1f 80 01 00',
    '1f 1e 00',
    '1f ff ff ff ff ff ff 7f 00',
    '00 00',
    '00 01 00',
    '30 ff',
  ];
  for (const text of bad) assert.throws(() => readTlv(hex(text)), DerError, text);
});

test('X.690 10.1: strict reading refuses what only BER allows', () => {
  for (const text of ['30 80 00 00', '04 81 01 aa', '04 82 00 01 aa']) {
    assert.throws(() => readTlv(hex(text), 0, { strict: true }), DerError, text);
    assert.doesNotThrow(() => readTlv(hex(text)), text);
  }
  assert.throws(
    () => new DerReader(hex('24 03 04 01 aa'), { strict: true }).octetString(),
    DerError,
  );
  assert.throws(() => new DerReader(hex('01 01 01'), { strict: true }).boolean(), DerError);
  assert.throws(() => new DerReader(hex('03 02 04 ff'), { strict: true }).bitString(), DerError);
  assert.throws(() => new DerReader(hex('02 02 00 01')).integer(), DerError);
});

test('deep nesting ends in DerError, definite or not, without exhausting the stack', () => {
  const deep = Buffer.concat([Buffer.alloc(200_000, hex('30 80')), Buffer.alloc(200_000)]);
  assert.throws(() => readTlv(deep), DerError);
  const walk = (reader: DerReader): void => walk(reader.sequence());
  let nested: Buffer = der.null();
  for (let i = 0; i < 100; i += 1) nested = der.sequence(nested);
  assert.throws(() => walk(new DerReader(nested)), /nested too deeply/);
  let pieces: Buffer = hex('04 01 aa');
  for (let i = 0; i < 100; i += 1) pieces = Buffer.concat([hex('24'), derLengthOf(pieces), pieces]);
  assert.throws(() => octetStringContent(readTlv(pieces)), DerError);
});

function derLengthOf(bytes: Buffer): Buffer {
  return der.octetString(bytes).subarray(1, der.octetString(bytes).length - bytes.length);
}

test('an indefinite length ends at its own end-of-contents', () => {
  const tlv = readTlv(hex('30 80 24 80 04 02 00 00 00 00 02 01 05 00 00 ff'));
  assert.equal(tlv.bytes.toString('hex'), '3080248004020000000002010500' + '00');
  assert.equal(tlv.indefinite, true);
  const [string, integer] = readAll(tlv.value);
  assert.ok(string && integer);
  assert.deepEqual(octetStringContent(string), [hex('00 00')]);
  assert.equal(integer.tag, 2);
});

test('octetStringContent gives the slices of nested pieces in order', () => {
  const tlv = readTlv(hex('a0 80 04 01 01 24 06 04 01 02 04 01 03 04 00 00 00'));
  assert.equal(Buffer.concat(octetStringContent(tlv)).toString('hex'), '010203');
  assert.throws(() => octetStringContent(readTlv(hex('24 03 02 01 01'))), DerError);
});

test('readOnly refuses bytes after the element, readTlv leaves them', () => {
  assert.throws(() => readOnly(hex('05 00 05 00')), /after/);
  assert.equal(readTlv(hex('05 00 05 00')).bytes.length, 2);
  assert.throws(() => readAll(hex('05 00 05 00 05 00'), { maxElements: 2 }), /too many/);
});

test('elementLength frames a stream', () => {
  const whole = der.sequence(Buffer.alloc(300));
  for (let i = 0; i < 4; i += 1) assert.equal(elementLength(whole.subarray(0, i)), null);
  assert.equal(elementLength(whole.subarray(0, 4)), whole.length);
  assert.throws(() => elementLength(hex('30 80')), DerError);
  assert.throws(() => elementLength(hex('30 ff')), DerError);
});

test('any bytes are read or refused with DerError, never otherwise', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const walk = (reader: DerReader): void => {
        for (const tlv of reader.all()) if (tlv.constructed) walk(reader.inside(tlv));
      };
      try {
        walk(new DerReader(Buffer.from(bytes)));
      } catch (error) {
        assert.ok(error instanceof DerError);
      }
    }),
    { numRuns: 2000 },
  );
});
