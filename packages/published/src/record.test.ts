import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foldAddress } from './index.ts';
import { formatRecord, parseRecord, type StoreRecord } from './record.ts';

const RECORD: StoreRecord = {
  kind: 'certificate',
  mail: ['ada@acme.example'],
  use: 'signature',
  notBefore: new Date('2026-01-01T00:00:00Z'),
  notAfter: new Date('2027-01-01T00:00:00Z'),
  keys: { certHash: ['a'], iAndSHash: ['b'], sHash: ['c'], sKIDHash: [], name: ['Ada\nL'] },
  der: Buffer.from('der'),
};

test('a record is one line and comes back as it was', () => {
  const line = formatRecord(RECORD);
  assert.equal(line.indexOf(0x0a), line.length - 1);
  assert.deepEqual(parseRecord(line), RECORD);
  const removal: StoreRecord = { kind: 'removal', mail: ['ada@acme.example'], at: new Date(0) };
  assert.deepEqual(parseRecord(formatRecord(removal)), removal);
});

test('any one octet changed makes a record damaged', () => {
  const line = formatRecord(RECORD);
  for (let at = 0; at < line.length - 1; at += 1) {
    const bytes = Buffer.from(line);
    bytes[at] = (bytes[at] ?? 0) ^ 0x01;
    // The blank after the checksum says nothing.
    if (at !== 8) assert.equal(parseRecord(bytes), null, `octet ${at}`);
  }
  assert.equal(parseRecord(Buffer.from('\n')), null);
});

test('a record that would not be read again is not written', () => {
  assert.throws(() => formatRecord({ ...RECORD, der: Buffer.alloc(128 * 1024) }), RangeError);
});

test('RFC 8550 3: addresses are compared without regard to ASCII case, and to it only', () => {
  assert.equal(foldAddress('Ada.L@ACME.example'), 'ada.l@acme.example');
  assert.equal(foldAddress('"ada"@acme.example'), 'ada@acme.example');
  assert.equal(foldAddress('ÄDA@acme.example'), 'Äda@acme.example');
  // The Kelvin sign is no k.
  assert.notEqual(foldAddress('\u212aate@acme.example'), foldAddress('kate@acme.example'));
  assert.equal(foldAddress('acme.example'), null);
});
