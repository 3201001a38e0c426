import assert from 'node:assert/strict';
import { constants, generateKeyPairSync, privateDecrypt, publicEncrypt } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { choose, unpadOaep, unpadPkcs1v15 } from './rsa-unpad.ts';

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const raw = (bytes: Buffer) =>
  privateDecrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, bytes);
const key = Buffer.alloc(16, 7);

test('RFC 8017 7.2.2: every wrong byte of the padding is found', () => {
  const encoded = raw(publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, key));
  assert.deepEqual(unpadPkcs1v15(encoded, 16), { key, good: 1 });
  for (let i = 0; i < encoded.length - 16; i += 1) {
    const changed = Buffer.from(encoded);
    changed[i] = i < 2 || i === encoded.length - 17 ? 1 + (changed[i] ?? 0) : 0;
    assert.equal(unpadPkcs1v15(changed, 16).good, 0, `byte ${i}`);
  }
  assert.equal(unpadPkcs1v15(encoded, 24).good, 0);
  assert.equal(unpadPkcs1v15(Buffer.alloc(256), 16).good, 0);
});

test('RFC 8017 7.1.2: OAEP opens what OpenSSL sealed, and any changed byte or label is found', () => {
  const label = Buffer.from('label');
  for (const hash of ['sha1', 'sha256', 'sha512']) {
    const sealed = publicEncrypt(
      {
        key: publicKey,
        padding: constants.RSA_PKCS1_OAEP_PADDING,
        oaepHash: hash,
        oaepLabel: label,
      },
      key,
    );
    const encoded = raw(sealed);
    const parameters = { hash, mgf1Hash: hash, label };
    assert.deepEqual(unpadOaep(encoded, 16, parameters), { key, good: 1 });
    assert.equal(unpadOaep(encoded, 24, parameters).good, 0);
    assert.equal(unpadOaep(encoded, 16, { ...parameters, label: key }).good, 0);
    for (let i = 0; i < encoded.length; i += 5) {
      const changed = Buffer.from(encoded);
      changed[i] = (changed[i] ?? 0) ^ 1;
      const opened = unpadOaep(changed, 16, parameters);
      assert.ok(opened.good === 0 || !opened.key.equals(key), `byte ${i}`);
    }
  }
});

test('any bytes at all are unpadded without an exception', () => {
  const parameters = { hash: 'sha512', mgf1Hash: 'sha1', label: Buffer.alloc(0) };
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 128, maxLength: 512 }), (bytes) => {
      const encoded = Buffer.from(bytes);
      for (const keyBytes of [16, 24, 32]) {
        assert.equal(unpadPkcs1v15(encoded, keyBytes).key.length, keyBytes);
        assert.equal(unpadOaep(encoded, keyBytes, parameters).key.length, keyBytes);
      }
    }),
  );
});

test('choose takes one of two whole keys', () => {
  const other = Buffer.alloc(16, 0xf9);
  assert.deepEqual(choose(1, key, other), key);
  assert.deepEqual(choose(0, key, other), other);
});
