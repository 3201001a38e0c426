import assert from 'node:assert/strict';
import { constants, generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { test } from 'node:test';
import { DerReader, OID } from '@sallyport/der';
import { signatureScheme } from './signature-scheme.ts';

const DIGESTS = ['sha256', 'sha384', 'sha512'] as const;
type Choice = Parameters<typeof signatureScheme>[1];

const keys = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  p256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  p384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  p521: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  ed25519: generateKeyPairSync('ed25519'),
  'ml-dsa-65': generateKeyPairSync('ml-dsa-65'),
  'ml-dsa-87': generateKeyPairSync('ml-dsa-87'),
};

function schemeOf(key: KeyObject, choice: Choice) {
  const scheme = signatureScheme(key, choice);
  assert.ok(!('refusal' in scheme), JSON.stringify(scheme));
  return scheme;
}

const refusalOf = (key: KeyObject, choice: Choice): string => {
  const scheme = signatureScheme(key, choice);
  return 'refusal' in scheme ? scheme.refusal : scheme.name;
};

const bytes = Buffer.from('310d300b06092a864886f70d010903', 'hex');

test('a digest or padding that does not go with the key is refused', () => {
  assert.match(refusalOf(keys.ed25519.privateKey, { digestAlgorithm: 'sha256' }), /does not go/);
  assert.match(refusalOf(keys['ml-dsa-65'].privateKey, { digestAlgorithm: 'sha256' }), /not go/);
  assert.match(refusalOf(keys['ml-dsa-87'].privateKey, { digestAlgorithm: 'sha384' }), /not go/);
  const pss = { digestAlgorithm: 'sha512', rsaPadding: 'pss' } as const;
  for (const name of ['p256', 'ed25519', 'ml-dsa-87'] as const) {
    assert.match(refusalOf(keys[name].privateKey, pss), /RSA keys only/);
  }
  const receiving = generateKeyPairSync('x25519').privateKey;
  assert.match(refusalOf(receiving, { digestAlgorithm: 'sha512' }), /does not sign/);
  const kem = generateKeyPairSync('ml-kem-768').privateKey;
  assert.match(refusalOf(kem, { digestAlgorithm: 'sha512' }), /does not sign/);
});

test('RFC 8017, RFC 5753: RSA v1.5, PSS with a salt as long as the hash, and ECDSA', async () => {
  for (const digestAlgorithm of DIGESTS) {
    const { privateKey, publicKey: key } = keys.rsa;
    const v15 = schemeOf(privateKey, { digestAlgorithm });
    assert.equal(v15.name, `rsa-${digestAlgorithm}`);
    assert.equal(v15.protection, null);
    assert.ok(verify(digestAlgorithm, bytes, key, await v15.sign(bytes)));
    const pss = schemeOf(privateKey, { digestAlgorithm, rsaPadding: 'pss' });
    assert.equal(pss.name, `rsa-pss-${digestAlgorithm}`);
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    const saltLength = Number(digestAlgorithm.slice(3)) / 8;
    const signature = await pss.sign(bytes);
    assert.ok(verify(digestAlgorithm, bytes, { key, padding, saltLength }, signature));
    for (const curve of ['p256', 'p384', 'p521'] as const) {
      const ecdsa = schemeOf(keys[curve].privateKey, { digestAlgorithm });
      assert.equal(ecdsa.name, `ecdsa-${digestAlgorithm}`);
      const made = await ecdsa.sign(bytes);
      assert.ok(verify(digestAlgorithm, bytes, keys[curve].publicKey, made));
    }
  }
});

test('RFC 8419, RFC 9882: Ed25519 and ML-DSA sign the attributes themselves', async () => {
  for (const [name, digestAlgorithm] of [
    ['ed25519', 'sha512'],
    ['ml-dsa-65', 'sha384'],
    ['ml-dsa-65', 'sha512'],
    ['ml-dsa-87', 'sha512'],
  ] as const) {
    const { privateKey, publicKey } = keys[name];
    const scheme = schemeOf(privateKey, { digestAlgorithm });
    assert.equal(scheme.name, name);
    assert.ok(verify(null, bytes, publicKey, await scheme.sign(bytes)));
  }
});

test('RFC 9882 4, RFC 6211 2: ML-DSA signatures say in CMSAlgorithmProtection how they are made', () => {
  assert.equal(schemeOf(keys.ed25519.privateKey, { digestAlgorithm: 'sha512' }).protection, null);
  const { protection } = schemeOf(keys['ml-dsa-87'].privateKey, { digestAlgorithm: 'sha512' });
  assert.ok(protection);
  const reader = new DerReader(protection).sequence();
  assert.equal(reader.sequence().oid(), OID.sha512);
  const signature = reader.inside(reader.expect('context', 1));
  assert.equal(signature.oid(), OID.mlDsa87);
  signature.end();
  reader.end();
});
