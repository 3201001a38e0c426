import assert from 'node:assert/strict';
import {
  constants,
  createCipheriv,
  createHash,
  diffieHellman,
  encapsulate,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import { test } from 'node:test';
import { DerReader, der, OID } from '@sallyport/der';
import { type UnwrapRecipient, unwrapRecipientSchema } from '@sallyport/ipc';
import { Secret } from '@sallyport/log';
import { unwrapContentKey } from './unwrap.ts';

type KeyBytes = 16 | 24 | 32;
type Kari = Extract<UnwrapRecipient, { kind: 'kari' }>;
type Kem = Extract<UnwrapRecipient, { kind: 'kem' }>;
type Curve = Kari['curve'];

const rejectionSecret = new Secret(Buffer.alloc(32, 3));
const cek = Buffer.alloc(32, 7);
const base64 = (bytes: Buffer): string => bytes.toString('base64');
const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64');

const CURVE_KEYS: Readonly<Record<Curve, { publicKey: KeyObject; privateKey: KeyObject }>> = {
  p256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  p384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  p521: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  x25519: generateKeyPairSync('x25519'),
};
const KEM_KEYS = {
  'ml-kem-512': generateKeyPairSync('ml-kem-512'),
  'ml-kem-768': generateKeyPairSync('ml-kem-768'),
  'ml-kem-1024': generateKeyPairSync('ml-kem-1024'),
} as const;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const WRAP_BYTES = { aes128: 16, aes192: 24, aes256: 32 } as const;
const WRAP_OIDS = { aes128: OID.aes128Wrap, aes192: OID.aes192Wrap, aes256: OID.aes256Wrap };

function ask(recipient: UnwrapRecipient, privateKey: KeyObject, keyBytes: KeyBytes = 32): Buffer {
  const question = { keyId: 'dca', keyBytes, recipient: unwrapRecipientSchema.parse(recipient) };
  const answer = unwrapContentKey(question, { privateKey, rejectionSecret });
  assert.equal(answer.length, keyBytes);
  assert.deepEqual(unwrapContentKey(question, { privateKey, rejectionSecret }), answer, 'on retry');
  return answer;
}

/** The wrong key of a question: every one another, none of them the right one. */
function assertRejected(questions: readonly UnwrapRecipient[], privateKey: KeyObject): void {
  const seen = new Set([base64(cek), base64(Buffer.alloc(32))]);
  for (const question of questions) seen.add(base64(ask(question, privateKey)));
  assert.equal(seen.size, questions.length + 2);
}

function wrapKey(wrap: Kari['wrap'], kek: Buffer, key: Buffer): Buffer {
  const cipher = createCipheriv(`id-${wrap}-wrap`, kek, Buffer.alloc(8, 0xa6));
  return Buffer.concat([cipher.update(key), cipher.final()]);
}

/** The public key as it stands at the end of SubjectPublicKeyInfo. */
function octetsOf(key: KeyObject): Buffer {
  const spki = new DerReader(key.export({ format: 'der', type: 'spki' })).sequence();
  spki.next();
  return spki.bitString().bytes;
}

/** What a sender does: RFC 5753 section 3.1.3, RFC 8418 section 2, written out a second time. */
function sealAgreement(curve: Curve, change: Partial<Pick<Kari, 'kdf' | 'ukm' | 'wrap'>>): Kari {
  const { kdf = { kind: 'x963', hash: 'sha256' }, ukm = null, wrap = 'aes256' } = change;
  const ephemeral =
    curve === 'x25519'
      ? generateKeyPairSync('x25519')
      : generateKeyPairSync('ec', { namedCurve: `P-${curve.slice(1)}` });
  const { publicKey } = CURVE_KEYS[curve];
  const shared = diffieHellman({ privateKey: ephemeral.privateKey, publicKey });
  const bytes = WRAP_BYTES[wrap];
  const bits = Buffer.from([0, 0, Math.floor((bytes * 8) / 256), (bytes * 8) % 256]);
  const salt = ukm === null ? Buffer.alloc(0) : bytesOf(ukm);
  const info = der.sequence(
    der.sequence(der.oid(WRAP_OIDS[wrap])),
    ...(ukm === null ? [] : [der.explicit(0, der.octetString(salt))]),
    der.explicit(2, der.octetString(bits)),
  );
  const block = (counter: number): Buffer =>
    createHash(kdf.hash)
      .update(Buffer.concat([shared, Buffer.from([0, 0, 0, counter]), info]))
      .digest();
  const kek =
    kdf.kind === 'hkdf'
      ? Buffer.from(hkdfSync(kdf.hash, shared, salt, info, bytes))
      : Buffer.concat([block(1), block(2)]).subarray(0, bytes);
  return {
    kind: 'kari',
    curve,
    originatorPublicKey: base64(octetsOf(ephemeral.publicKey)),
    kdf,
    ukm,
    wrap,
    encryptedKey: base64(wrapKey(wrap, kek, cek)),
  };
}

/** What a sender does: RFC 9629 section 5, RFC 9936 section 2.2. */
function sealKem(set: Kem['set'], change: Partial<Pick<Kem, 'kdf' | 'ukm' | 'wrap'>> = {}): Kem {
  const { kdf = { hash: 'sha256' }, ukm = null, wrap = 'aes256' } = change;
  const { sharedKey, ciphertext } = encapsulate(KEM_KEYS[set].publicKey);
  const info = der.sequence(
    der.sequence(der.oid(WRAP_OIDS[wrap])),
    der.integer(WRAP_BYTES[wrap]),
    ...(ukm === null ? [] : [der.explicit(0, der.octetString(bytesOf(ukm)))]),
  );
  const kek = hkdfSync(kdf.hash, sharedKey, Buffer.alloc(0), info, WRAP_BYTES[wrap]);
  return {
    kind: 'kem',
    set,
    ciphertext: base64(Buffer.from(ciphertext)),
    kdf,
    ukm,
    wrap,
    encryptedKey: base64(wrapKey(wrap, Buffer.from(kek), cek)),
  };
}

test('RFC 3218 2.3.2: RSA v1.5 with a bad padding, another length or beyond the modulus gives one wrong key', () => {
  const { publicKey, privateKey } = rsa;
  const padding = constants.RSA_PKCS1_PADDING;
  const sealed = publicEncrypt({ key: publicKey, padding }, cek);
  const raw = (encoded: Buffer): Buffer =>
    publicEncrypt({ key: publicKey, padding: constants.RSA_NO_PADDING }, encoded);
  const ktri = (encryptedKey: Buffer): UnwrapRecipient => ({
    kind: 'ktri',
    algorithm: { kind: 'pkcs1v15' },
    encryptedKey: base64(encryptedKey),
  });
  assert.deepEqual(ask(ktri(sealed), privateKey), cek);
  const block = (change: (encoded: Buffer) => void): Buffer => {
    const encoded = Buffer.concat([Buffer.of(0, 2), Buffer.alloc(221, 9), Buffer.of(0), cek]);
    change(encoded);
    return raw(encoded);
  };
  assert.deepEqual(ask(ktri(block(() => {})), privateKey), cek);
  const set = (index: number, octet: number) =>
    block((encoded) => {
      encoded[index] = octet;
    });
  const modulus = new DerReader(publicKey.export({ format: 'der', type: 'pkcs1' })).sequence();
  const octets = modulus.integerBytes().subarray(-256);
  assertRejected(
    [
      ktri(set(0, 1)), // does not begin with 00
      ktri(set(1, 1)), // block type 1
      ktri(set(2, 0)), // no padding at all
      ktri(set(150, 0)), // the separator too early: another length
      ktri(set(223, 1)), // no separator where it must be
      ktri(publicEncrypt({ key: publicKey, padding }, Buffer.alloc(16, 7))),
      ktri(publicEncrypt({ key: publicKey, padding }, Buffer.alloc(33, 7))),
      ktri(publicEncrypt({ key: publicKey, padding }, Buffer.alloc(0))),
      ktri(octets), // the modulus itself
      ktri(Buffer.alloc(256, 0xff)), // beyond it
      ktri(Buffer.alloc(256)),
      ktri(sealed.subarray(1)),
      ktri(Buffer.concat([sealed, Buffer.of(0)])),
      ktri(Buffer.alloc(0)),
      ktri(Buffer.alloc(4096, 1)),
    ],
    privateKey,
  );
});

test('RFC 8017 7.1.2: OAEP with another label, hash or mask gives a wrong key', () => {
  const label = Buffer.from('label');
  const sealed = publicEncrypt({ key: rsa.publicKey, oaepHash: 'sha256', oaepLabel: label }, cek);
  const ktri = (
    change: Partial<{ hash: 'sha1' | 'sha224' | 'sha256'; mgf1Hash: 'sha1'; label: string }>,
  ): UnwrapRecipient => ({
    kind: 'ktri',
    algorithm: {
      kind: 'oaep',
      hash: 'sha256',
      mgf1Hash: 'sha256',
      label: base64(label),
      ...change,
    },
    encryptedKey: base64(sealed),
  });
  assert.deepEqual(ask(ktri({}), rsa.privateKey), cek);
  assertRejected(
    [
      ktri({ label: '' }),
      ktri({ label: base64(Buffer.from('Label')) }),
      ktri({ hash: 'sha1' }),
      ktri({ hash: 'sha224' }),
      ktri({ mgf1Hash: 'sha1' }),
    ],
    rsa.privateKey,
  );
});

test('RFC 5753, RFC 8418: every curve opens with every derivation, wrap and ukm', () => {
  const x963 = (['sha1', 'sha224', 'sha256', 'sha384', 'sha512'] as const).map(
    (hash) => ({ kind: 'x963', hash }) as const,
  );
  const hkdf = (['sha256', 'sha384', 'sha512'] as const).map(
    (hash) => ({ kind: 'hkdf', hash }) as const,
  );
  for (const curve of ['p256', 'p384', 'p521', 'x25519'] as const) {
    for (const kdf of [...x963, ...hkdf]) {
      for (const wrap of ['aes128', 'aes192', 'aes256'] as const) {
        for (const ukm of [null, base64(Buffer.from('keying material'))]) {
          const sealed = sealAgreement(curve, { kdf, wrap, ukm });
          const opened = ask(sealed, CURVE_KEYS[curve].privateKey);
          assert.deepEqual(opened, cek, `${curve} ${kdf.kind} ${kdf.hash} ${wrap}`);
        }
      }
    }
  }
});

/** A number as a curve has it, in as many octets as its field. */
function point(form: number, fieldBytes: number, x: bigint, y: bigint | null): string {
  const hex = (value: bigint): string => value.toString(16).padStart(fieldBytes * 2, '0');
  const text = y === null ? hex(x) : hex(x) + hex(y);
  return base64(Buffer.concat([Buffer.of(form), Buffer.from(text, 'hex')]));
}

test('RFC 5753 7.2: points off the curve, at infinity, hybrid or of another curve give a wrong key', () => {
  for (const [curve, bytes] of [
    ['p256', 32],
    ['p384', 48],
    ['p521', 66],
  ] as const) {
    const { privateKey } = CURVE_KEYS[curve];
    const sealed = sealAgreement(curve, {});
    const good = bytesOf(sealed.originatorPublicKey);
    const x = BigInt(`0x${good.subarray(1, 1 + bytes).toString('hex')}`);
    const y = BigInt(`0x${good.subarray(1 + bytes).toString('hex')}`);
    const isOdd = y % 2n === 1n;
    const compressed = point(isOdd ? 3 : 2, bytes, x, null);
    assert.deepEqual(ask({ ...sealed, originatorPublicKey: compressed }, privateKey), cek);
    const other = octetsOf(CURVE_KEYS[curve === 'p256' ? 'p384' : 'p256'].publicKey);
    const all = 2n ** BigInt(bytes * 8) - 1n;
    assertRejected(
      [
        point(4, bytes, x, y ^ 1n),
        point(4, bytes, 0n, 0n),
        point(4, bytes, all, y),
        point(4, bytes, y, x),
        point(isOdd ? 7 : 6, bytes, x, y),
        base64(Buffer.of(0)),
        base64(good.subarray(1)),
        base64(good.subarray(0, -1)),
        base64(Buffer.concat([good, Buffer.of(0)])),
        base64(other),
        '',
      ].map((originatorPublicKey) => ({ ...sealed, originatorPublicKey })),
      privateKey,
    );
  }
});

test('RFC 8418 2: an all-zero secret, a key of low order or of another length gives a wrong key', () => {
  const { privateKey } = CURVE_KEYS.x25519;
  const sealed = sealAgreement('x25519', { kdf: { kind: 'hkdf', hash: 'sha256' } });
  const hex = (text: string): Buffer => Buffer.from(text, 'hex');
  const ff = 'ff'.repeat(30);
  const low = [
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    `ec${ff}7f`,
    `ed${ff}7f`,
    `ee${ff}7f`,
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  ].map(hex);
  // Whoever knows that the secret is zero can make a wrap that fits it.
  const bits = Buffer.from([0, 0, 1, 0]);
  const info = der.sequence(
    der.sequence(der.oid(OID.aes256Wrap)),
    der.explicit(2, der.octetString(bits)),
  );
  const kek = hkdfSync('sha256', Buffer.alloc(32), Buffer.alloc(0), info, 32);
  const encryptedKey = base64(wrapKey('aes256', Buffer.from(kek), cek));
  const good = bytesOf(sealed.originatorPublicKey);
  const questions: UnwrapRecipient[] = [
    ...low.map((octets) => ({ ...sealed, originatorPublicKey: base64(octets), encryptedKey })),
    ...[good.subarray(1), Buffer.concat([good, Buffer.of(0)]), Buffer.alloc(0)].map((octets) => ({
      ...sealed,
      originatorPublicKey: base64(octets),
    })),
  ];
  assertRejected(questions, privateKey);
});

test('RFC 9629 5, RFC 9936 2.2: every ML-KEM set opens with every hash, wrap and ukm', () => {
  for (const set of ['ml-kem-512', 'ml-kem-768', 'ml-kem-1024'] as const) {
    for (const hash of ['sha256', 'sha384', 'sha512'] as const) {
      for (const wrap of ['aes128', 'aes192', 'aes256'] as const) {
        for (const ukm of [null, base64(Buffer.from('gateway-1'))]) {
          const sealed = sealKem(set, { kdf: { hash }, wrap, ukm });
          assert.deepEqual(ask(sealed, KEM_KEYS[set].privateKey), cek, `${set} ${hash} ${wrap}`);
        }
      }
    }
  }
});

test('an ML-KEM ciphertext that is altered, cut, long or of another set gives a wrong key', () => {
  for (const set of ['ml-kem-512', 'ml-kem-768', 'ml-kem-1024'] as const) {
    const sealed = sealKem(set);
    const good = bytesOf(sealed.ciphertext);
    const altered = Buffer.from(good);
    altered[5] = (altered[5] ?? 0) ^ 1;
    const other = set === 'ml-kem-768' ? 'ml-kem-512' : 'ml-kem-768';
    const ukm = base64(Buffer.from('u'));
    const questions: UnwrapRecipient[] = [
      ...[altered, good.subarray(1), Buffer.concat([good, Buffer.of(0)]), Buffer.alloc(0)].map(
        (octets) => ({ ...sealed, ciphertext: base64(octets) }),
      ),
      { ...sealed, set: other },
      { ...sealed, ukm },
      { ...sealed, kdf: { hash: 'sha512' } },
      { ...sealed, wrap: 'aes128' },
      { ...sealed, wrapParameters: 'null' },
      { ...sealed, encryptedKey: sealed.encryptedKey.slice(0, -12) },
    ];
    assertRejected(questions, KEM_KEYS[set].privateKey);
  }
});

test('a question for a key of another kind gives a wrong key, whatever the kinds are', () => {
  const rsaSealed = publicEncrypt(
    { key: rsa.publicKey, padding: constants.RSA_PKCS1_PADDING },
    cek,
  );
  const ktri: UnwrapRecipient = {
    kind: 'ktri',
    algorithm: { kind: 'pkcs1v15' },
    encryptedKey: base64(rsaSealed),
  };
  const kari = sealAgreement('p256', {});
  const x = sealAgreement('x25519', {});
  const kem = sealKem('ml-kem-768');
  const signing = generateKeyPairSync('ed25519').privateKey;
  assertRejected([ktri, x, kem], CURVE_KEYS.p256.privateKey);
  assertRejected([ktri, kari, kem], CURVE_KEYS.x25519.privateKey);
  assertRejected([kari, x, kem], rsa.privateKey);
  assertRejected([ktri, kari, x], KEM_KEYS['ml-kem-768'].privateKey);
  assertRejected([ktri, kari, x, kem], signing);
});

test('the wrong key hangs on every field, on the key id and on the secret', () => {
  const sealed = { ...sealKem('ml-kem-512'), ciphertext: base64(Buffer.alloc(768)) };
  const { privateKey } = KEM_KEYS['ml-kem-512'];
  const wrong = (keyId: string, secret: Buffer, keyBytes: KeyBytes = 32): string =>
    base64(
      unwrapContentKey(
        { keyId, keyBytes, recipient: sealed },
        { privateKey, rejectionSecret: new Secret(secret) },
      ),
    );
  const secret = randomBytes(32);
  const first = wrong('a', secret);
  assert.equal(wrong('a', secret), first);
  assert.notEqual(wrong('b', secret), first);
  assert.notEqual(wrong('a', randomBytes(32)), first);
  assert.notEqual(wrong('a', secret, 16), first.slice(0, 24));
  // X9.63 and HKDF of one hash are two questions.
  const kari = { ...sealAgreement('p256', {}), encryptedKey: base64(Buffer.alloc(40)) };
  const hkdf = { ...kari, kdf: { kind: 'hkdf', hash: 'sha256' } } as const;
  assertRejected([kari, hkdf], CURVE_KEYS.p256.privateKey);
});

test('what the socket carries is bounded', () => {
  const kem = sealKem('ml-kem-1024');
  const long = (bytes: number): string => base64(Buffer.alloc(bytes));
  const isTaken = (question: unknown): boolean => unwrapRecipientSchema.safeParse(question).success;
  assert.equal(isTaken(kem), true);
  assert.equal(isTaken({ ...kem, ciphertext: long(2_052) }), false);
  assert.equal(isTaken({ ...kem, ukm: long(1_028) }), false);
  assert.equal(isTaken({ ...kem, encryptedKey: long(4_100) }), false);
  assert.equal(isTaken({ ...kem, set: 'ml-kem-2048' }), false);
  assert.equal(isTaken({ ...kem, kdf: { hash: 'sha1' } }), false);
  const kari = sealAgreement('x25519', {});
  assert.equal(isTaken(kari), true);
  assert.equal(isTaken({ ...kari, originatorPublicKey: long(259) }), false);
  assert.equal(isTaken({ ...kari, kdf: { hash: 'sha256' } }), false);
  assert.equal(isTaken({ ...kari, kdf: { kind: 'hkdf', hash: 'sha1' } }), false);
});
