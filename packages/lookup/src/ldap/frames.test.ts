import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DerError, der } from '@sallyport/der';
import fc from 'fast-check';
import { certsOnly, makeCertificate } from '../test-peers.ts';
import { certificatesOfCertsOnly } from './certs-only.ts';
import { LdapFrameError, LdapFrames, MAX_FRAME_BYTES } from './frames.ts';

const message = (id: number): Buffer =>
  der.sequence(der.integer(id), der.octetString(Buffer.alloc(200, id)));
const refused = (error: unknown): boolean =>
  error instanceof LdapFrameError || error instanceof DerError;

test('RFC 4511 5.1: other protocols, indefinite and disagreeing lengths are refused', () => {
  const cases = {
    'another protocol': Buffer.from('HTTP/1.1 200 OK'),
    'an indefinite length': Buffer.from('30800201010000', 'hex'),
    'an indefinite length inside': Buffer.from('300430800000', 'hex'),
    'a part longer than the whole': Buffer.from('3004040a4141', 'hex'),
    'a message over the limit': der.sequence(der.octetString(Buffer.alloc(MAX_FRAME_BYTES))),
    'a length of 2^40': Buffer.from('3085ffffffffff', 'hex'),
  };
  for (const [name, bytes] of Object.entries(cases)) {
    assert.throws(() => new LdapFrames().push(bytes), refused, name);
  }
  let deep = der.null();
  for (let i = 0; i < 20; i += 1) deep = der.sequence(deep);
  assert.throws(() => new LdapFrames().push(deep), refused);
});

test('a session of too many messages or bytes is refused', () => {
  const many = new LdapFrames();
  assert.throws(() => many.push(Buffer.concat(Array(600).fill(message(1)))), refused);
  const large = new LdapFrames();
  const big = der.sequence(der.octetString(Buffer.alloc(MAX_FRAME_BYTES - 100)));
  assert.throws(() => {
    for (let i = 0; i < 6; i += 1) large.push(big);
  }, refused);
});

test('messages come out whole however the network cuts them', () => {
  const sent = [1, 2, 3].map(message);
  const bytes = Buffer.concat(sent);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 12 }), (cuts) => {
      const frames = new LdapFrames();
      const got: Buffer[] = [];
      const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      for (let i = 1; i < at.length; i += 1) {
        got.push(...frames.push(bytes.subarray(at[i - 1], at[i])));
      }
      assert.deepEqual(Buffer.concat(got), bytes);
      assert.equal(got.length, 3);
      assert.ok(!frames.isMidMessage);
    }),
  );
});

test('RFC 2798 2.8: certificates come out of PKCS#7, and other bytes yield none', () => {
  const certificate = makeCertificate('Bob', 'bob@bravo.example');
  const wrapped = certsOnly(certificate, certificate);
  assert.deepEqual(certificatesOfCertsOnly(wrapped), [certificate, certificate]);
  assert.deepEqual(certificatesOfCertsOnly(certificate), [certificate]);
  assert.deepEqual(certificatesOfCertsOnly(certsOnly()), []);
  assert.deepEqual(certificatesOfCertsOnly(wrapped.subarray(0, 100)), []);
  assert.deepEqual(certificatesOfCertsOnly(Buffer.from('hello')), []);
  fc.assert(
    fc.property(fc.nat(60), fc.nat(255), (at, value) => {
      const bytes = Buffer.from(wrapped);
      bytes[at] = value;
      assert.ok(Array.isArray(certificatesOfCertsOnly(bytes)));
    }),
  );
});
