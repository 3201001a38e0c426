import assert from 'node:assert/strict';
import { test } from 'node:test';
import { der, OID } from '@sallyport/der';
import fc from 'fast-check';
import {
  encodeCapabilities,
  encodeKeyPreference,
  formatCapability,
  type OwnCapability,
  readCapabilities,
  readKeyPreference,
} from './capabilities.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const listOf = (...entries: readonly Buffer[]): Buffer => der.sequence(...entries);

function words(value: Buffer): readonly string[] | null {
  return readCapabilities(value)?.map(formatCapability) ?? null;
}

/** The encodings that the RFCs print, byte for byte. */
const PUBLISHED: readonly (readonly [rfc: string, bytes: string, capability: OwnCapability])[] = [
  [
    'RFC 5753 section 6',
    '30 18 06 09 2b 81 05 10 86 48 3f 00 02 30 0b 06 09 60 86 48 01 65 03 04 01 05',
    { kind: 'ecdh', kdf: { kind: 'x963', hash: 'sha1' }, wrap: 'aes128' },
  ],
  [
    'RFC 5753 section 6',
    '30 15 06 06 2b 81 04 01 0B 02 30 0b 06 09 60 86 48 01 65 03 04 01 19',
    { kind: 'ecdh', kdf: { kind: 'x963', hash: 'sha384' }, wrap: 'aes192' },
  ],
  [
    'RFC 8418 section 8',
    '30 15 06 06 2B 81 04 01 0B 01 30 0B 06 09 60 86 48 01 65 03 04 01 2D',
    { kind: 'ecdh', kdf: { kind: 'x963', hash: 'sha256' }, wrap: 'aes256' },
  ],
  [
    'RFC 8418 section 8',
    '30 1A 06 0B 2A 86 48 86 F7 0D 01 09 10 03 13 30 0B 06 09 60 86 48 01 65 03 04 01 2D',
    { kind: 'ecdh', kdf: { kind: 'hkdf', hash: 'sha256' }, wrap: 'aes256' },
  ],
  [
    'RFC 8103 section 4',
    '30 0d 06 0b 2a 86 48 86 f7 0d 01 09 10 03 12',
    { kind: 'content', name: 'chacha20-poly1305' },
  ],
  [
    'RFC 3565 section 4.1',
    '30 0b 06 09 60 86 48 01 65 03 04 01 2a',
    { kind: 'content', name: 'aes256-cbc' },
  ],
  [
    'RFC 9936 section 2.4',
    '30 0B 06 09 60 86 48 01 65 03 04 04 02',
    { kind: 'kem', name: 'ml-kem-768' },
  ],
];

for (const [rfc, bytes, capability] of PUBLISHED) {
  test(`${rfc}: ${formatCapability(capability)} is read and written as printed`, () => {
    assert.deepEqual(readCapabilities(listOf(hex(bytes))), [capability]);
    assert.deepEqual(encodeCapabilities([capability]), listOf(hex(bytes)));
  });
}

test('the list of a stock client is read in its order, with what we do not use in its place', () => {
  const openssl = hex(
    '306a 300b060960864801650304012a 300b0609608648016503040116 300b0609608648016503040102' +
      '300a06082a864886f70d0307 300e06082a864886f70d030202020080 300d06082a864886f70d0302020140' +
      '300706052b0e030207 300d06082a864886f70d0302020128',
  );
  assert.deepEqual(words(openssl), [
    'aes256-cbc',
    'aes192-cbc',
    'aes128-cbc',
    'des-ede3-cbc',
    'rc2-cbc',
    'rc2-cbc',
    'des-cbc',
    'rc2-cbc',
  ]);
});

test('RFC 8551 2.5.2: an entry that is unknown stays unknown and takes no other with it', () => {
  const gcm = der.sequence(der.oid(OID.aes256Gcm));
  const strange = der.sequence(der.oid('1.2.3.4'), der.sequence(der.integer(1)));
  assert.deepEqual(words(listOf(strange, gcm)), ['1.2.3.4', 'aes256-gcm']);
  const parameters = der.sequence(der.oid(OID.aes256Gcm), der.integer(12));
  assert.deepEqual(words(listOf(parameters)), [OID.aes256Gcm], 'with parameters nobody defined');
  const isNull = der.sequence(der.oid(OID.aes256Gcm), der.null());
  assert.deepEqual(words(listOf(isNull)), ['aes256-gcm'], 'NULL, as some write');
  const wrap = der.sequence(der.oid(OID.dhSinglePassStdSha256Kdf), der.sequence(der.oid('1.2.3')));
  assert.deepEqual(words(listOf(wrap)), [OID.dhSinglePassStdSha256Kdf], 'a wrap of the unknown');
});

test('RFC 4055 4.1: OAEP is told by its hashes; with a label it is not the one we write', () => {
  const own: OwnCapability = { kind: 'rsa-oaep', hash: 'sha256', mgf1Hash: 'sha256' };
  const old: OwnCapability = { kind: 'rsa-oaep', hash: 'sha1', mgf1Hash: 'sha1' };
  assert.deepEqual(readCapabilities(encodeCapabilities([own, old])), [own, old]);
  assert.deepEqual(
    encodeCapabilities([old]),
    listOf(der.sequence(der.oid(OID.rsaesOaep), der.sequence())),
  );
  const labelled = der.sequence(
    der.explicit(2, der.sequence(der.oid(OID.pSpecified), der.octetString(Buffer.from('x')))),
  );
  assert.deepEqual(words(listOf(der.sequence(der.oid(OID.rsaesOaep), labelled))), [OID.rsaesOaep]);
});

test('a list is bounded in bytes and entries', () => {
  const entry = der.sequence(der.oid(OID.aes128Gcm));
  const many = readCapabilities(listOf(...Array.from({ length: 150 }, () => entry)));
  assert.equal(many?.length, 100);
  assert.equal(readCapabilities(listOf(...Array.from({ length: 1_000 }, () => entry))), null);
});

test('whatever the bytes, the readers give a value or null and throw nothing', () => {
  const good = encodeCapabilities([
    { kind: 'content', name: 'aes256-gcm' },
    { kind: 'rsa-oaep', hash: 'sha256', mgf1Hash: 'sha256' },
    { kind: 'ecdh', kdf: { kind: 'x963', hash: 'sha256' }, wrap: 'aes256' },
  ]);
  const altered = fc
    .array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 4 })
    .map((changes) => {
      const bytes = Buffer.from(good);
      for (const [at, octet] of changes) bytes[at] = octet;
      return bytes;
    });
  const random = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(altered, random), (bytes) => {
      for (const one of readCapabilities(bytes) ?? []) formatCapability(one);
      readKeyPreference(bytes);
    }),
    { numRuns: 2_000 },
  );
});

test('RFC 8551 2.5.3: the three forms of the encryption key preference', () => {
  const issuer = der.sequence(der.set(der.sequence(der.oid(OID.commonName), der.utf8String('CA'))));
  const serial = Buffer.of(0x00, 0x81);
  const bySerial = encodeKeyPreference({ issuer, serial });
  assert.equal(bySerial[0], 0xa0);
  assert.deepEqual(readKeyPreference(bySerial), { kind: 'issuerAndSerial', issuer, serial });
  const subjectKeyId = Buffer.from('0102030405', 'hex');
  const named = { kind: 'subjectKeyId', subjectKeyId };
  const byKey = der.implicit(1, der.sequence(der.octetString(subjectKeyId)));
  assert.deepEqual(readKeyPreference(byKey), named);
  assert.deepEqual(readKeyPreference(der.implicit(2, der.octetString(subjectKeyId))), named);
  assert.equal(readKeyPreference(der.integer(5)), null);
});
