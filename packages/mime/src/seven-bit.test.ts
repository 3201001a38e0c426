import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeBody,
  fieldValues,
  isSevenBitSafe,
  DEFAULT_MIME_LIMITS as LIMITS,
  splitMultipart,
  toSevenBit,
} from './index.ts';
import { bytesOf, chunked, entityOf } from './test-fixtures.ts';

test('RFC 8551 3.1.3: 8-bit leaves become quoted-printable or base64 and decode to the same octets', async () => {
  const message =
    'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n' +
    '--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nJ\xc3\xb6rg \r\nFrom me\r\n' +
    '--b\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\xff\n' +
    '\r\n--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n--b--\r\n';
  const converted = await toSevenBit(chunked(Buffer.from(message, 'latin1'), 50), LIMITS);
  assert.ok(converted);
  assert.equal(await isSevenBitSafe(converted), true);
  const split = await splitMultipart(entityOf(await bytesOf(converted)), LIMITS);
  assert.equal(split.kind, 'parts');
  const bodies = await Promise.all(
    split.parts.map(async (part) => (await bytesOf(await decodeBody(part))).toString('latin1')),
  );
  assert.deepEqual(bodies, ['J\xc3\xb6rg \r\nFrom me', '\0\xff\n', 'plain']);
  assert.deepEqual(fieldValues(entityOf(await bytesOf(converted)), 'content-transfer-encoding'), [
    '7bit',
  ]);
});

test('RFC 1847 2.1, RFC 8551 3: nothing inside signed, encrypted or attached messages is re-encoded', async () => {
  for (const type of [
    'multipart/signed; boundary=b',
    'multipart/encrypted; boundary=b',
    'application/pkcs7-mime',
    'message/rfc822',
  ]) {
    const text = `Content-Type: ${type}\r\n\r\n--b\r\n\r\n\xff\r\n--b--\r\n`;
    assert.equal(await toSevenBit(chunked(Buffer.from(text, 'latin1'), 9), LIMITS), null, type);
  }
  assert.equal(
    await toSevenBit(chunked(Buffer.from('Subject: \xff\r\n\r\n', 'latin1'), 9), LIMITS),
    null,
  );
  const plain = chunked(Buffer.from('Subject: a\r\n\r\nb\r\n'), 9);
  assert.equal(await toSevenBit(plain, LIMITS), plain);
});
