/** Test vectors of others (`../shared/vectors`): RFC 9936 Appendix C, RFC 9216, Wycheproof. */
import assert from 'node:assert/strict';
import { createPrivateKey, decapsulate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { der, OID, readOnly } from '@sallyport/der';
import { readContent } from '@sallyport/mail';
import { readContentEncryption } from './content-cipher.ts';
import {
  type AuthEnvelopedDataView,
  authEnvelopedData,
  checkSignerInfo,
  chooseSignature,
  decryptContent,
  digestContent,
  envelopedData,
  matchesRecipient,
  readCms,
  recipientKeyFor,
  type SignatureAlgorithmName,
  type SignerInfoView,
  signedData,
  unwrapRaw,
} from './index.ts';
import { aesUnwrap, kemKek } from './key-derivation.ts';
import {
  content,
  type Identity,
  LIMITS,
  loadIdentity,
  MESSAGE,
  parseCertificate,
  readPem,
  signer,
  vectors,
} from './test-fixtures.ts';

const skipped = (folder: string | null) =>
  folder === null ? 'the shared vectors are not here' : false;

const kem = vectors('smime/cms-ml-kem-rfc9936/example');
const rfc9216 = vectors('smime/rfc9216');
const wycheproof = vectors('crypto/wycheproof');

test('RFC 9936 C: the ML-KEM message opens, with every intermediate value', {
  skip: skipped(kem),
}, async () => {
  const at = (name: string): string => join(kem ?? '', name);
  const text = (name: string): string => readFileSync(at(name), 'latin1').trim();
  const hex = (name: string): Buffer => Buffer.from(text(name), 'hex');
  const body = /-----BEGIN CMS-----([^-]*)/.exec(text('ML-KEM-512.cms'))?.[1] ?? '';
  const read = await readCms(content(Buffer.from(body, 'base64')), LIMITS);
  assert.ok(read.kind === 'auth-enveloped');
  const certificate = parseCertificate(readPem(at('ML-KEM-512.pem')));
  const [info] = read.value.recipients;
  assert.ok(info?.kind === 'kemri' && matchesRecipient(info, certificate));
  assert.deepEqual(
    info.rid.kind === 'subjectKeyId' && info.rid.subjectKeyId,
    hex('ML-KEM-512.keyid'),
  );
  assert.equal(info.set, 'ml-kem-512');
  assert.deepEqual(info.encryptedKey, hex('encrypted_cek.txt'));
  const recipient = recipientKeyFor(info, certificate);
  assert.ok(recipient?.kind === 'kem');
  const { wrap, ukm, kdf, ciphertext, encryptedKey } = recipient;
  for (const form of ['seed', 'expanded', 'both']) {
    const key = createPrivateKey(readFileSync(at(`ML-KEM-512-${form}.priv`)));
    const shared: Buffer = Buffer.from(decapsulate(key, ciphertext));
    assert.deepEqual(shared, hex('shared_secret.txt'));
    const kek = kemKek(kdf.hash, { shared, wrap, ukm });
    assert.deepEqual(kek, hex('kek.txt'));
    assert.deepEqual(aesUnwrap(wrap, kek, encryptedKey), hex('cek.txt'));
    const opened = await decryptContent(read.value, unwrapRaw(recipient, key));
    assert.ok(opened.kind === 'ok');
    assert.deepEqual(await readContent(opened.content), readFileSync(at('plaintext.txt')));
  }
});

test('RFC 9629 5: other hashes, wraps and a ukm give the keys that were worked out apart', () => {
  const shared = Buffer.from(
    '7DF12D412AE299A24FDE6D7C3BB8E3194C80AD3C733DCF2775E09FE8BEDB86D8',
    'hex',
  );
  const ukm = Buffer.from('gateway-1');
  for (const [hash, given, wanted] of [
    ['sha256', null, 'a73252c3ac07b2062569ac7204cadf8afcf9be49ec974b6c5e719dd6f2a32292'],
    ['sha384', null, '222340220a95e55150a06ccefc97da1d5e2ab822dd944f94e04af8aad9034181'],
    ['sha512', null, 'cd28716b32697599927b10fd46488d4cfdcb22a177da24b4c53d735e7e668272'],
    ['sha256', ukm, '9dac4ff584637d9e42ed344aa559409da43754961bbaa6bb4758fc6a62a59aed'],
  ] as const) {
    const kek = kemKek(hash, { shared, wrap: 'aes256', ukm: given });
    assert.equal(kek.toString('hex'), wanted);
  }
});

/** A certificate and its key of RFC 9216, by the start of their file names. */
function identity9216(name: string, part: 'Sign' | 'Crypt'): Identity {
  const files = readdirSync(rfc9216 ?? '');
  const find = (words: RegExp): string =>
    join(rfc9216 ?? '', files.find((one) => words.test(one)) ?? 'none');
  const [certificate, key] = {
    Sign: ['Signature-Verification', 'Signing'],
    Crypt: ['Encryption', 'Decryption'],
  }[part];
  const certFile = find(new RegExp(`${name}-${certificate}-.*certificate`));
  const keyFile = find(new RegExp(`${name}-${key}-.*private-key`));
  const choice = chooseSignature(parseCertificate(readPem(certFile)).spki);
  const algorithm: SignatureAlgorithmName =
    choice.kind === 'chosen' ? choice.signatureAlgorithm : 'ed25519';
  return loadIdentity(certFile, keyFile, algorithm);
}

test('RFC 9216: all four sign and all four open, RSA and Ed25519 with X25519', {
  skip: skipped(rfc9216),
}, async () => {
  const algorithms: string[] = [];
  for (const name of ['Alice', 'Bob', 'Carlos', 'Dana']) {
    const who = identity9216(name, 'Sign');
    algorithms.push(who.algorithm);
    const parts = await signer(content(MESSAGE), who);
    const bytes = await readContent(signedData(content(MESSAGE), [parts], []));
    const read = await readCms(content(bytes), LIMITS);
    assert.ok(read.kind === 'signed' && read.value.signerInfos[0]);
    const digest = (one: Parameters<typeof digestContent>[1]) =>
      digestContent(content(MESSAGE), one);
    const source = { digest, contentType: OID.data };
    const [info] = read.value.signerInfos;
    const result = await checkSignerInfo(info, who.certificate, source);
    assert.deepEqual(result, { kind: 'valid' }, name);

    const to = identity9216(name, 'Crypt');
    const list = [to.certificate] as const;
    const gcm = { content: 'aes256-gcm', keyTransport: 'auto' } as const;
    const cbc = { content: 'aes128-cbc', keyTransport: 'auto' } as const;
    for (const cms of [
      await authEnvelopedData(content(MESSAGE), list, gcm),
      envelopedData(content(MESSAGE), list, cbc),
    ]) {
      const opened = await readCms(content(await readContent(cms)), LIMITS);
      assert.ok(opened.kind === 'enveloped' || opened.kind === 'auth-enveloped');
      const [recipient] = opened.value.recipients;
      const key = recipient === undefined ? null : recipientKeyFor(recipient, to.certificate);
      assert.ok(key !== null);
      const plain = await decryptContent(opened.value, unwrapRaw(key, to.key));
      assert.ok(plain.kind === 'ok');
      assert.deepEqual(await readContent(plain.content), MESSAGE, name);
    }
  }
  assert.deepEqual(algorithms, ['rsa-sha256', 'rsa-sha256', 'ed25519', 'ed25519']);
});

interface Group {
  readonly publicKeyDer: string;
  readonly tagSize: number;
  readonly tests: readonly Record<'tcId' | 'result' | 'comment', string>[];
}

function groupsOf(file: string): readonly Group[] {
  const text = readFileSync(join(wycheproof ?? '', file), 'utf8');
  return (JSON.parse(text) as { testGroups: Group[] }).testGroups;
}

/** A SignerInfo whose signed attributes are any bytes: what verification itself does with them. */
async function verifies(spki: Buffer, test: Record<string, string>, oid: string, hash: 'sha256') {
  const bytes = (name: string): Buffer => Buffer.from(test[name] ?? '', 'hex');
  const subjectKeyId = Buffer.from('k');
  const digest = Buffer.alloc(64);
  const view: SignerInfoView = {
    sid: { kind: 'subjectKeyId', subjectKeyId },
    digestAlgorithm: hash,
    digestOid: OID[hash],
    signatureOid: oid,
    signatureParameters: null,
    signedAttrs: bytes('msg'),
    attributes: new Map([
      [OID.contentType, [der.oid(OID.data)]],
      [OID.messageDigest, [der.octetString(digest)]],
    ]),
    duplicateAttributes: [],
    malformedAttributes: [],
    signature: bytes('sig'),
    signingTime: null,
    signatureTypes: null,
    signingCertificate: null,
    signingCertificateV2: null,
    capabilities: null,
    encryptionKeyPreference: null,
  };
  const empty = Buffer.alloc(0);
  const certificate = { der: empty, issuer: empty, serial: empty, subjectKeyId, spki };
  const source = { digest: () => Promise.resolve(digest), contentType: OID.data };
  return (await checkSignerInfo(view, certificate, source)).kind === 'valid';
}

test('Wycheproof: RSA PKCS#1 v1.5 and ECDSA signatures, each as it says', {
  skip: skipped(wycheproof),
}, async () => {
  let count = 0;
  const refused = new Set<string>();
  for (const file of readdirSync(wycheproof ?? '')) {
    const [, kind, hash] = /^(rsa_signature|ecdsa)_.*_(sha\d+)_test\.json$/.exec(file) ?? [];
    if (kind === undefined) continue;
    const oid = kind === 'ecdsa' ? `ecdsaWithSha${hash?.slice(3)}` : 'rsaEncryption';
    for (const group of groupsOf(file)) {
      const spki = Buffer.from(group.publicKeyDer, 'hex');
      // Some keys have the public exponent 3, which is refused whatever they sign.
      const choice = chooseSignature(spki);
      const isAccepted = choice.kind === 'chosen';
      if (!isAccepted) refused.add(choice.fault);
      for (const one of group.tests) {
        count += 1;
        if (one.result === 'acceptable') continue;
        const found = await verifies(spki, one, OID[oid as 'rsaEncryption'], hash as 'sha256');
        const wanted = isAccepted && one.result === 'valid';
        assert.equal(found, wanted, `${file} ${one.tcId} ${one.comment}`);
      }
    }
  }
  assert.ok(count > 3_000, `${count} cases`);
  assert.deepEqual([...refused], ['key-exponent-unsafe']);
});

test('Wycheproof: AES-GCM, each as it says, and nonces that no sender uses do not open', {
  skip: skipped(wycheproof),
}, async () => {
  for (const group of groupsOf('aes_gcm_test.json')) {
    for (const one of group.tests) {
      const bytes = (name: string): Buffer =>
        Buffer.from((one as Record<string, string>)[name] ?? '', 'hex');
      const [key, iv, aad] = [bytes('key'), bytes('iv'), bytes('aad')];
      const name = `aes${key.length * 8}Gcm` as 'aes128Gcm';
      const parameters = der.sequence(der.octetString(iv), der.integer(group.tagSize / 8));
      const algorithm = { oid: OID[name], parameters: readOnly(parameters) };
      const view: AuthEnvelopedDataView = {
        recipients: [],
        contentType: OID.data,
        contentEncryption: readContentEncryption(algorithm, 'auth-enveloped'),
        encryptedContent: content(bytes('ct')),
        mac: bytes('tag'),
        authAttrs: aad.length === 0 ? null : aad,
      };
      const result = await decryptContent(view, key);
      const isUsed = iv.length > 0 && iv.length <= 64;
      const what = `${one.tcId} ${one.comment}`;
      assert.equal(result.kind, one.result === 'valid' && isUsed ? 'ok' : 'failed', what);
      if (result.kind === 'ok') assert.deepEqual(await readContent(result.content), bytes('msg'));
    }
  }
});
