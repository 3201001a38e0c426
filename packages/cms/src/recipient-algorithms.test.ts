import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, hkdfSync, publicEncrypt } from 'node:crypto';
import { test } from 'node:test';
import { der, OID } from '@sallyport/der';
import { type Content, readContent } from '@sallyport/mail';
import {
  type AeadName,
  type AuthEnvelopedDataView,
  authEnvelopedData,
  type CbcName,
  checkRecipientKey,
  cmsEncryptedSize,
  decryptContent,
  envelopedData,
  type OaepHash,
  type RecipientInfoView,
  type RecipientOptions,
  readCms,
  recipientKeyFor,
  unwrapRaw,
} from './index.ts';
import { agreedKek } from './key-derivation.ts';
import {
  bareIdentity,
  content,
  envelopeIn,
  type Identity,
  infoFor,
  LIMITS,
  MESSAGE,
  makeIdentity,
  openWith,
  openWithOpenssl,
  p256,
  p384,
  p521,
  rsa,
  sealWithOpenssl,
  unwrap,
} from './test-fixtures.ts';

const x25519 = bareIdentity('x25519', generateKeyPairSync('x25519'));
const kem512 = bareIdentity('512', generateKeyPairSync('ml-kem-512'));
const kem768 = bareIdentity('768', generateKeyPairSync('ml-kem-768'));
const kem1024 = bareIdentity('1024', generateKeyPairSync('ml-kem-1024'));

const CBC: readonly CbcName[] = ['aes128-cbc', 'aes192-cbc', 'aes256-cbc'];
const AEAD: readonly AeadName[] = ['aes128-gcm', 'aes192-gcm', 'aes256-gcm', 'chacha20-poly1305'];
const SIZES = [0, 1, 16, 70_000];

async function seal(
  message: Buffer,
  recipients: readonly [Identity, ...Identity[]],
  options: RecipientOptions & { readonly content: CbcName | AeadName },
): Promise<Buffer> {
  const [first, ...others] = recipients.map((one) => one.certificate);
  assert.ok(first);
  const name = options.content;
  const list = [first, ...others] as const;
  const cms: Content = name.endsWith('-cbc')
    ? envelopedData(content(message), list, { ...options, content: name as CbcName })
    : await authEnvelopedData(content(message), list, { ...options, content: name as AeadName });
  const size = cmsEncryptedSize(message.length, list, { ...options, content: name as CbcName });
  const bytes = await readContent(cms);
  assert.equal(bytes.length, size);
  return bytes;
}

const KINDS: readonly (readonly [Identity, RecipientOptions])[] = [
  [rsa, { keyTransport: 'rsa-pkcs1v15' }],
  [rsa, { keyTransport: 'rsa-oaep' }],
  [p256, { keyTransport: 'ecdh' }],
  [p384, { keyTransport: 'ecdh' }],
  [p521, { keyTransport: 'auto' }],
  [x25519, { keyTransport: 'auto' }],
  [kem512, { keyTransport: 'ml-kem' }],
  [kem768, { keyTransport: 'ml-kem' }],
  [kem1024, { keyTransport: 'auto', allowMlKem: true }],
];

test('every kind of key opens every content encryption, named by issuer or key identifier', async () => {
  for (const [identity, options] of KINDS) {
    for (const name of [...CBC, ...AEAD]) {
      for (const identifier of ['issuerAndSerial', 'subjectKeyId'] as const) {
        const bytes = await seal(MESSAGE, [identity], { ...options, identifier, content: name });
        const opened = await openWith(bytes, identity);
        assert.deepEqual(opened, MESSAGE, `${options.keyTransport} ${name} ${identifier}`);
      }
    }
  }
  for (const size of SIZES) {
    for (const name of [...CBC, ...AEAD]) {
      const message = Buffer.alloc(size, 'x\r\n');
      const bytes = await seal(message, [x25519], { keyTransport: 'auto', content: name });
      assert.deepEqual(await openWith(bytes, x25519), message, `${name} ${size}`);
    }
  }
});

test('RFC 5652 6.1: openssl opens what it knows of it, and the version is the one it must be', async () => {
  for (const identity of [rsa, p256, p384, p521]) {
    for (const name of ['aes128-cbc', 'aes192-cbc', 'aes256-cbc', 'aes192-gcm'] as const) {
      for (const identifier of ['issuerAndSerial', 'subjectKeyId'] as const) {
        const options = { keyTransport: 'auto', identifier, content: name } as const;
        const bytes = await seal(MESSAGE, [identity], options);
        assert.deepEqual(openWithOpenssl(bytes, identity), MESSAGE, `${name} ${identifier}`);
      }
    }
  }
  const versionOf = async (...args: Parameters<typeof seal>): Promise<number | undefined> => {
    const bytes = await seal(...args);
    return bytes[bytes.indexOf(Buffer.from('0201', 'hex')) + 2]; // the first INTEGER
  };
  const cbc = { content: 'aes128-cbc', keyTransport: 'auto' } as const;
  assert.equal(await versionOf(MESSAGE, [rsa], cbc), 0);
  assert.equal(await versionOf(MESSAGE, [rsa], { ...cbc, identifier: 'subjectKeyId' }), 2);
  assert.equal(await versionOf(MESSAGE, [rsa, p256], cbc), 2);
  assert.equal(await versionOf(MESSAGE, [rsa, kem768], { ...cbc, allowMlKem: true }), 3);
  assert.equal(await versionOf(MESSAGE, [p256], { ...cbc, content: 'aes128-gcm' }), 0);
});

test('RFC 5652 6.2: recipients of mixed kinds each open one and the same message', async () => {
  const all = [rsa, p256, p384, p521, x25519, kem512, kem768, kem1024] as const;
  for (const name of ['aes256-cbc', 'aes128-gcm', 'chacha20-poly1305'] as const) {
    const options = { keyTransport: 'auto', allowMlKem: true, content: name } as const;
    const bytes = await seal(MESSAGE, all, options);
    for (const identity of all) assert.deepEqual(await openWith(bytes, identity), MESSAGE);
    // openssl 3.0 passes over the entries that it does not know.
    if (name === 'chacha20-poly1305') continue;
    assert.deepEqual(openWithOpenssl(bytes, rsa), MESSAGE);
  }
});

test('ML-KEM is used only where it is named, and no key takes part in what it cannot', () => {
  const kindOf = (identity: Identity, options: RecipientOptions): string => {
    const result = checkRecipientKey(identity.certificate, options);
    return result.kind === 'usable' ? result.keyType : result.fault;
  };
  const no = 'algorithm-unsupported';
  assert.equal(checkRecipientKey(kem768.certificate).kind, 'unusable');
  assert.equal(kindOf(kem768, { keyTransport: 'auto' }), no);
  assert.equal(kindOf(kem768, { keyTransport: 'ml-kem' }), 'ml-kem-768');
  assert.equal(kindOf(kem768, { keyTransport: 'ecdh', allowMlKem: true }), no);
  assert.equal(kindOf(rsa, { keyTransport: 'ml-kem' }), no);
  assert.equal(kindOf(p256, { keyTransport: 'ml-kem' }), no);
  assert.equal(kindOf(rsa, { keyTransport: 'ecdh' }), no);
  assert.equal(kindOf(p521, { keyTransport: 'auto' }), 'p521');
  assert.equal(kindOf(x25519, { keyTransport: 'ecdh' }), 'x25519');
  for (const kind of ['ed25519', 'ml-dsa-65'] as const) {
    const keys = kind === 'ed25519' ? generateKeyPairSync(kind) : generateKeyPairSync(kind);
    assert.equal(kindOf(bareIdentity(kind, keys), { keyTransport: 'auto' }), no);
  }
  const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
  assert.equal(kindOf(bareIdentity('pss', pss), { keyTransport: 'auto' }), no);
  const weak = makeIdentity('weak-one', 'rsa-sha256', ['-newkey', 'rsa:1024']);
  assert.equal(kindOf(weak, { keyTransport: 'auto' }), 'key-too-short');
  const unnamed = { ...rsa, certificate: { ...rsa.certificate, subjectKeyId: null } };
  assert.equal(kindOf(unnamed, { keyTransport: 'auto', identifier: 'subjectKeyId' }), no);
});

test('RFC 8418 2: X25519 keys of low order are refused before anything is encrypted to them', () => {
  for (const point of [
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ]) {
    const algorithm = der.sequence(der.oid(OID.x25519));
    const spki = der.sequence(algorithm, der.bitString(Buffer.from(point, 'hex')));
    const certificate = { ...x25519.certificate, spki };
    const result = checkRecipientKey(certificate);
    assert.match(result.kind === 'unusable' ? result.reason : '', /low order/, point);
  }
});

test('RFC 8418 2.2: the ukm is in SharedInfo and is the salt; RFC 5753 7.2: NULL stays in SharedInfo', () => {
  const shared = Buffer.alloc(32, 1);
  const ukm = Buffer.from('ukm');
  const wrap = '300b0609608648016503040105';
  const bits = 'a206040400000080';
  const info = Buffer.from(`301c${wrap}a0050403756b6d${bits}`, 'hex');
  const kdf = { kind: 'hkdf', hash: 'sha256' } as const;
  const kek = agreedKek(kdf, { shared, wrap: 'aes128', ukm });
  assert.deepEqual(kek, Buffer.from(hkdfSync('sha256', shared, ukm, info, 16)));
  const withNull = Buffer.from(`3017300d06096086480165030401050500${bits}`, 'hex');
  const counted = Buffer.concat([shared, Buffer.from([0, 0, 0, 1]), withNull]);
  const facts = { shared, wrap: 'aes128', wrapParameters: 'null', ukm: null } as const;
  assert.deepEqual(
    agreedKek({ kind: 'x963', hash: 'sha1' }, facts),
    createHash('sha1').update(counted).digest().subarray(0, 16),
  );
});

test('RFC 8017 A.2.1: OAEP with any hash, any mask hash and a label, and openssl opens it', async () => {
  const hashes: readonly OaepHash[] = ['sha1', 'sha224', 'sha256', 'sha384', 'sha512'];
  for (const hash of hashes) {
    for (const mgf1Hash of hashes) {
      for (const label of [Buffer.alloc(0), Buffer.from('label')]) {
        const oaep = { hash, mgf1Hash, label };
        const options = { keyTransport: 'rsa-oaep', oaep, content: 'aes256-cbc' } as const;
        const bytes = await seal(MESSAGE, [rsa], options);
        const info = infoFor(await envelopeIn(bytes), rsa);
        assert.deepEqual(info.kind === 'ktri' && info.algorithm, { kind: 'oaep', ...oaep });
        assert.deepEqual(await openWith(bytes, rsa), MESSAGE);
        if (hash === mgf1Hash || hash === 'sha256') {
          assert.deepEqual(openWithOpenssl(bytes, rsa), MESSAGE, `${hash} ${mgf1Hash} ${label}`);
        }
      }
    }
  }
});

test('RFC 8017 7.1.2: OAEP with another label, hash or mask than it says does not open', async () => {
  const oaep = { hash: 'sha256', mgf1Hash: 'sha256', label: Buffer.from('a') } as const;
  const options = { keyTransport: 'rsa-oaep', oaep, content: 'aes128-cbc' } as const;
  const info = infoFor(await envelopeIn(await seal(MESSAGE, [rsa], options)), rsa);
  const key = recipientKeyFor(info, rsa.certificate);
  assert.ok(key?.kind === 'ktri' && key.algorithm.kind === 'oaep');
  const { algorithm } = key;
  for (const change of [
    { label: Buffer.from('b') },
    { label: Buffer.alloc(0) },
    { hash: 'sha1' },
    { mgf1Hash: 'sha1' },
  ] as const) {
    const changed = { ...key, algorithm: { ...algorithm, ...change } };
    assert.throws(() => unwrapRaw(changed, rsa.key), JSON.stringify(change));
  }
  assert.equal(unwrapRaw(key, rsa.key).length, 16);
});

test('what openssl 3.0 encrypts with P-521, every KDF hash and 3DES opens here', async () => {
  for (const identity of [p256, p384, p521]) {
    for (const md of ['sha1', 'sha224', 'sha256', 'sha384', 'sha512']) {
      for (const wrap of ['-aes128-wrap', '-aes192-wrap', '-aes256-wrap']) {
        const bytes = sealWithOpenssl(
          'aes-256-cbc',
          identity,
          '-keyopt',
          `ecdh_kdf_md:${md}`,
          wrap,
        );
        assert.deepEqual(await openWith(bytes, identity), MESSAGE, `${md} ${wrap}`);
      }
    }
  }
  const old = sealWithOpenssl('des3', rsa);
  assert.equal(await openWith(old, rsa), 'failed');
  assert.deepEqual(await openWith(old, rsa, { legacy: true }), MESSAGE);
});

test('RFC 5084 3.2, RFC 8103 3: tags cut short, other lengths and other structures do not open', async () => {
  for (const name of AEAD) {
    const view = await envelopeIn(
      await seal(MESSAGE, [rsa], { keyTransport: 'auto', content: name }),
    );
    assert.ok('mac' in view);
    const cek = unwrap(infoFor(view, rsa), rsa);
    const { contentEncryption, mac } = view;
    const failed = async (change: Partial<AuthEnvelopedDataView>): Promise<void> =>
      assert.deepEqual(await decryptContent({ ...view, ...change }, cek), { kind: 'failed' });
    for (const bytes of [0, 1, 4, 8, 12, 13, 15]) {
      await failed({ mac: mac.subarray(0, bytes) });
      await failed({
        mac: mac.subarray(0, bytes),
        contentEncryption: { ...contentEncryption, tagBytes: 16 },
      });
    }
    await failed({ mac: Buffer.concat([mac, Buffer.of(0)]) });
    const flipped = Buffer.from(mac);
    flipped[15] = (flipped[15] ?? 0) ^ 1;
    await failed({ mac: flipped });
    await failed({ authAttrs: der.set() });
    await failed({ contentEncryption: { ...contentEncryption, iv: null } });
    await failed({ contentEncryption: { ...contentEncryption, name: null } });
    const { mac: _mac, authAttrs: _attributes, ...bare } = view;
    assert.deepEqual(await decryptContent(bare, cek), { kind: 'failed' });
    assert.equal((await decryptContent(view, cek)).kind, 'ok');
  }
});

test('parameters of another form leave the algorithm without an IV, and nothing is decrypted', async () => {
  for (const name of [...CBC, ...AEAD]) {
    const bytes = await seal(MESSAGE, [rsa], { keyTransport: 'auto', content: name });
    const { contentEncryption } = await envelopeIn(bytes);
    assert.ok(contentEncryption.iv);
    const iv = der.octetString(contentEncryption.iv);
    const at = bytes.indexOf(iv);
    assert.ok(at > 0);
    // The IV becomes another kind of string: the structure stays whole.
    const changed = Buffer.from(bytes);
    changed[at] = name.endsWith('-gcm') ? 0x0c : 0x02;
    const read = await readCms(content(changed), LIMITS);
    if (name.endsWith('-gcm')) assert.equal(read.kind, 'malformed');
    else assert.equal((await envelopeIn(changed)).contentEncryption.iv, null, name);
  }
});

test('RFC 9629 3: a KEM entry with other algorithms is passed over, and the next one opens', async () => {
  const options = { keyTransport: 'auto', allowMlKem: true, content: 'aes256-gcm' } as const;
  const bytes = await seal(MESSAGE, [kem768, rsa], options);
  const oriKem = der.oid(OID.oriKem);
  const change = (from: Buffer, to: Buffer): Buffer => {
    const at = bytes.indexOf(from, bytes.indexOf(oriKem));
    assert.ok(at > 0 && from.length === to.length);
    return Buffer.concat([bytes.subarray(0, at), to, bytes.subarray(at + from.length)]);
  };
  const hex = (text: string): Buffer => Buffer.from(text, 'hex');
  for (const [what, from, to] of [
    ['other oriType', oriKem, hex('060b2a864886f70d0109100d04')],
    ['another version', hex('020100'), hex('020101')],
    ['unknown KEM', der.oid(OID.mlKem768), hex('0609608648016503040404')],
    ['unknown KDF', der.oid(OID.hkdfWithSha256), hex('060b2a864886f70d010910031f')],
    ['kekLength that does not fit', hex('020120300b'), hex('020110300b')],
    ['unknown wrap', der.oid(OID.aes256Wrap), hex('060960864801650304013d')],
  ] as const) {
    const changed = change(from, to);
    const view = await envelopeIn(changed);
    const kinds = view.recipients.map((one) => one.kind).sort();
    assert.deepEqual(kinds, ['ktri', 'unsupported'], what);
    assert.deepEqual(await openWith(changed, rsa), MESSAGE, what);
  }
});

test('RFC 9936 2: another ciphertext, a cut one or another key does not open', async () => {
  const options = { keyTransport: 'ml-kem', content: 'aes256-gcm' } as const;
  for (const identity of [kem512, kem768, kem1024]) {
    const info = infoFor(await envelopeIn(await seal(MESSAGE, [identity], options)), identity);
    const key = recipientKeyFor(info, identity.certificate);
    assert.ok(key?.kind === 'kem');
    assert.equal(unwrapRaw(key, identity.key).length, 32);
    const flipped = Buffer.from(key.ciphertext);
    flipped[0] = (flipped[0] ?? 0) ^ 1;
    for (const change of [
      { ciphertext: flipped },
      { ciphertext: key.ciphertext.subarray(1) },
      { ciphertext: Buffer.concat([key.ciphertext, Buffer.of(0)]) },
      { ciphertext: Buffer.alloc(0) },
      { ukm: Buffer.from('ukm') },
      { kdf: { hash: 'sha512' } },
      { wrapParameters: 'null' },
      { encryptedKey: key.encryptedKey.subarray(8) },
    ] as const) {
      assert.throws(() => unwrapRaw({ ...key, ...change }, identity.key));
    }
    const other = bareIdentity('other', generateKeyPairSync('ml-kem-768'));
    assert.throws(() => unwrapRaw(key, other.key));
  }
});

test('what no keyholder listens to is not asked of it', () => {
  const { issuer, serial } = rsa.certificate;
  const rid = { kind: 'issuerAndSerial', issuer, serial } as const;
  const oaep = { kind: 'oaep', hash: 'sha1', mgf1Hash: 'sha1' } as const;
  const encryptedKey = publicEncrypt(rsa.key, Buffer.alloc(16));
  const asked = (view: RecipientInfoView): boolean =>
    recipientKeyFor(view, rsa.certificate) !== null;
  const ktri = { kind: 'ktri', rid, encryptedKey } as const;
  assert.equal(asked({ ...ktri, algorithm: { kind: 'pkcs1v15' } }), true);
  assert.equal(asked({ ...ktri, algorithm: { ...oaep, label: Buffer.alloc(1024) } }), true);
  assert.equal(asked({ ...ktri, algorithm: { ...oaep, label: Buffer.alloc(1025) } }), false);
  assert.equal(asked({ ...ktri, algorithm: { kind: 'unsupported', oid: '1.2.3' } }), false);
  const long = Buffer.alloc(4097);
  assert.equal(asked({ ...ktri, algorithm: { kind: 'pkcs1v15' }, encryptedKey: long }), false);
  const kem = {
    kind: 'kemri',
    rid,
    set: 'ml-kem-512',
    ciphertext: Buffer.alloc(768),
    kdf: { hash: 'sha256' },
    ukm: null,
    wrap: 'aes128',
    wrapParameters: 'absent',
    encryptedKey: Buffer.alloc(24),
  } as const;
  assert.equal(asked(kem), true);
  assert.equal(asked({ ...kem, ciphertext: long }), false);
  assert.equal(asked({ ...kem, ukm: long }), false);
});
