import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { der, OID } from '@sallyport/der';
import { bufferContent, type Content, readContent } from '@sallyport/mail';
import { type CompressedDataView, decompressContent, readCms } from './index.ts';
import { LIMITS, MESSAGE } from './test-fixtures.ts';

function compressedData(bytes: Buffer, algorithm: string = OID.zlibCompress): Buffer {
  const body = der.sequence(
    der.integer(0),
    der.sequence(der.oid(algorithm)),
    der.sequence(der.oid(OID.data), der.explicit(0, der.octetString(bytes))),
  );
  return der.sequence(der.oid(OID.compressedData), der.explicit(0, body));
}

async function viewOf(object: Buffer): Promise<CompressedDataView> {
  const read = await readCms(bufferContent(object), LIMITS);
  assert.ok(read.kind === 'compressed', JSON.stringify(read));
  return read.value;
}

/** Octets that compress to little, and that are not all alike. */
function text(length: number): Buffer {
  return Buffer.alloc(length, 'The quick brown fox jumps over the lazy dog.\r\n');
}

test('RFC 3274: compressed content is read, small and large, again and again', async () => {
  for (const plain of [Buffer.alloc(0), MESSAGE, text(3_000_000)]) {
    const view = await viewOf(compressedData(deflateSync(plain)));
    assert.equal(view.contentType, OID.data);
    const opened = await decompressContent(view, { ...LIMITS, maxExpansion: 2_000 });
    assert.ok(opened.kind === 'ok', JSON.stringify(opened));
    assert.equal(opened.content.sizeBytes, plain.length);
    for (let round = 0; round < 2; round += 1) {
      assert.ok((await readContent(opened.content)).equals(plain));
    }
  }
});

test('a stream that grows beyond its ratio or the bound is let go, long before its end', async () => {
  const bomb = deflateSync(Buffer.alloc(60_000_000));
  const view = await viewOf(compressedData(bomb));
  const ratio = await decompressContent(view, { ...LIMITS, maxExpansion: 20 });
  assert.deepEqual(ratio, {
    kind: 'failed',
    fault: 'expands-too-far',
    reason: 'the content grows more than 20 times when it is decompressed',
  });
  const big = await decompressContent(view, {
    ...LIMITS,
    maxBytes: 1_000_000,
    maxExpansion: 2_000,
  });
  assert.ok(big.kind === 'failed' && big.fault === 'content-too-big');
  assert.match(big.reason, /too big/);
  const usual = await decompressContent(view, LIMITS);
  assert.ok(usual.kind === 'failed' && usual.fault === 'expands-too-far');
});

test('RFC 3274 2: what is cut, altered, followed by octets or no zlib stream is malformed', async () => {
  const good = deflateSync(text(50_000));
  const altered = Buffer.from(good);
  altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1;
  for (const bytes of [
    Buffer.alloc(0),
    good.subarray(0, -1),
    good.subarray(0, 20),
    altered,
    Buffer.concat([good, Buffer.of(0)]),
    Buffer.concat([good, good]),
    deflateRawSync(MESSAGE),
    gzipSync(MESSAGE),
    MESSAGE,
  ]) {
    const opened = await decompressContent(await viewOf(compressedData(bytes)), LIMITS);
    assert.ok(
      opened.kind === 'failed' && opened.fault === 'message-malformed',
      bytes.toString('hex', 0, 8),
    );
  }
});

test('another algorithm is unsupported, and absent content malformed', async () => {
  const other = await viewOf(compressedData(MESSAGE, OID.sha256));
  const opened = await decompressContent(other, LIMITS);
  assert.ok(opened.kind === 'failed' && opened.fault === 'algorithm-unsupported');
  const absent = await decompressContent(
    { algorithm: OID.zlibCompress, contentType: OID.data, compressed: null },
    LIMITS,
  );
  assert.ok(absent.kind === 'failed' && absent.fault === 'message-malformed');
});

test('what the source throws comes through', async () => {
  const failing: Content = {
    sizeBytes: 100,
    open: async function* () {
      yield deflateSync(MESSAGE).subarray(0, 10);
      throw new Error('disk is gone');
    },
  };
  const view = { algorithm: OID.zlibCompress, contentType: OID.data, compressed: failing };
  await assert.rejects(decompressContent(view, LIMITS), /disk is gone/);
});
