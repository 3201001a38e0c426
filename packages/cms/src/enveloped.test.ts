import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readContent } from '@sallyport/mail';
import {
  authEnvelopedData,
  checkRecipientKey,
  cmsEncryptedSize,
  decryptContent,
  envelopedData,
} from './index.ts';
import {
  content,
  envelopeIn,
  MESSAGE,
  makeIdentity,
  openWith,
  openWithOpenssl,
  p256,
  p384,
  pipe,
  rsa,
  sealWithOpenssl,
  unwrap,
} from './test-fixtures.ts';

test('RFC 3218: wrong key, wrong length, changed content and unknown algorithm are one answer', async () => {
  for (const mode of ['cbc', 'gcm'] as const) {
    const cms =
      mode === 'cbc'
        ? envelopedData(content(MESSAGE), [rsa.certificate], {
            content: 'aes256-cbc',
            keyTransport: 'auto',
          })
        : await authEnvelopedData(content(MESSAGE), [rsa.certificate], {
            content: 'aes256-gcm',
            keyTransport: 'auto',
          });
    const view = await envelopeIn(await readContent(cms));
    const [recipient] = view.recipients;
    assert.ok(recipient);
    const cek = unwrap(recipient, rsa);
    const encrypted = await readContent(view.encryptedContent);
    const cut = content(encrypted.subarray(0, encrypted.length - 1));
    assert.deepEqual(await decryptContent(view, Buffer.alloc(16)), { kind: 'failed' });
    assert.deepEqual(await decryptContent({ ...view, encryptedContent: cut }, cek), {
      kind: 'failed',
    });
    const unknown = { ...view.contentEncryption, name: null };
    assert.deepEqual(await decryptContent({ ...view, contentEncryption: unknown }, cek), {
      kind: 'failed',
    });
    if (mode === 'cbc') continue;
    const flipped = Buffer.from(encrypted);
    flipped[3] = (flipped[3] ?? 0) ^ 1;
    assert.deepEqual(await decryptContent({ ...view, encryptedContent: content(flipped) }, cek), {
      kind: 'failed',
    });
    assert.ok('mac' in view);
    const short = { ...view, mac: view.mac.subarray(0, 4) };
    assert.deepEqual(await decryptContent(short, cek), { kind: 'failed' });
  }
});

test('RFC 9709: GCM in EnvelopedData and CBC in AuthEnvelopedData are no algorithms', async () => {
  const gcm = await readContent(
    await authEnvelopedData(content(MESSAGE), [rsa.certificate], {
      content: 'aes128-gcm',
      keyTransport: 'auto',
    }),
  );
  const oid = Buffer.from('060960864801650304010' + '6', 'hex');
  const at = gcm.indexOf(oid);
  assert.ok(at > 0);
  gcm[at + oid.length - 1] = 2; // aes128-CBC
  const view = await envelopeIn(gcm);
  assert.equal(view.contentEncryption.name, null);
});

test('keys that cannot take part are said before, and refused after', () => {
  const weak = makeIdentity('weak-recipient', 'rsa-sha256', ['-newkey', 'rsa:1024']);
  const ed25519 = makeIdentity('ed', 'rsa-sha256', ['-newkey', 'ed25519']);
  for (const { certificate } of [weak, ed25519]) {
    assert.equal(checkRecipientKey(certificate).kind, 'unusable');
    assert.throws(
      () =>
        envelopedData(content(MESSAGE), [certificate], {
          content: 'aes128-cbc',
          keyTransport: 'auto',
        }),
      RangeError,
    );
  }
  assert.deepEqual(checkRecipientKey(p384.certificate), { kind: 'usable', keyType: 'p384' });
});

const FORMS = [
  ['rsa', rsa, 'rsa-pkcs1v15'],
  ['rsa', rsa, 'rsa-oaep'],
  ['p256', p256, 'ecdh'],
  ['p384', p384, 'auto'],
] as const;

test('RFC 5652 6: openssl opens our EnvelopedData, for RSA v1.5, OAEP and ECDH', async () => {
  for (const [name, identity, keyTransport] of FORMS) {
    for (const cipher of ['aes128-cbc', 'aes256-cbc'] as const) {
      for (const size of [0, 1, 15, 16, 17, 70_000, 200_000]) {
        const message = Buffer.alloc(size, 'x\r\n');
        const options = { content: cipher, keyTransport };
        const cms = envelopedData(content(message), [identity.certificate], options);
        const bytes = await readContent(cms);
        assert.equal(bytes.length, cmsEncryptedSize(size, [identity.certificate], options));
        assert.deepEqual(await readContent(cms), bytes, 'the same bytes when opened again');
        assert.deepEqual(await openWith(bytes, identity), message);
        if (size === 17 || size === 200_000) {
          assert.deepEqual(
            openWithOpenssl(bytes, identity),
            message,
            `${name} ${keyTransport} ${cipher}`,
          );
        }
      }
    }
  }
});

test('RFC 5083, RFC 5084: openssl opens our AuthEnvelopedData', async () => {
  for (const [name, identity, keyTransport] of FORMS) {
    for (const cipher of ['aes128-gcm', 'aes256-gcm'] as const) {
      for (const size of [0, 17, 200_000]) {
        const message = Buffer.alloc(size, 'x\r\n');
        const options = { content: cipher, keyTransport };
        const cms = await authEnvelopedData(content(message), [identity.certificate], options);
        const bytes = await readContent(cms);
        assert.equal(bytes.length, cmsEncryptedSize(size, [identity.certificate], options));
        assert.deepEqual(await openWith(bytes, identity), message);
        if (size > 0)
          assert.deepEqual(openWithOpenssl(bytes, identity), message, `${name} ${cipher}`);
      }
    }
  }
});

test('RFC 5652 6.2: several recipients of different keys each open it, originatorInfo too', async () => {
  const all = [rsa, p256, p384] as const;
  const bytes = await readContent(
    envelopedData(content(MESSAGE), [rsa.certificate, p256.certificate, p384.certificate], {
      content: 'aes256-cbc',
      keyTransport: 'auto',
      originatorInfo: { certificates: [rsa.certificate.der] },
    }),
  );
  for (const identity of all) {
    assert.deepEqual(openWithOpenssl(bytes, identity), MESSAGE);
    assert.deepEqual(await openWith(bytes, identity), MESSAGE);
  }
});

test('RFC 8551 2.3, 2.7: what openssl encrypts opens here, streamed or not', async () => {
  for (const identity of [rsa, p256, p384]) {
    for (const cipher of [
      '-aes-128-cbc',
      '-aes-192-cbc',
      '-aes-256-cbc',
      '-aes-128-gcm',
      '-aes-256-gcm',
    ]) {
      for (const extra of [[], ['-stream'], ['-keyid']]) {
        const bytes = pipe(
          MESSAGE,
          'cms',
          '-encrypt',
          '-binary',
          '-outform',
          'DER',
          cipher,
          ...extra,
          '-recip',
          identity.certFile,
        );
        assert.deepEqual(await openWith(bytes, identity), MESSAGE, `${cipher} ${extra.join('')}`);
      }
    }
  }
  for (const keyopt of [
    ['rsa_padding_mode:oaep'],
    ['rsa_padding_mode:oaep', 'rsa_oaep_md:sha256', 'rsa_mgf1_md:sha256'],
  ]) {
    const options = keyopt.flatMap((option) => ['-keyopt', option]);
    const bytes = sealWithOpenssl('aes-256-cbc', rsa, ...options);
    assert.deepEqual(await openWith(bytes, rsa), MESSAGE, keyopt.join());
  }
  const kdf = sealWithOpenssl('aes-256-cbc', p256, '-keyopt', 'ecdh_kdf_md:sha256', '-aes256-wrap');
  assert.deepEqual(await openWith(kdf, p256), MESSAGE);
});
