import assert from 'node:assert/strict';
import {
  createCipheriv,
  createDecipheriv,
  encapsulate,
  hkdfSync,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { DerReader, der, OID, readTlv } from '@sallyport/der';
import type { UnwrapRecipient } from '@sallyport/ipc';
import { newQueueId } from '@sallyport/mail';
import {
  closeKeyholderTests,
  content,
  eventsOf,
  ktri,
  openKeyholderTests,
  openssl,
  pairs,
  root,
  setup,
  start,
} from './testing.ts';

before(openKeyholderTests);
after(closeKeyholderTests);

test('RFC 8418, RFC 9629: X25519 and ML-KEM keys are asked over the same socket', async () => {
  const given = await setup();
  const receiving = { class: 'domain-confidentiality', signedAttributes: null } as const;
  for (const algorithm of ['x25519', 'ml-kem-768'] as const) {
    await given.addKey({ keyId: algorithm, algorithm, ...receiving });
  }
  const { inward, close } = await start(given);
  const queueId = newQueueId(new Date());
  const { publicKey } = new X509Certificate(pairs.get('ml-kem-768')?.certificate ?? '');
  const { sharedKey, ciphertext } = encapsulate(publicKey);
  const info = der.sequence(der.sequence(der.oid(OID.aes256Wrap)), der.integer(32));
  const kek = hkdfSync('sha256', sharedKey, Buffer.alloc(0), info, 32);
  const wrapping = createCipheriv('id-aes256-wrap', Buffer.from(kek), Buffer.alloc(8, 0xa6));
  const cek = Buffer.alloc(32, 5);
  const wrapped = Buffer.concat([wrapping.update(cek), wrapping.final()]).toString('base64');
  const kem = {
    kind: 'kem',
    set: 'ml-kem-768',
    ciphertext: Buffer.from(ciphertext).toString('base64'),
    kdf: { hash: 'sha256' },
    ukm: null,
    wrap: 'aes256',
    encryptedKey: wrapped,
  } as const;
  const ask = async (keyId: string, recipient: UnwrapRecipient) =>
    (await inward.call('unwrap', { keyId, queueId, keyBytes: 32, recipient })).key;
  assert.equal(await ask('ml-kem-768', kem), cek.toString('base64'));
  const wrong = await ask('x25519', kem);
  assert.notEqual(wrong, cek.toString('base64'));
  assert.equal(await ask('x25519', kem), wrong);
  const zero = {
    kind: 'kari',
    curve: 'x25519',
    originatorPublicKey: Buffer.alloc(32).toString('base64'),
    kdf: { kind: 'hkdf', hash: 'sha256' },
    ukm: null,
    wrap: 'aes256',
    encryptedKey: wrapped,
  } as const;
  assert.equal(await ask('x25519', zero), await ask('x25519', zero));
  await close();
  const outcomes = (await eventsOf(queueId)).filter(({ kind }) => kind === 'key-outcome');
  assert.equal(outcomes.length, 5);
  assert.deepEqual(new Set(outcomes.map(({ facts }) => facts['outcome'])), new Set(['done']));
});

/** What openssl wrote, taken apart as far as this test needs it (RFC 5652 section 6.1). */
async function encryptWithOpenssl(algorithm: string, args: string[]) {
  const base = join(await mkdtemp(join(root, 'enc-')), 'message');
  await writeFile(`${base}.txt`, content);
  const files = ['-in', `${base}.txt`, '-out', `${base}.der`, '-outform', 'DER', '-binary'];
  const to = ['-recip', join(root, `${algorithm}.crt`)];
  await openssl('cms', '-encrypt', '-aes256', ...files, ...to, ...args);
  const contentInfo = new DerReader(readTlv(await readFile(`${base}.der`))); // definite length
  contentInfo.oid();
  const enveloped = contentInfo.optionalExplicit(0)?.sequence();
  assert.ok(enveloped);
  enveloped.integer();
  const [recipient] = enveloped.set().all();
  assert.ok(recipient);
  const sealed = enveloped.sequence();
  sealed.oid();
  const algorithmReader = sealed.sequence();
  algorithmReader.oid();
  const iv = algorithmReader.octetString();
  const bytes = sealed.next().value;
  const open = (key: string) => {
    const decipher = createDecipheriv('aes-256-cbc', Buffer.from(key, 'base64'), iv);
    return Buffer.concat([decipher.update(bytes), decipher.final()]);
  };
  return { recipient: new DerReader(recipient), open };
}

async function unwrapper(algorithm: 'rsa-2048' | 'ec-p256' | 'ec-p384') {
  const given = await setup();
  const keyId = 'dca';
  const signedAttributes = null;
  const rest = {
    class: 'domain-confidentiality',
    state: 'decrypt-only',
    signedAttributes,
  } as const;
  await given.addKey({ keyId, algorithm, ...rest });
  const { inward, close } = await start(given);
  const queueId = newQueueId(new Date());
  const unwrap = async (recipient: UnwrapRecipient, keyBytes: 16 | 24 | 32 = 32) =>
    (await inward.call('unwrap', { keyId, queueId, keyBytes, recipient })).key;
  return { unwrap, close, queueId };
}

for (const [name, args, wanted] of [
  ['RSA v1.5', [], { kind: 'pkcs1v15' }],
  [
    'OAEP with SHA-256 and MGF1 with SHA-1',
    ['rsa_padding_mode:oaep', 'rsa_oaep_md:sha256', 'rsa_mgf1_md:sha1'],
    { kind: 'oaep', hash: 'sha256', mgf1Hash: 'sha1', label: '' },
  ],
] as const) {
  test(`a key that openssl wrapped with ${name} is unwrapped`, async () => {
    const { unwrap, close } = await unwrapper('rsa-2048');
    const options = args.flatMap((arg) => ['-keyopt', arg]);
    const { recipient, open } = await encryptWithOpenssl('rsa-2048', options);
    recipient.integer();
    recipient.next();
    recipient.next();
    const encryptedKey = recipient.octetString().toString('base64');
    assert.deepEqual(
      open(await unwrap({ kind: 'ktri', algorithm: wanted, encryptedKey })),
      content,
    );
    await close();
  });
}

for (const [algorithm, curve, kdf] of [
  ['ec-p256', 'p256', 'sha256'],
  ['ec-p384', 'p384', 'sha384'],
  ['ec-p256', 'p256', 'sha1'],
] as const) {
  test(`a key that openssl wrapped with ECDH ${curve} and ${kdf} is unwrapped`, async () => {
    const { unwrap, close } = await unwrapper(algorithm);
    const options = ['-keyopt', `ecdh_kdf_md:${kdf}`];
    const { recipient: kari, open } = await encryptWithOpenssl(algorithm, options);
    kari.integer();
    const originator = kari.optionalExplicit(0)?.optionalExplicit(1);
    assert.ok(originator);
    originator.next();
    const point = originator.bitString().bytes.toString('base64');
    kari.optionalExplicit(1);
    const keyEncryption = kari.sequence();
    keyEncryption.oid();
    const wrapOid = keyEncryption.sequence().oid();
    const wrap = wrapOid === OID.aes256Wrap ? 'aes256' : 'aes128';
    const recipient = kari.sequence().sequence();
    recipient.next();
    const question = {
      kind: 'kari',
      curve,
      originatorPublicKey: point,
      kdf: { kind: 'x963', hash: kdf },
      ukm: null,
      wrap,
      encryptedKey: recipient.octetString().toString('base64'),
    } as const;
    assert.deepEqual(open(await unwrap(question)), content);
    const wrong = await unwrap({ ...question, ukm: 'AQID' });
    assert.throws(() => open(wrong));
    await close();
  });
}

test('RFC 3218 2.3.2: every failure gives a wrong key of the right length, the same for the same question', async () => {
  const { unwrap, close, queueId } = await unwrapper('rsa-2048');
  const { recipient } = await encryptWithOpenssl('rsa-2048', []);
  recipient.integer();
  recipient.next();
  recipient.next();
  const encryptedKey = recipient.octetString();
  const right = await unwrap(ktri(encryptedKey));
  const badPadding = Buffer.from(encryptedKey);
  badPadding[200] = (badPadding[200] ?? 0) ^ 1;
  const kari = {
    kind: 'kari',
    curve: 'p256',
    originatorPublicKey: Buffer.alloc(65, 4).toString('base64'),
    kdf: { kind: 'x963', hash: 'sha256' },
    ukm: null,
    wrap: 'aes256',
    encryptedKey: Buffer.alloc(40).toString('base64'),
  } as const;
  const questions: UnwrapRecipient[] = [
    ktri(badPadding),
    ktri(Buffer.alloc(256, 0xff)), // at or above the modulus
    ktri(Buffer.alloc(256)),
    ktri(encryptedKey.subarray(1)),
    ktri(Buffer.concat([Buffer.of(0), encryptedKey])),
    ktri(Buffer.alloc(0)),
    {
      kind: 'ktri',
      algorithm: { kind: 'oaep', hash: 'sha1', mgf1Hash: 'sha1', label: '' },
      encryptedKey: encryptedKey.toString('base64'),
    },
    kari,
  ];
  const seen = new Set([right]);
  for (const question of questions) {
    const key = await unwrap(question);
    assert.equal(Buffer.from(key, 'base64').length, 32);
    assert.equal(await unwrap(question), key);
    seen.add(key);
  }
  assert.equal(seen.size, questions.length + 1);
  // The right padding around a key of another length is a failure too.
  assert.equal(Buffer.from(await unwrap(ktri(encryptedKey), 16), 'base64').length, 16);
  await close();
  const outcomes = (await eventsOf(queueId)).filter(({ kind }) => kind === 'key-outcome');
  assert.deepEqual(new Set(outcomes.map(({ facts }) => facts['outcome'])), new Set(['done']));
});

test('points that are off the curve, hybrid or at infinity give a wrong key', async () => {
  const { unwrap, close } = await unwrapper('ec-p256');
  const seen = new Set<string>();
  const hybrid = Buffer.concat([Buffer.of(6), randomBytes(64)]);
  for (const point of [Buffer.alloc(65, 4), Buffer.of(0), hybrid, Buffer.alloc(0)]) {
    seen.add(
      await unwrap({
        kind: 'kari',
        curve: 'p256',
        originatorPublicKey: point.toString('base64'),
        kdf: { kind: 'x963', hash: 'sha256' },
        ukm: null,
        wrap: 'aes128',
        encryptedKey: Buffer.alloc(40, 1).toString('base64'),
      }),
    );
  }
  assert.equal(seen.size, 4);
  await close();
});
