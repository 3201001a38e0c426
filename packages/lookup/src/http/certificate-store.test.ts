import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { certsOnly, makeCertificate } from '../test-peers.ts';
import { certificatesInAnswer, searchKey, storeQuery } from './certificate-store.ts';

describe('RFC 4387 section 2: queries', () => {
  test('section 2.6: an address is form-urlencoded', () => {
    const url = storeQuery('http://x.example/search.cgi', 'email', 'foo@example.com');
    assert.equal(url, 'http://x.example/search.cgi?email=foo%40example.com');
  });

  test('nothing in an address can add an attribute, a path or a fragment', () => {
    const url = storeQuery('http://x.example/s', 'uri', '"a&uri=b#/../;%0d\r\n+ "@example.com');
    const parsed = new URL(url);
    assert.equal(parsed.pathname, '/s');
    assert.deepEqual([...parsed.searchParams.keys()], ['uri']);
    assert.equal(parsed.searchParams.get('uri'), '"a&uri=b#/../;%0d\r\n+ "@example.com');
    assert.equal(parsed.hash, '');
  });

  test('an attribute is added to those that a pointer holds, and its fragment is dropped', () => {
    assert.equal(storeQuery('http://x/s?a=b#c', 'sHash', 'k+/'), 'http://x/s?a=b&sHash=k%2B%2F');
  });

  test('section 2.1: a search key has 27 characters and no padding', () => {
    assert.match(searchKey(Buffer.from('subject')), /^[A-Za-z0-9+/]{27}$/);
  });
});

describe('RFC 4387 section 2: answers', () => {
  const bob = makeCertificate('Bob', 'bob@bravo.example');
  const carol = makeCertificate('Carol', 'carol@bravo.example');
  const read = (body: Buffer, contentType: string | null = null) =>
    certificatesInAnswer({ body, contentType });
  const part = (der: Buffer, ...header: string[]): Buffer =>
    Buffer.concat([Buffer.from(`--x\r\n${header.join('\r\n')}\r\n\r\n`), der, Buffer.from('\r\n')]);
  const several = (...parts: Buffer[]): Buffer =>
    Buffer.concat([...parts, Buffer.from('--x--\r\n')]);
  const MIXED = 'multipart/mixed; boundary=x';
  const PKIX = 'Content-Type: application/pkix-cert';

  test('one certificate, whatever it is called', async () => {
    assert.deepEqual(await read(bob, 'application/pkix-cert'), [bob]);
    assert.deepEqual(await read(bob, 'text/html'), [bob]);
    assert.deepEqual(await read(bob), [bob]);
  });

  test('a certs-only message', async () => {
    assert.deepEqual(await read(certsOnly(bob, carol), 'application/pkcs7-mime'), [bob, carol]);
  });

  test('several as multipart/mixed, byte for byte', async () => {
    const body = several(part(bob, PKIX), part(carol, PKIX), part(certsOnly(bob), 'X: y'));
    assert.deepEqual(await read(body, MIXED), [bob, carol, bob]);
  });

  test('a part in base64, which section 2 forbids, is read all the same', async () => {
    const text = Buffer.from(bob.toString('base64'));
    const body = several(part(text, PKIX, 'Content-Transfer-Encoding: base64'));
    assert.deepEqual(await read(body, MIXED), [bob]);
  });

  const nothing: readonly (readonly [string, Buffer, string])[] = [
    ['an empty body', Buffer.alloc(0), 'application/pkix-cert'],
    ['an empty multipart', Buffer.alloc(0), MIXED],
    ['a multipart without boundary', several(part(bob, PKIX)), 'multipart/mixed'],
    ['33 parts', several(...Array.from({ length: 33 }, () => part(bob, PKIX))), MIXED],
    [
      '17 certificates in a certs-only message',
      certsOnly(...Array.from({ length: 17 }, () => bob)),
      'x/y',
    ],
    ['a header of 20,000 bytes', several(part(bob, `X: ${'a'.repeat(20_000)}`)), MIXED],
  ];
  for (const [name, body, type] of nothing) {
    test(`${name} yields none`, async () => assert.deepEqual(await read(body, type), []));
  }
});
