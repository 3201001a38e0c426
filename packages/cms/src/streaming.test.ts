import assert from 'node:assert/strict';
import { type CipherGCM, createCipheriv, createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { DerReader, der, derHeader, OID } from '@sallyport/der';
import {
  bufferContent,
  type Content,
  openRange,
  type RangedContent,
  readContent,
  sliceContent,
} from '@sallyport/mail';
import fc from 'fast-check';
import {
  authEnvelopedData,
  decryptContent,
  emptySignedData,
  envelopedData,
  readCms,
} from './index.ts';
import { readObject } from './read.ts';
import { signedData } from './signed-writer.ts';
import { LIMITS, p256, rsa, signer } from './test-fixtures.ts';

/** A generator that follows from its seed alone (Park and Miller). */
function dice(seed: number): (below: number) => number {
  let state = (seed % 2147483646) + 1;
  return (below) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
}

function bytesFrom(seed: number, length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at * 32 < length; at += 1) {
    blocks.push(createHash('sha256').update(`${seed}:${at}`).digest());
  }
  return Buffer.concat(blocks).subarray(0, length);
}

/** Content that cannot be entered in the middle, in chunks of chance lengths. */
function dripping(bytes: Buffer, seed: number): Content {
  return { sizeBytes: bytes.length, open: () => drip(bytes, dice(seed)) };
}

/** The same, and it can be entered anywhere. */
function seekable(bytes: Buffer, seed: number): RangedContent {
  return {
    ...dripping(bytes, seed),
    openRange: (start, length) => drip(bytes.subarray(start, start + length), dice(seed + start)),
  };
}

async function* drip(bytes: Buffer, roll: (below: number) => number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + roll(roll(4) === 0 ? 3 : 90_000);
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

/** An element of chance form: definite, definite with a padded length, or indefinite. */
function berElement(tag: number, value: Buffer, roll: (below: number) => number): Buffer {
  const isConstructed = (tag & 0x20) !== 0;
  const form = roll(isConstructed ? 3 : 2);
  if (form === 2) return Buffer.concat([Buffer.of(tag, 0x80), value, Buffer.of(0, 0)]);
  if (form === 0) return Buffer.concat([derHeader(tag, value.length), value]);
  const header = Buffer.of(tag, 0x85, 0, 0, 0, 0, 0);
  header.writeUInt32BE(value.length, 3);
  return Buffer.concat([header, value]);
}

/** An OCTET STRING of chance form: in one piece, or in pieces of chance lengths down to none, nested. */
function berString(tag: number, bytes: Buffer, roll: (below: number) => number, depth = 0): Buffer {
  if (depth > 3 || roll(3) === 0) return berElement(tag, bytes, roll);
  const most = [3, 60, 1_000, 4_096, 70_000][roll(5)] ?? 3;
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length || (pieces.length === 0 && roll(2) === 0); ) {
    // Tiny pieces only of what is small, or the object would be headers alone.
    const length = roll(bytes.length > 20_000 ? Math.max(most, 500) : most);
    const piece = bytes.subarray(at, at + length);
    pieces.push(
      roll(9) === 0 ? berString(0x04, piece, roll, depth + 1) : berElement(0x04, piece, roll),
    );
    at += length;
  }
  return berElement(tag | 0x20, Buffer.concat(pieces), roll);
}

/** The object with the framing of its content in a chance form of BER. */
function berForm(object: Buffer, seed: number): Buffer {
  const roll = dice(seed);
  const outer = new DerReader(object).sequence();
  const type = outer.expect('universal', 6).bytes;
  const inner = outer.optionalExplicit(0)?.sequence();
  assert.ok(inner !== undefined);
  const parts = inner.all();
  const encapsulated = parts.findIndex((part, index) => index > 1 && part.tag === 16);
  const body = parts.map((part, index) =>
    index === encapsulated ? berContentInfo(new DerReader(part), roll) : part.bytes,
  );
  const sequence = berElement(0x30, Buffer.concat(body), roll);
  return berElement(0x30, Buffer.concat([type, berElement(0xa0, sequence, roll)]), roll);
}

/** EncapsulatedContentInfo and EncryptedContentInfo: type, perhaps an algorithm, and the string. */
function berContentInfo(reader: DerReader, roll: (below: number) => number): Buffer {
  const parts = reader.all().map((part) => {
    if (part.tagClass !== 'context') return part.bytes;
    if (!part.constructed) return berString(0x80, part.value, roll);
    const string = new DerReader(part).octetString();
    return berElement(0xa0, berString(0x04, string, roll), roll);
  });
  return berElement(0x30, Buffer.concat(parts), roll);
}

const sizes = fc.oneof(
  fc.integer({ min: 0, max: 100 }),
  fc.integer({ min: 10_000, max: 100_000 }),
  fc.integer({ min: 100_000, max: 1_000_000 }),
);
const seeds = fc.integer({ min: 0, max: 2 ** 30 });
const kinds = fc.constantFrom('signed', 'empty', 'cbc', 'gcm', 'chacha');
const RUNS = { numRuns: 60, seed: 20261121 };

const CEK = {
  cbc: 'aes256-cbc',
  gcm: 'aes128-gcm',
  chacha: 'chacha20-poly1305',
} as const;

async function objectOf(
  kind: 'signed' | 'empty' | keyof typeof CEK,
  content: Content,
): Promise<Content> {
  if (kind === 'empty') return emptySignedData(content);
  if (kind === 'signed') {
    return signedData(content, [await signer(content, p256)], [p256.certificate.der]);
  }
  const recipients = [rsa.certificate] as const;
  const keyTransport = 'rsa-oaep';
  return kind === 'cbc'
    ? envelopedData(content, recipients, { content: CEK.cbc, keyTransport })
    : await authEnvelopedData(content, recipients, { content: CEK[kind], keyTransport });
}

test('RFC 5652 5.2, 6.1: content comes out byte for byte whatever BER it is cut into', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, seeds, kinds, fc.boolean(), async (size, seed, kind, ranged) => {
      const plain = bytesFrom(seed, size);
      const object = await readContent(await objectOf(kind, bufferContent(plain)));
      const ber = berForm(object, seed);
      const source = ranged ? seekable(ber, seed) : dripping(ber, seed);
      const [read, expected] = [
        await readObject(source, LIMITS),
        await readCms(bufferContent(object), LIMITS),
      ];
      assert.equal(read.kind, expected.kind, JSON.stringify(read).slice(0, 200));
      const [got, want] = [contentOf(read), contentOf(expected)];
      assert.equal(got.sizeBytes, want.sizeBytes);
      const bytes = await readContent(want);
      assert.ok((await readContent(got)).equals(bytes));
      assert.ok((await readContent(got)).equals(bytes), 'a second read gives the same');
      if (kind === 'signed' || kind === 'empty') assert.ok(bytes.equals(plain));
    }),
    RUNS,
  );
});

function contentOf(read: Awaited<ReturnType<typeof readCms>>): Content {
  if (read.kind === 'signed') {
    assert.ok(read.value.eContent !== null);
    return read.value.eContent;
  }
  assert.ok(read.kind === 'enveloped' || read.kind === 'auth-enveloped');
  return read.value.encryptedContent;
}

test('RFC 5652 5.1: layers in layers, each in its own BER, come out byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, seeds, fc.integer({ min: 2, max: 5 }), async (size, seed, depth) => {
      const plain = bytesFrom(seed, size);
      let object = plain;
      for (let layer = 0; layer < depth; layer += 1) {
        object = berForm(await readContent(emptySignedData(bufferContent(object))), seed + layer);
      }
      let content: Content = dripping(object, seed);
      for (let layer = 0; layer < depth; layer += 1) {
        const read = await readObject(content, LIMITS);
        content = contentOf(read);
      }
      assert.ok((await readContent(content)).equals(plain));
    }),
    { ...RUNS, numRuns: 25 },
  );
});

test('what is cut off or altered in its framing is malformed, whatever the source', async () => {
  const object = await readContent(await objectOf('signed', bufferContent(bytesFrom(1, 20_000))));
  const ber = berForm(object, 7);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(object, ber), seeds, async (whole, seed) => {
      const cut = whole.subarray(0, dice(seed)(whole.length));
      for (const source of [bufferContent(cut), dripping(cut, seed), seekable(cut, seed)]) {
        const read = await readObject(source, LIMITS);
        assert.ok(read.kind === 'malformed' && read.fault === 'message-malformed');
      }
    }),
    { ...RUNS, numRuns: 200 },
  );
  for (const more of [Buffer.of(0), Buffer.of(0, 0), Buffer.from('\n')]) {
    const read = await readObject(dripping(Buffer.concat([ber, more]), 3), LIMITS);
    assert.ok(read.kind === 'malformed' && read.fault === 'message-malformed');
  }
});

test('any change of one octet reads alike from memory and from a stream', async () => {
  const object = berForm(
    await readContent(await objectOf('cbc', bufferContent(bytesFrom(2, 400)))),
    5,
  );
  await fc.assert(
    fc.asyncProperty(seeds, fc.integer({ min: 1, max: 255 }), async (seed, change) => {
      const altered = Buffer.from(object);
      const at = dice(seed)(altered.length);
      altered[at] = (altered[at] ?? 0) ^ change;
      const known = await readObject(bufferContent(altered), LIMITS);
      const read = await readObject(dripping(altered, seed), LIMITS);
      assert.equal(read.kind, known.kind);
      if (read.kind === 'malformed' || read.kind === 'unsupported') {
        assert.deepEqual(read, known);
      } else {
        const [got, want] = [
          await readContent(contentOf(read)),
          await readContent(contentOf(known)),
        ];
        assert.ok(got.equals(want));
      }
    }),
    { ...RUNS, numRuns: 400 },
  );
});

test('a long OCTET STRING in pieces, nested or not, can be entered anywhere without a walk from its start', async () => {
  const bytes = bytesFrom(7, 5_000_000);
  for (let seed = 0; seed < 12; seed += 1) {
    const roll = dice(seed);
    const pieces = [berString(0x04, bytes.subarray(0, 2_300_000), roll)];
    pieces.push(berString(0x04, bytes.subarray(2_300_000), roll));
    const string = berElement(0x24, Buffer.concat(pieces), roll);
    const object = der.sequence(der.oid(OID.data), der.explicit(0, string));
    let taken = 0;
    const source: RangedContent = {
      ...seekable(object, seed),
      openRange: async function* (start, length) {
        for await (const chunk of seekable(object, seed).openRange(start, length)) {
          taken += chunk.length;
          yield chunk;
        }
      },
    };
    const read = await readObject(source, LIMITS);
    assert.ok(read.kind === 'data');
    for (let turn = 0; turn < 12; turn += 1) {
      const start = roll(bytes.length);
      const length = Math.min(roll(60_000), bytes.length - start);
      const found = await readContent(sliceContent(read.content, start, length));
      assert.ok(found.equals(bytes.subarray(start, start + length)), `${seed}: ${start}+${length}`);
    }
    taken = 0;
    await readContent(sliceContent(read.content, bytes.length - 10, 10));
    assert.ok(taken < bytes.length / 2, `${taken} bytes were read for the last ten`);
  }
});

test('an OCTET STRING of pieces that are none, or that end in the wrong place, is malformed', async () => {
  const wrong = [
    Buffer.of(0x24, 0x80, 0x02, 0x01, 0x05, 0, 0),
    Buffer.of(0x24, 0x03, 0x04, 0x02, 0x01),
    Buffer.of(0x24, 0x02, 0x00, 0x00),
    Buffer.of(0x24, 0x80, 0x04, 0x80, 0, 0, 0, 0),
    Buffer.of(0x24, 0x80, 0x04, 0x01, 0x61),
    Buffer.of(0x24, 0x04, 0x24, 0x03, 0x04, 0x01),
  ];
  for (const string of wrong) {
    const info = der.sequence(der.oid(OID.data), der.explicit(0, string));
    for (const source of [bufferContent(info), dripping(info, 1)]) {
      const read = await readObject(source, LIMITS);
      assert.ok(read.kind === 'malformed', string.toString('hex'));
    }
  }
});

test('too many pieces, and a part over its bound, end in limit-exceeded', async () => {
  const empty = Buffer.alloc(2 * 2_000_001);
  for (let at = 0; at < empty.length; at += 2) empty[at] = 0x04;
  const pieces = Buffer.concat([derHeader(0x24, empty.length), empty]);
  const set = Buffer.concat([derHeader(0x31, 5_000_000), Buffer.alloc(5_000_000, 5)]);
  const algorithm = der.sequence(der.integer(1), set);
  for (const [info, words] of [
    [der.sequence(der.oid(OID.data), der.explicit(0, pieces)), /pieces/],
    [der.sequence(der.oid(OID.signedData), der.explicit(0, algorithm)), /digest algorithms/],
    [der.sequence(der.oid(OID.envelopedData), der.explicit(0, algorithm)), /recipients/],
  ] as const) {
    const read = await readCms(bufferContent(info), LIMITS);
    assert.ok(read.kind === 'malformed' && read.fault === 'limit-exceeded', JSON.stringify(read));
    assert.match(read.reason, words);
  }
});

/** More than is kept in memory. */
const LARGE = 2_500_000;

test('RFC 5652 6.3, RFC 5083: large content is decrypted at each read, and can be entered anywhere', async () => {
  const plain = bytesFrom(11, LARGE);
  for (const kind of ['cbc', 'gcm', 'chacha'] as const) {
    const { cek, read } = await sealed(kind, plain);
    const opened = await decryptContent(read, cek);
    assert.ok(opened.kind === 'ok', kind);
    assert.equal(opened.content.sizeBytes, plain.length);
    for (let round = 0; round < 2; round += 1) {
      assert.ok((await readContent(opened.content)).equals(plain), kind);
    }
    const roll = dice(5);
    for (let round = 0; round < 30; round += 1) {
      const start = roll(plain.length);
      const length = roll(Math.min(plain.length - start, 200_000) + 1);
      const part = await readContent(sliceContent(opened.content, start, length));
      assert.ok(part.equals(plain.subarray(start, start + length)), `${kind} ${start} ${length}`);
    }
    const past: Uint8Array[] = [];
    for await (const chunk of openRange(opened.content, LARGE - 3, 100)) past.push(chunk);
    assert.ok(Buffer.concat(past).equals(plain.subarray(-3)));
  }
});

test('RFC 8551 6, RFC 3218: large content with a wrong tag, padding or key is never given out', async () => {
  const plain = bytesFrom(12, LARGE);
  for (const kind of ['cbc', 'gcm', 'chacha'] as const) {
    const { cek, read } = await sealed(kind, plain);
    const bytes = Buffer.from(await readContent(read.encryptedContent));
    // In CBC the last octet but 16 stands in the padding of the last block.
    bytes[bytes.length - 17] = (bytes[bytes.length - 17] ?? 0) ^ 0x40;
    const altered = { ...read, encryptedContent: bufferContent(bytes) };
    assert.deepEqual(await decryptContent(altered, cek), { kind: 'failed' }, kind);
    const other = Buffer.from(cek);
    other[0] = (other[0] ?? 0) ^ 1;
    const wrong = await decryptContent(read, other);
    // One wrong CBC key in 256 leaves what looks like padding; this one does not.
    assert.deepEqual(wrong, { kind: 'failed' }, kind);
  }
});

/** An object with a key that the test knows: the cipher stands outside of our own writer. */
async function sealed(kind: keyof typeof CEK, plain: Buffer) {
  const cipherOf = { cbc: 'aes-256-cbc', gcm: 'aes-128-gcm', chacha: 'chacha20-poly1305' };
  const cek = bytesFrom(3, kind === 'gcm' ? 16 : 32);
  const iv = bytesFrom(4, kind === 'cbc' ? 16 : 12);
  const object = await objectOf(kind, bufferContent(Buffer.from('x')));
  const parsed = await readCms(object, LIMITS);
  assert.ok(parsed.kind === 'enveloped' || parsed.kind === 'auth-enveloped');
  const cipher =
    kind === 'cbc'
      ? createCipheriv('aes-256-cbc', cek, iv)
      : createCipheriv(cipherOf[kind] as 'aes-128-gcm', cek, iv, { authTagLength: 16 });
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()]);
  const contentEncryption = { ...parsed.value.contentEncryption, iv };
  const mac =
    'getAuthTag' in cipher && kind !== 'cbc' ? { mac: (cipher as CipherGCM).getAuthTag() } : {};
  const read = {
    ...parsed.value,
    ...mac,
    contentEncryption,
    encryptedContent: seekable(encrypted, 9),
  };
  return { cek, read };
}

test('RFC 5652: what is written has definite lengths, and the size is known before', async () => {
  const plain = randomBytes(LARGE);
  for (const kind of ['signed', 'empty', 'cbc', 'gcm', 'chacha'] as const) {
    const made = await objectOf(kind, dripping(plain, 4));
    const bytes = await readContent(made);
    assert.equal(bytes.length, made.sizeBytes);
    assert.ok((await readContent(made)).equals(bytes), 'the same at every read');
    const whole = new DerReader(bytes, { strict: true });
    whole.sequence().optionalExplicit(0);
    whole.end();
  }
});
