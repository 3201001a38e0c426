/** What an attacker sends: every shape that must not pass for more than it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  authEnvelopedData,
  certificatesOnly,
  detachedSignedData,
  emptySignedData,
  envelopedData,
  signedData,
} from '@sallyport/cms';
import { der, OID } from '@sallyport/der';
import { bufferContent, type Content } from '@sallyport/mail';
import { multipartSigned, pkcs7MimeEntity } from '@sallyport/mime';
import type { EncryptedLayer, SignedLayer, UnwrapRequest } from './layers.ts';
import { openLayers } from './open.ts';
import {
  alice,
  bytesOf,
  crlf,
  dcaEc,
  dcaRsa,
  dsa,
  dsaRsa,
  LIMITS,
  messageAround,
  OPEN,
  OUTER,
  OWN,
  opaque,
  open,
  openssl,
  signerInfo,
  TYPE,
  typesAttribute,
  unwrap,
  write,
} from './test-fixtures.ts';
import { domainType, layersOf, onlyLayer, signedBy, signedLayer, text } from './test-open.ts';

test('DS-V11: content inside the signature of multipart/signed is an error, not a choice', async () => {
  const info = await signerInfo(text, dsa, [domainType]);
  const cms = await bytesOf(signedData(text, [info], [dsa.certificate.der]));
  const layer = await onlyLayer(multipartSigned(text, cms, { micalg: 'sha-256', boundary: 'b' }));
  assert.equal(layer.kind, 'broken');
});

test('RFC 1847 2.1: multipart/signed has two parts: a third could say anything', async () => {
  const info = await signerInfo(text, dsa, [domainType]);
  const cms = detachedSignedData([info], [dsa.certificate.der]);
  const good = await bytesOf(multipartSigned(text, cms, { micalg: 'sha-256', boundary: 'b' }));
  assert.equal((await onlyLayer(bufferContent(good))).kind, 'signed');
  const three = good.toString('latin1').replace('\r\n--b--', '\r\n--b\r\n\r\nevil\r\n--b--');
  assert.equal((await onlyLayer(bufferContent(Buffer.from(three, 'latin1')))).kind, 'broken');
  const one = good
    .toString('latin1')
    .replace(/--b\r\nContent-Type: application[\s\S]*$/, '--b--\r\n');
  assert.equal((await onlyLayer(bufferContent(Buffer.from(one, 'latin1')))).kind, 'broken');
});

test('two boundaries or protocols in one Content-Type are not read as either', async () => {
  const info = await signerInfo(text, dsa, [domainType]);
  const cms = detachedSignedData([info], [dsa.certificate.der]);
  const good = await bytesOf(multipartSigned(text, cms, { micalg: 'sha-256', boundary: 'b' }));
  const twice = good.toString('latin1').replace('boundary="b"', 'boundary="b"; boundary="c"');
  assert.equal((await onlyLayer(bufferContent(Buffer.from(twice, 'latin1')))).kind, 'broken');
});

test('a signature over something that is no MIME entity does not pass for one over mail', async () => {
  const cms = await bytesOf(
    signedData(text, [await signerInfo(text, dsa, [domainType])], [dsa.certificate.der]),
  );
  // id-data in encapContentInfo becomes id-ct-receipt's sibling of the same length: 1.2.840.113549.1.7.6
  const at = cms.indexOf(der.oid(OID.data), 20);
  const other = Buffer.concat([
    cms.subarray(0, at),
    der.oid('1.2.840.113549.1.7.6'),
    cms.subarray(at + der.oid(OID.data).length),
  ]);
  const layer = await onlyLayer(opaque(bufferContent(other)));
  assert.ok(layer.kind === 'broken');
  assert.equal(layer.fault, 'algorithm-unsupported');
});

test('RFC 3183 3.1.2 (DS-G4): SignatureType twice, or with additional attributes and another, is invalid', async () => {
  const wrong = [
    [domainType, typesAttribute(TYPE.review)],
    [domainType, domainType],
    [typesAttribute(TYPE['additional-attributes'], TYPE.domain)],
  ];
  for (const extra of wrong) {
    const layer = await signedLayer(await signedBy(await signerInfo(text, dsa, extra)));
    assert.equal(layer.signers[0]?.check.kind, 'invalid');
  }
  const alone = [typesAttribute(TYPE['additional-attributes'])];
  const fine = await signedLayer(await signedBy(await signerInfo(text, dsa, alone)));
  assert.equal(fine.signers[0]?.check.kind, 'valid');
  const several = [typesAttribute(TYPE.originator, TYPE.domain)];
  const both = await signedLayer(await signedBy(await signerInfo(text, dsa, several)));
  assert.equal(both.signers[0]?.check.kind, 'valid');
});

test('RFC 3183 3.1.2 (DS-G5): signers that do not agree on the type are all invalid', async () => {
  const [a, b] = await Promise.all([
    signerInfo(text, dsa, [domainType]),
    signerInfo(text, dsaRsa, []),
  ]);
  const layer = await signedLayer(await signedBy(a, b));
  assert.deepEqual(
    layer.signers.map((signer) => signer.check.kind),
    ['invalid', 'invalid'],
  );
  const same = await signerInfo(text, dsaRsa, [domainType]);
  const agreed = await signedLayer(await signedBy(a, same));
  assert.deepEqual(
    agreed.signers.map((signer) => signer.check.kind),
    ['valid', 'valid'],
  );
});

test('a signature without signed attributes, or over other content, is invalid', async () => {
  const good = await signerInfo(text, dsa, [domainType]);
  const other = await signerInfo(bufferContent(Buffer.from('x')), dsa, [domainType]);
  const layer = await signedLayer(await signedBy(good));
  assert.equal(layer.signers[0]?.check.kind, 'valid');
  assert.equal((await signedLayer(await signedBy(other))).signers[0]?.check.kind, 'invalid');
});

test('content that is itself the DER of signed attributes cannot be signed content', async () => {
  const info = await signerInfo(text, dsa, [domainType]);
  const shaped = bufferContent(info.signedAttrs);
  const cms = signedData(
    shaped,
    [await signerInfo(shaped, dsa, [domainType])],
    [dsa.certificate.der],
  );
  const message = await open(await messageAround(opaque(cms)));
  const [layer] = message.layers;
  assert.ok(
    layer?.kind === 'broken' ||
      (layer?.kind === 'signed' && layer.signers[0]?.check.kind === 'invalid'),
  );
});

test('RFC 8551 3.8: certs-only is content, a signature without content is broken', async () => {
  const certs = bufferContent(certificatesOnly([dsa.certificate.der]));
  assert.deepEqual(await layersOf(opaque(certs)), []);
  const bare = detachedSignedData([await signerInfo(text, dsa)], [dsa.certificate.der]);
  assert.equal((await onlyLayer(opaque(bufferContent(bare)))).kind, 'broken');
});

test('without a certificate of the signer the signature is unverifiable', async () => {
  const cms = signedData(text, [await signerInfo(text, dsa, [domainType])], []);
  const layer = await signedLayer(opaque(cms));
  assert.equal(layer.signers[0]?.check.kind, 'unverifiable');
  const known = await open(await messageAround(opaque(cms)), {
    knownCertificates: [dsa.certificate],
  });
  assert.equal((known.layers[0] as SignedLayer).signers[0]?.check.kind, 'valid');
});

test('encrypted for somebody else is foreign, and no key of ours is asked', async () => {
  const cms = envelopedData(text, [alice.certificate], {
    content: 'aes256-cbc',
    keyTransport: 'auto',
  });
  const message = await open(await messageAround(opaque(cms)), {
    unwrapper: { unwrap: () => Promise.reject(new Error('asked')) },
  });
  assert.equal((message.layers[0] as EncryptedLayer).state, 'foreign');
  assert.equal(message.partial, false);
});

test('our authority as a decoy recipient with a key that fits nothing is failed, not opened', async () => {
  const cms = await bytesOf(
    await authEnvelopedData(text, [dcaRsa.certificate, alice.certificate], {
      content: 'aes256-gcm',
      keyTransport: 'auto',
    }),
  );
  const message = await open(await messageAround(opaque(bufferContent(cms))), {
    unwrapper: { unwrap: async ({ keyBytes }) => Buffer.alloc(keyBytes, 7) },
  });
  assert.equal((message.layers[0] as EncryptedLayer).state, 'failed');
});

test('several RecipientInfos of ours: one is asked, once, whatever comes of it', async () => {
  const cms = envelopedData(text, [dcaEc.certificate, dcaRsa.certificate], {
    content: 'aes256-cbc',
    keyTransport: 'auto',
  });
  const asked: string[] = [];
  for (const answer of [unwrap, (request: UnwrapRequest) => Buffer.alloc(request.keyBytes)]) {
    asked.length = 0;
    await open(await messageAround(opaque(cms)), {
      unwrapper: {
        unwrap: async (request) => {
          asked.push(request.keyId);
          return answer(request);
        },
      },
    });
    assert.deepEqual(asked, [OWN[0]?.keyId]);
  }
});

test('RFC 3218: what may not be opened is failed and no key is asked', async () => {
  const cms = envelopedData(text, [dcaRsa.certificate], {
    content: 'aes256-cbc',
    keyTransport: 'auto',
  });
  const message = await open(await messageAround(opaque(cms)), {
    mayOpen: () => Promise.resolve(false),
    unwrapper: { unwrap: () => Promise.reject(new Error('asked')) },
  });
  assert.equal((message.layers[0] as EncryptedLayer).state, 'failed');
});

test('the digest that tells a changed ciphertext covers content, iv and algorithm', async () => {
  const digests: string[] = [];
  const cms = await bytesOf(
    envelopedData(text, [dcaRsa.certificate], { content: 'aes256-cbc', keyTransport: 'auto' }),
  );
  const changed = Buffer.from(cms);
  changed[changed.length - 20] = (changed[changed.length - 20] ?? 0) ^ 1;
  for (const bytes of [cms, cms, changed]) {
    await open(await messageAround(opaque(bufferContent(bytes))), {
      mayOpen: async (_key, digest) => {
        digests.push(digest.toString('hex'));
        return false;
      },
    });
  }
  assert.equal(digests[0], digests[1]);
  assert.notEqual(digests[0], digests[2]);
});

test('an outage of the keyholder is not a verdict: it is thrown', async () => {
  const cms = envelopedData(text, [dcaRsa.certificate], {
    content: 'aes256-cbc',
    keyTransport: 'auto',
  });
  const bytes = bufferContent(await messageAround(opaque(cms)));
  const unwrapper = { unwrap: () => Promise.reject(new Error('away')) };
  await assert.rejects(openLayers(bytes, { ...OPEN, unwrapper }), /away/);
});

test('more layers than allowed are broken, and the one too many is not opened', async () => {
  let inner: Content = text;
  for (let i = 0; i < LIMITS.depth; i += 1) inner = opaque(emptySignedData(inner));
  const encrypted = opaque(
    envelopedData(inner, [dcaRsa.certificate], { content: 'aes256-cbc', keyTransport: 'auto' }),
  );
  assert.equal((await layersOf(inner)).at(-1)?.kind, 'signed');
  assert.equal((await layersOf(encrypted)).at(-1)?.kind, 'broken');
  let deep = encrypted;
  for (let i = 0; i < LIMITS.depth; i += 1) deep = opaque(emptySignedData(deep));
  const message = await open(await messageAround(deep), {
    unwrapper: { unwrap: () => Promise.reject(new Error('asked')) },
  });
  assert.equal(message.layers.length, LIMITS.depth + 1);
});

test('DS-V11 (Johnny M1 to M4): a signed part beside others makes no layer, and is seen', async () => {
  const signed = await bytesOf(await signedBy(await signerInfo(text, dsa, [domainType])));
  const mixed = (part: string) =>
    Buffer.from(
      `${OUTER.replaceAll('\n', '\r\n')}Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\r\nread me\r\n--m\r\n${part}\r\n--m--\r\n`,
      'latin1',
    );
  const plain = await open(mixed('\r\nx'));
  assert.deepEqual([plain.layers.length, plain.partial], [0, false]);
  const partly = await open(mixed(signed.toString('latin1')));
  assert.deepEqual([partly.layers.length, partly.partial], [0, true]);
  const hidden = 'Content-Type: multipart/mixed\r\n\r\nno boundary\r\n--m\r\n';
  assert.equal((await open(mixed(hidden + signed.toString('latin1')))).partial, true);
  const attached = `Content-Type: message/rfc822\r\n\r\n${signed.toString('latin1')}`;
  assert.equal((await open(mixed(attached))).partial, false, 'an attached message is content');
});

test('a tree of more parts than we look at is not vouched for as whole', async () => {
  const parts = '--m\r\n\r\nx\r\n'.repeat(400);
  const bytes = Buffer.from(
    `From: a@acme.example\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n${parts}--m--\r\n`,
  );
  assert.equal((await open(bytes)).partial, true);
});

test('RFC 8551 3.9: octet-stream named .p7m is read, OpenPGP in multipart/signed is content', async () => {
  const signed = (await bytesOf(await signedBy(await signerInfo(text, dsa)))).toString('latin1');
  const renamed = signed.replace('application/pkcs7-mime', 'application/octet-stream');
  assert.equal((await layersOf(bufferContent(Buffer.from(renamed, 'latin1')))).length, 1);
  const pgp = crlf(
    'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=b\n\n--b\n\nx\n--b\n\ny\n--b--\n',
  );
  assert.deepEqual(await layersOf(bufferContent(pgp)), []);
});

test('a message that is no MIME entity is malformed', async () => {
  const read = await openLayers(bufferContent(Buffer.from('From a\n\nx')), OPEN);
  assert.equal(read.kind, 'malformed');
});

test('openssl agrees that our two-signer layer holds two valid signatures', async () => {
  const [a, b] = await Promise.all([
    signerInfo(text, dsa, [domainType]),
    signerInfo(text, dsaRsa, [domainType]),
  ]);
  const bytes = await bytesOf(await signedBy(a, b));
  assert.deepEqual(
    openssl('cms', '-verify', '-noverify', '-binary', '-in', write('two', bytes)),
    await bytesOf(text),
  );
});

test('RFC 8551 3.3: what says that it is not id-data is not opened as mail, and no key is used on it', async () => {
  const whole = await bytesOf(
    envelopedData(text, [dcaEc.certificate], { content: 'aes256-cbc', keyTransport: 'auto' }),
  );
  const at = whole.lastIndexOf(der.oid(OID.data));
  assert.equal((await onlyLayer(enveloped(whole))).kind, 'encrypted');
  whole.set(der.oid(OID.signedData), at);
  let uses = 0;
  const layer = await onlyLayer(enveloped(whole), {
    unwrapper: {
      unwrap: async (request) => {
        uses += 1;
        return unwrap(request);
      },
    },
  });
  assert.deepEqual([layer.kind === 'encrypted' && layer.state, uses], ['failed', 0]);
});

function enveloped(bytes: Buffer): Content {
  return pkcs7MimeEntity(bufferContent(bytes), { smimeType: 'enveloped-data' });
}
