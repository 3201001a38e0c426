import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { envelopedData } from '@sallyport/cms';
import { der, OID } from '@sallyport/der';
import { bufferContent, type Content } from '@sallyport/mail';
import { DEFAULT_MIME_LIMITS, multipartSigned, pkcs7MimeEntity } from '@sallyport/mime';
import { deliveredMessage } from './deliver.ts';
import { domainSign } from './outward.ts';
import {
  bytesOf,
  crlf,
  dcaRsa,
  dsa,
  entity,
  judge,
  LIMITS,
  MESSAGE,
  messageAround,
  open,
  signerOf,
} from './test-fixtures.ts';

const TEXT = crlf('Content-Type: text/plain\n\nhello\n');

/** RFC 8551 section 3.6: an entity as compressed-data. */
function compressed(inner: Buffer, contentType: string = OID.data): Content {
  const cms = der.sequence(
    der.oid(OID.compressedData),
    der.explicit(
      0,
      der.sequence(
        der.integer(0),
        der.sequence(der.oid(OID.zlibCompress)),
        der.sequence(der.oid(contentType), der.explicit(0, der.octetString(deflateSync(inner)))),
      ),
    ),
  );
  return pkcs7MimeEntity(bufferContent(cms), { smimeType: 'compressed-data' });
}

test('RFC 8551 3.6: compressed content is a layer that proves nothing', async () => {
  const message = await open(await messageAround(compressed(TEXT)));
  assert.deepEqual(
    message.layers.map((layer) => layer.kind),
    ['compressed'],
  );
  assert.ok((await bytesOf(message.content.content)).equals(TEXT));
  const verdict = judge(message);
  assert.equal(verdict.signature, 'none');
  assert.equal(verdict.encryption, 'none');
  assert.deepEqual(verdict.layers, [{ kind: 'compressed' }]);
});

test('RFC 8551 3.7: a signature inside compression counts, and compression inside encryption opens', async () => {
  const signed = await domainSign(entity(MESSAGE), signerOf(dsa), {
    profile: 'compat',
    protectHeaders: true,
    limits: DEFAULT_MIME_LIMITS,
  });
  const inner = await bytesOf(compressed(await bytesOf(signed)));
  const sealed = pkcs7MimeEntity(
    envelopedData(bufferContent(inner), [dcaRsa.certificate], {
      content: 'aes256-cbc',
      keyTransport: 'rsa-oaep',
    }),
    { smimeType: 'enveloped-data' },
  );
  const message = await open(await messageAround(sealed));
  const kinds = message.layers.map((layer) => layer.kind);
  assert.deepEqual(kinds, ['encrypted', 'compressed', 'signed']);
  const layer = message.layers[2];
  assert.ok(layer?.kind === 'signed' && layer.signers[0]?.check.kind === 'valid');
  const options = { deliver: 'clear', authservId: 'gw.test', added: [] } as const;
  const delivered = (await bytesOf(deliveredMessage(message, options))).toString('latin1');
  assert.match(delivered, /multipart\/signed/);
  assert.doesNotMatch(delivered, /compressed-data/);
});

test('a header that only compression covers does not replace the one outside', async () => {
  const forged = crlf('From: mallory@acme.example\nContent-Type: text/plain\n\nhello\n');
  const message = await open(await messageAround(compressed(forged)));
  const options = { deliver: 'clear', authservId: 'gw.test', added: [] } as const;
  const delivered = (await bytesOf(deliveredMessage(message, options))).toString('latin1');
  assert.doesNotMatch(delivered, /mallory/);
});

test('a part that is signed beside others below compression makes the message partial', async () => {
  const parts = `--b\r\n${TEXT.toString('latin1')}\r\n--b\r\n`;
  const clear = await bytesOf(
    multipartSigned(bufferContent(TEXT), Buffer.from('x'), { micalg: 'sha-256', boundary: 'c' }),
  );
  const mixed = Buffer.concat([
    crlf('Content-Type: multipart/mixed; boundary=b\n\n'),
    Buffer.from(parts),
    clear,
    Buffer.from('\r\n--b--\r\n'),
  ]);
  const message = await open(await messageAround(compressed(mixed)));
  assert.equal(message.partial, true);
});

test('what would take many walks through it from its start is not vouched for as whole', async () => {
  const line = `${createHash('shake256', { outputLength: 32 }).update('line').digest('hex')}\r\n`;
  const withParts = (count: number): Buffer => {
    const inside = `\r\n--i\r\n\r\n${line.repeat(Math.ceil(2_400_000 / count / line.length))}\r\n--i--\r\n`;
    const part = `--b\r\nContent-Type: multipart/mixed; boundary=i\r\n${inside}`;
    const head = 'Content-Type: multipart/mixed; boundary=b\r\n\r\n';
    return Buffer.from(`${head}${part.repeat(count)}--b--\r\n`);
  };
  for (const [count, partial] of [
    [3, false],
    [20, true],
  ] as const) {
    const options = { limits: { ...LIMITS, cms: { ...LIMITS.cms, maxExpansion: 1_000 } } };
    const message = await open(await messageAround(compressed(withParts(count))), options);
    assert.deepEqual([message.layers[0]?.kind, message.partial], ['compressed', partial]);
  }
});

test('what cannot be decompressed, or is no mail, or grows too much, is broken with its fault', async () => {
  const cases = [
    [compressed(TEXT, OID.signedData), 'algorithm-unsupported'],
    [compressed(Buffer.alloc(12_000_000)), 'expands-too-far'],
  ] as const;
  for (const [inner, fault] of cases) {
    const message = await open(await messageAround(inner));
    const [layer] = message.layers;
    assert.ok(layer?.kind === 'broken', JSON.stringify(layer?.kind));
    assert.equal(layer.fault, fault);
    assert.equal(judge(message).signature, 'invalid');
  }
});
