import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  DerError,
  DerReader,
  decodeTime,
  der,
  derHeader,
  derLength,
  OID,
  readOnly,
} from './index.ts';

test('X.690 8.19: bad object identifiers are refused both ways', () => {
  for (const text of ['0600', '060180', '06028001', '060281', '0681ff']) {
    assert.throws(() => new DerReader(Buffer.from(text, 'hex')).oid(), DerError, text);
  }
  for (const text of ['', '1', '3.1', '1.40', '1.2.', '1.02', '1.2.x', '-1.2']) {
    assert.throws(() => der.oid(text), RangeError, text);
  }
});

test('X.690 8.19: every named OID survives writing and reading, and a UUID arc does', () => {
  for (const oid of [
    ...Object.values(OID),
    '2.25.340282366920938463463374607431768211455',
    '2.999.1',
  ]) {
    assert.equal(new DerReader(der.oid(oid)).oid(), oid);
  }
  assert.equal(der.oid('1.2.840.113549').toString('hex'), '06062a864886f70d');
});

test('integers of any size survive, in the least form', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }), (value) => {
      assert.equal(new DerReader(der.integer(value), { strict: true }).integer(), value);
    }),
  );
  assert.equal(der.integer(128).toString('hex'), '02020080');
  assert.equal(der.integer(-128).toString('hex'), '020180');
  assert.equal(der.integer(Buffer.from('00008001', 'hex')).toString('hex'), '0203008001');
  assert.equal(der.integer(Buffer.alloc(0)).toString('hex'), '020100');
});

test('RFC 5280 4.1.2.5: impossible or loose dates are refused, 2049 is the last UTCTime', () => {
  for (const text of ['260231000000Z', '261301000000Z', '260101240000Z', '2601010000', 'x']) {
    const tlv = readOnly(Buffer.concat([derHeader(0x17, text.length), Buffer.from(text)]));
    assert.throws(() => decodeTime(tlv), DerError, text);
  }
  const loose = readOnly(Buffer.concat([derHeader(0x17, 17), Buffer.from('260101020000+0200')]));
  assert.throws(() => decodeTime(loose, { strict: true }), DerError);
  assert.equal(decodeTime(loose).toISOString(), '2026-01-01T00:00:00.000Z');
  for (const iso of [
    '1950-01-01T00:00:00.000Z',
    '2049-12-31T23:59:59.000Z',
    '2050-01-01T00:00:00.000Z',
  ]) {
    const written = der.time(new Date(iso));
    assert.equal(written[0], iso < '2050' ? 0x17 : 0x18);
    assert.equal(new DerReader(written, { strict: true }).time().toISOString(), iso);
  }
  assert.throws(() => der.utcTime(new Date('2050-01-01')), RangeError);
});

test('X.690 11.6: setOf sorts by encoding, implicit keeps the constructed bit', () => {
  const set = der.setOf([der.integer(3), der.integer(1), der.octetString(Buffer.of(1))]);
  assert.equal(set.toString('hex'), '3109020101020103040101');
  assert.equal(der.implicit(0, set)[0], 0xa0);
  assert.equal(der.implicit(1, der.octetString(Buffer.of(1)))[0], 0x81);
  assert.equal(der.explicit(2, der.null()).toString('hex'), 'a2020500');
  const bind = der.tagged({ tagClass: 'application', tag: 0, constructed: true }, der.null());
  assert.equal(bind[0], 0x60);
  assert.throws(() => der.explicit(31, der.null()), RangeError);
});

test('X.690 11.2.2: namedBits drops trailing zero bits', () => {
  assert.equal(der.namedBits([0, 1]).toString('hex'), '030206c0');
  assert.equal(der.namedBits([8]).toString('hex'), '0303070080');
  assert.equal(der.namedBits([]).toString('hex'), '030100');
});

test('derHeader and derLength agree at every size of length', () => {
  for (const length of [0, 127, 128, 255, 256, 65535, 65536, 16777216, 2 ** 33]) {
    assert.equal(derLength(length), derHeader(4, length).length + length);
  }
  assert.equal(derHeader(4, 2 ** 33).toString('hex'), '04850200000000');
  assert.throws(() => derHeader(4, -1), RangeError);
});

test('strings refuse characters outside their alphabet', () => {
  assert.throws(() => der.printableString('a@b'), RangeError);
  assert.throws(() => der.ia5String('ü'), RangeError);
  assert.equal(der.utf8String('ü').toString('hex'), '0c02c3bc');
});

test('DerReader: expectations that fail say what was found', () => {
  const reader = new DerReader(der.sequence(der.integer(1), der.boolean(true)));
  assert.throws(() => reader.set(), /expected universal 17, found universal 16/);
  const inner = new DerReader(readOnly(der.sequence(der.integer(1), der.boolean(true))));
  assert.equal(inner.optional('context', 0), null);
  assert.equal(inner.smallInteger(), 1);
  assert.throws(() => inner.end(), DerError);
  assert.equal(inner.boolean(), true);
  inner.end();
  assert.equal(inner.peek(), null);
  assert.throws(() => inner.next(), /missing/);
  assert.throws(() => new DerReader(readOnly(der.null())), /primitive/);
  assert.throws(() => new DerReader(der.integer(-1)).smallInteger(), DerError);
});
