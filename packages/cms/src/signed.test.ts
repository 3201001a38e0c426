import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { der, OID } from '@sallyport/der';
import { bufferContent, type Content, readContent } from '@sallyport/mail';
import {
  certificatesOnly,
  checkSignerInfo,
  detachedSignedData,
  digestContent,
  emptySignedData,
  readCms,
  type SignedDataView,
  type SignerCheck,
  type SignerInfoParts,
  signedData,
} from './index.ts';
import {
  attribute,
  content,
  file,
  type Identity,
  LIMITS,
  MESSAGE,
  makeIdentity,
  openssl,
  p256,
  p384,
  pipe,
  rsa,
  signatureTypes,
  signer,
  signingCertificateV2,
  signWithOpenssl,
} from './test-fixtures.ts';

async function readSigned(bytes: Buffer): Promise<SignedDataView> {
  const read = await readCms(content(bytes), LIMITS);
  if (read.kind !== 'signed') throw new Error(JSON.stringify(read));
  return read.value;
}

async function check(
  view: SignedDataView,
  identity: Identity,
  signed: Content = content(MESSAGE),
): Promise<SignerCheck> {
  const [info] = view.signerInfos;
  assert.ok(info);
  return await checkSignerInfo(info, identity.certificate, {
    digest: (name) => digestContent(signed, name),
    contentType: view.eContentType,
    content: signed,
  });
}

async function signAndCheck(
  identity: Identity,
  options: Parameters<typeof signer>[2],
  edit: (parts: SignerInfoParts) => SignerInfoParts = (parts) => parts,
): Promise<SignerCheck> {
  const parts = edit(await signer(content(MESSAGE), identity, options));
  const bytes = await readContent(signedData(content(MESSAGE), [parts], []));
  return await check(await readSigned(bytes), identity);
}

test('RFC 5652 11.1, 11.2: missing, duplicated or wrong contentType and messageDigest are refused', async () => {
  const digest = attribute(OID.messageDigest, der.octetString(Buffer.alloc(32)));
  const cases: [Parameters<typeof signer>[2], RegExp][] = [
    [{ without: OID.contentType }, /content type is not signed/],
    [{ without: OID.messageDigest }, /no signed message digest/],
    [{ extra: [attribute(OID.contentType, der.oid(OID.data))] }, /twice/],
    [{ extra: [digest] }, /twice/],
    [
      {
        without: OID.contentType,
        extra: [attribute(OID.contentType, der.oid(OID.data), der.oid(OID.signedData))],
      },
      /twice/,
    ],
    [{ contentType: OID.signedData }, /content type is not the signed one/],
    [{ digest: Buffer.alloc(32) }, /not the one that was signed/],
    [{ extra: [signatureTypes(OID.domainSig), signatureTypes(OID.reviewSig)] }, /twice/],
    [{ extra: [attribute(OID.signatureType, der.oid(OID.domainSig))] }, /malformed/],
    [
      { without: OID.signingTime, extra: [attribute(OID.signingTime, der.integer(1))] },
      /malformed/,
    ],
  ];
  for (const [options, reason] of cases) {
    const result = await signAndCheck(rsa, options);
    assert.equal(result.kind, 'invalid', String(reason));
    assert.match('reason' in result ? result.reason : '', reason);
  }
});

test('RFC 5035 4: signingCertificateV2 that names another certificate is refused', async () => {
  const wrong = await signAndCheck(rsa, { extra: [signingCertificateV2(p256.certificate)] });
  assert.deepEqual([wrong.kind, 'fault' in wrong && wrong.fault], ['invalid', 'message-integrity']);
  const right = await signAndCheck(rsa, { extra: [signingCertificateV2(rsa.certificate)] });
  assert.equal(right.kind, 'valid');
});

test('RFC 5652 5.4: content and signed attributes cannot stand for each other', async () => {
  const parts = await signer(content(MESSAGE), rsa);
  // the attributes as content, under the same signature, without signed attributes
  const stripped = {
    digestAlgorithms: [],
    eContentType: OID.data,
    eContent: content(parts.signedAttrs),
    certificates: [],
    crls: [],
  };
  const view = await readSigned(await readContent(signedData(content(MESSAGE), [parts], [])));
  const [info] = view.signerInfos;
  assert.ok(info);
  const bare = { ...info, signedAttrs: null, attributes: new Map() };
  const noAttrs = await check({ ...stripped, signerInfos: [bare] }, rsa, stripped.eContent);
  assert.match('reason' in noAttrs ? noAttrs.reason : '', /no signed attributes/);
  const shaped = bufferContent(parts.signedAttrs);
  const over = await signer(shaped, rsa);
  const overView = await readSigned(await readContent(signedData(shaped, [over], [])));
  const result = await check(overView, rsa, shaped);
  assert.match('reason' in result ? result.reason : '', /form of signed attributes/);
});

test('RFC 8550 4.3 and RFC 8551 6: short, huge and unsafe RSA keys and SHA-1 are refused', async () => {
  const weak = makeIdentity('weak', 'rsa-sha256', ['-newkey', 'rsa:1024']);
  const lowExponent = makeIdentity('e3', 'rsa-sha256', [
    '-newkey',
    'rsa:2048',
    '-pkeyopt',
    'rsa_keygen_pubexp:3',
  ]);
  const faultOf = async (identity: Identity) => {
    const result = await signAndCheck(identity, {});
    return result.kind === 'invalid' ? result.fault : result.kind;
  };
  assert.equal(await faultOf(weak), 'key-too-short');
  assert.equal(await faultOf(lowExponent), 'key-exponent-unsafe');
  const evenModulus = Buffer.from(spkiOf(2048, 65_537n));
  evenModulus[evenModulus.length - 6] = 2;
  for (const [spki, fault] of [
    [spkiOf(8193, 65_537n), 'key-too-long'],
    [spkiOf(2047, 65_537n), 'key-too-short'],
    [spkiOf(2048, 65_538n), 'key-exponent-unsafe'],
    [spkiOf(2048, 1n), 'key-exponent-unsafe'],
    [spkiOf(2048, (1n << 256n) + 1n), 'key-exponent-unsafe'],
    [evenModulus, 'algorithm-unsupported'],
    [Buffer.from('3000', 'hex'), 'algorithm-unsupported'],
  ] as const) {
    const identity = { ...rsa, certificate: { ...rsa.certificate, spki } };
    assert.equal(await faultOf(identity), fault);
  }
  const sha1 = signWithOpenssl('sha1', rsa);
  const view = await readSigned(sha1);
  const result = await check(view, rsa);
  assert.equal(result.kind, 'unverifiable');
  assert.match('reason' in result ? result.reason : '', /SHA-1/);
});

function spkiOf(bits: number, exponent: bigint): Buffer {
  const key = der.sequence(der.integer((1n << BigInt(bits - 1)) + 1n), der.integer(exponent));
  const algorithm = der.sequence(der.oid(OID.rsaEncryption), der.null());
  return der.sequence(algorithm, der.bitString(key));
}

test('a signature by another key, or with another algorithm than it says, is refused', async () => {
  const other = await signer(content(MESSAGE), p256);
  const swapped = await signAndCheck(rsa, {}, (parts) => ({
    ...parts,
    signature: other.signature,
  }));
  assert.equal(swapped.kind, 'invalid');
  const mixed = await signAndCheck(rsa, {}, (parts) => ({
    ...parts,
    signatureAlgorithm: 'ecdsa-sha256',
  }));
  assert.match('reason' in mixed ? mixed.reason : '', /do not fit/);
  const digests = await signAndCheck(p256, {}, (parts) => ({
    ...parts,
    signatureAlgorithm: 'ecdsa-sha384',
  }));
  assert.match('reason' in digests ? digests.reason : '', /fit together/);
});

test('RFC 8551 2.2: openssl verifies our opaque signature, by RSA, RSASSA-PSS and ECDSA', async () => {
  const pss: Identity = { ...rsa, algorithm: 'rsa-pss-sha256' };
  const rsa512: Identity = { ...rsa, algorithm: 'rsa-sha512' };
  for (const identity of [rsa, rsa512, pss, p256, p384]) {
    const parts = await signer(content(MESSAGE), identity, {
      extra: [signatureTypes(OID.domainSig), signingCertificateV2(identity.certificate)],
    });
    const cms = signedData(content(MESSAGE), [parts], [identity.certificate.der]);
    const bytes = await readContent(cms);
    assert.equal(bytes.length, cms.sizeBytes);
    const out = pipe(
      bytes,
      'cms',
      '-verify',
      '-binary',
      '-inform',
      'DER',
      '-CAfile',
      identity.certFile,
      '-purpose',
      'any',
    );
    assert.deepEqual(out, MESSAGE);
    const view = await readSigned(bytes);
    assert.deepEqual(view.signerInfos[0]?.signatureTypes, [OID.domainSig]);
    assert.equal(view.signerInfos[0]?.signingTime?.toISOString(), '2026-11-21T04:00:00.000Z');
    assert.deepEqual(view.certificates, [identity.certificate.der]);
    assert.equal((await check(view, identity)).kind, 'valid', identity.algorithm);
  }
});

test('RFC 8551 3.5.3: openssl verifies our detached signature, with two signers', async () => {
  const parts = [
    await signer(content(MESSAGE), rsa),
    await signer(content(MESSAGE), p256),
  ] as const;
  const bytes = detachedSignedData(parts, [rsa.certificate.der, p256.certificate.der]);
  writeFileSync(file('content'), MESSAGE);
  writeFileSync(file('both.pem'), `${readFileSync(rsa.certFile)}${readFileSync(p256.certFile)}`);
  pipe(
    bytes,
    'cms',
    '-verify',
    '-binary',
    '-inform',
    'DER',
    '-content',
    file('content'),
    '-CAfile',
    file('both.pem'),
    '-purpose',
    'any',
  );
  const view = await readSigned(bytes);
  assert.equal(view.eContent, null);
  assert.equal(view.signerInfos.length, 2);
});

test('RFC 8551 2.2: what openssl signs is valid here, streamed or not, PSS and key identifier too', async () => {
  const sign = ['cms', '-sign', '-binary', '-nodetach', '-outform', 'DER'];
  for (const extra of [
    [],
    ['-stream'],
    ['-keyid'],
    ['-md', 'sha512'],
    ['-keyopt', 'rsa_padding_mode:pss'],
  ]) {
    for (const identity of extra[0] === '-keyopt' ? [rsa] : [rsa, p256, p384]) {
      const bytes = pipe(
        MESSAGE,
        ...sign,
        '-signer',
        identity.certFile,
        '-inkey',
        identity.keyFile,
        ...extra,
      );
      const view = await readSigned(bytes);
      assert.ok(view.eContent);
      assert.deepEqual(await readContent(view.eContent), MESSAGE);
      const result = await check(view, identity);
      // openssl's default for -keyopt pss masks with the digest it signs with: ours to take
      assert.equal(result.kind, 'valid', `${extra.join(' ')} ${JSON.stringify(result)}`);
      const changed = Buffer.from(MESSAGE);
      changed[9] = 0x58;
      assert.equal((await check(view, identity, content(changed))).kind, 'invalid');
    }
  }
  const bare = await readSigned(
    pipe(MESSAGE, ...sign, '-noattr', '-signer', rsa.certFile, '-inkey', rsa.keyFile),
  );
  assert.equal((await check(bare, rsa)).kind, 'invalid');
});

test('RFC 3183 3: the empty layer has no signers, and strparse gives the exact bytes', async () => {
  for (const size of [0, 100, 200, 70_000]) {
    const message = Buffer.alloc(size, 'a\r\n');
    const cms = emptySignedData(content(message));
    const bytes = await readContent(cms);
    assert.equal(bytes.length, cms.sizeBytes);
    const view = await readSigned(bytes);
    assert.equal(view.signerInfos.length, 0);
    assert.equal(view.eContentType, OID.data);
    assert.ok(view.eContent);
    assert.deepEqual(await readContent(view.eContent), message);
    if (size === 0) continue;
    writeFileSync(file('empty.der'), bytes);
    const parsed = openssl('asn1parse', '-inform', 'DER', '-in', file('empty.der')).toString();
    const at = /^ *(\d+):.*prim: OCTET STRING/m.exec(parsed)?.[1];
    assert.ok(at !== undefined, parsed);
    openssl(
      'asn1parse',
      '-inform',
      'DER',
      '-in',
      file('empty.der'),
      '-strparse',
      at,
      '-noout',
      '-out',
      file('raw'),
    );
    assert.deepEqual(readFileSync(file('raw')), message);
  }
});

test('RFC 8551 3.8: certs-only is read and written', async () => {
  const view = await readSigned(certificatesOnly([rsa.certificate.der, p256.certificate.der]));
  assert.equal(view.eContent, null);
  assert.deepEqual(new Set(view.certificates.map(String)).size, 2);
});
