import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OID } from '@sallyport/der';
import { bufferContent } from '@sallyport/mail';
import { signedPayload } from './header-protection.ts';
import type { EncryptedLayer, SignedLayer, UnwrapRequest } from './layers.ts';
import { domainSign } from './outward.ts';
import {
  alice,
  bytesOf,
  crlf,
  dcaEc,
  dcaRsa,
  dsa,
  entity,
  MESSAGE,
  messageAround,
  open,
  pipe,
  signerOf,
  unwrap,
} from './test-fixtures.ts';
import { limits, onlyLayer, signedLayer, text } from './test-open.ts';
import { unwrapRequests } from './unwrap.ts';

test('what is not cryptographic has no layers', async () => {
  const message = await open(MESSAGE);
  assert.deepEqual(message.layers, []);
  assert.equal(message.content, message.root);
  assert.equal(message.partial, false);
});

test('RFC 3183 3 (DS-V10): domsec reads as a domain signature around an empty layer', async () => {
  const made = await domainSign(entity(MESSAGE), signerOf(dsa), {
    profile: 'domsec',
    protectHeaders: true,
    limits,
  });
  const message = await open(await messageAround(made));
  const [outer, empty] = message.layers as [SignedLayer, SignedLayer];
  assert.equal(outer.signers[0]?.check.kind, 'valid');
  assert.deepEqual(outer.signers[0]?.types, ['domain']);
  assert.equal(empty.empty, true);
  assert.deepEqual(empty.signers, []);
  assert.deepEqual(
    await bytesOf(message.content.content),
    await bytesOf(signedPayload(entity(MESSAGE), { protectHeaders: true })),
  );
});

test('RFC 8551 3.5: what openssl signs, clear and opaque, verifies', async () => {
  const sign = [
    'cms',
    '-sign',
    '-md',
    'sha256',
    '-signer',
    alice.certFile,
    '-inkey',
    alice.keyFile,
  ];
  for (const form of [[], ['-nodetach']]) {
    const made = pipe(await bytesOf(text), ...sign, ...form);
    const canonical = bufferContent(crlf(made.toString('latin1')));
    const layer = await signedLayer(canonical);
    assert.equal(layer.form, form.length === 0 ? 'clear' : 'opaque');
    assert.equal(layer.signers[0]?.check.kind, 'valid', JSON.stringify(layer.signers[0]?.check));
    assert.equal(layer.signers[0]?.types, null);
  }
});

for (const who of [dcaRsa, dcaEc]) {
  for (const cipher of ['-aes-128-cbc', '-aes-256-cbc', '-aes-128-gcm', '-aes-256-gcm']) {
    const kind = who === dcaRsa ? 'RSA' : 'EC';
    test(`RFC 8551 2.7: opens what openssl encrypts: ${kind} ${cipher}`, async () => {
      const made = pipe(await bytesOf(text), 'cms', '-encrypt', cipher, '-recip', who.certFile);
      const layer = (await onlyLayer(
        bufferContent(crlf(made.toString('latin1'))),
      )) as EncryptedLayer;
      assert.equal(layer.state, 'opened');
      assert.equal(layer.keyId, who === dcaRsa ? 'rsa' : 'ec');
      assert.equal(layer.authenticated, cipher.endsWith('gcm'));
      assert.ok(layer.inside !== null);
      assert.match((await bytesOf(layer.inside.body)).toString(), /^hello/);
    });
  }
}

test('RFC 5753 7.2: the parameters of the wrap reach the unwrapper as they stood', async () => {
  const seen: UnwrapRequest[] = [];
  const made = pipe(await bytesOf(text), 'cms', '-encrypt', '-aes256', '-recip', dcaEc.certFile);
  await open(await messageAround(bufferContent(crlf(made.toString('latin1')))), {
    unwrapper: {
      unwrap: async (request) => {
        seen.push(request);
        return unwrap(request);
      },
    },
  });
  const recipient = seen[0]?.recipient;
  assert.ok(recipient?.kind === 'kari');
  assert.ok(['absent', 'null'].includes(recipient.wrapParameters));
});

test('RFC 5753 7.2: a NULL in the wrap is told apart from no parameters', () => {
  for (const wrapParameters of ['absent', 'null'] as const) {
    const { issuer, serial } = dcaEc.certificate;
    const view = {
      recipients: [
        {
          kind: 'kari',
          curve: 'p256',
          originatorPublicKey: Buffer.alloc(65),
          kdf: { kind: 'x963', hash: 'sha256' },
          ukm: null,
          wrap: 'aes256',
          wrapParameters,
          recipients: [
            { rid: { kind: 'issuerAndSerial', issuer, serial }, encryptedKey: Buffer.alloc(40) },
          ],
        },
      ],
      contentType: OID.data,
      contentEncryption: { oid: '', name: 'aes256-cbc', iv: Buffer.alloc(16), keyBytes: 32 },
      encryptedContent: text,
    } as const;
    const [request] = unwrapRequests(view, { keyId: 'ec', certificate: dcaEc.certificate });
    assert.equal(
      request?.recipient.kind === 'kari' && request.recipient.wrapParameters,
      wrapParameters,
    );
  }
});
