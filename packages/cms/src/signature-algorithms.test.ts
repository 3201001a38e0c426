import assert from 'node:assert/strict';
import { constants, generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { der, OID } from '@sallyport/der';
import { readContent } from '@sallyport/mail';
import {
  checkSignerInfo,
  chooseSignature,
  digestContent,
  digestOf,
  readCms,
  type SignatureAlgorithmName,
  type SignerCheck,
  type SignerInfoView,
  signedData,
} from './index.ts';
import {
  attribute,
  bareIdentity,
  content,
  type Identity,
  LIMITS,
  MESSAGE,
  makeIdentity,
  p256,
  p384,
  p521,
  rsa,
  signedAttributes,
  signer,
  signWithOpenssl,
} from './test-fixtures.ts';

const ed25519 = bareIdentity('ed', generateKeyPairSync('ed25519'), 'ed25519');
const mlDsa65 = bareIdentity('65', generateKeyPairSync('ml-dsa-65'), 'ml-dsa-65');
const mlDsa87 = bareIdentity('87', generateKeyPairSync('ml-dsa-87'), 'ml-dsa-87');

const withAlgorithm = (identity: Identity, algorithm: SignatureAlgorithmName): Identity => ({
  ...identity,
  algorithm,
});

const SIGNERS: readonly Identity[] = [
  ...(['sha256', 'sha384', 'sha512'] as const).flatMap((digest) => [
    withAlgorithm(rsa, `rsa-${digest}`),
    withAlgorithm(rsa, `rsa-pss-${digest}`),
    withAlgorithm(p256, `ecdsa-${digest}`),
    withAlgorithm(p384, `ecdsa-${digest}`),
    withAlgorithm(p521, `ecdsa-${digest}`),
  ]),
  ed25519,
  mlDsa65,
  mlDsa87,
];

async function viewOf(bytes: Buffer): Promise<SignerInfoView> {
  const read = await readCms(content(bytes), LIMITS);
  assert.ok(read.kind === 'signed');
  const [info] = read.value.signerInfos;
  assert.ok(info);
  return info;
}

async function check(
  view: SignerInfoView,
  identity: Identity,
  legacy = false,
): Promise<SignerCheck> {
  return await checkSignerInfo(view, identity.certificate, {
    digest: (name) => digestContent(content(MESSAGE), name),
    contentType: OID.data,
    content: content(MESSAGE),
    legacy,
  });
}

async function signedView(
  identity: Identity,
  options: Parameters<typeof signer>[2] = {},
): Promise<SignerInfoView> {
  const parts = await signer(content(MESSAGE), identity, options);
  return await viewOf(await readContent(signedData(content(MESSAGE), [parts], [])));
}

const reason = (result: SignerCheck): string => ('reason' in result ? result.reason : result.kind);

test('RFC 5652 5.6: a changed octet of signature or attributes is noticed, for every algorithm', async () => {
  for (const identity of SIGNERS) {
    const view = await signedView(identity);
    assert.ok(view.signedAttrs);
    const signature = Buffer.from(view.signature);
    const at = Math.floor(signature.length / 2);
    signature[at] = (signature[at] ?? 0) ^ 1;
    assert.match(reason(await check({ ...view, signature }, identity)), /not made by the key/);
    const signedAttrs = Buffer.from(view.signedAttrs);
    signedAttrs[signedAttrs.length - 1] = (signedAttrs.at(-1) ?? 0) ^ 1;
    assert.match(reason(await check({ ...view, signedAttrs }, identity)), /not made by the key/);
    for (const cut of [Buffer.alloc(0), view.signature.subarray(1), Buffer.alloc(6_000)]) {
      assert.equal((await check({ ...view, signature: cut }, identity)).kind, 'invalid');
    }
  }
});

test('every signature algorithm is written and read, by issuer and by key identifier', async () => {
  for (const identity of SIGNERS) {
    for (const identifier of ['issuerAndSerial', 'subjectKeyId'] as const) {
      const parts = await signer(content(MESSAGE), identity);
      const named = { ...parts, identifier };
      const view = await viewOf(
        await readContent(signedData(content(MESSAGE), [named], [identity.certificate.der])),
      );
      assert.equal(view.sid.kind, identifier);
      assert.equal(view.digestAlgorithm, digestOf(identity.algorithm));
      assert.deepEqual(await check(view, identity), { kind: 'valid' }, identity.algorithm);
    }
  }
});

test('RFC 8419 3.1, RFC 9882 3.3: Ed25519 and ML-DSA go with the digests that fit them, and no others', async () => {
  for (const [identity, good, bad] of [
    [ed25519, ['sha512'], ['sha256', 'sha384']],
    [mlDsa65, ['sha384', 'sha512'], ['sha256']],
    [mlDsa87, ['sha512'], ['sha256', 'sha384']],
  ] as const) {
    for (const digest of [...good, ...bad]) {
      const signedAttrs = await signedAttributes(content(MESSAGE), digest);
      const signature = sign(null, signedAttrs, identity.key);
      const { algorithm: signatureAlgorithm, certificate: sid } = identity;
      const parts = { sid, digestAlgorithm: digest, signatureAlgorithm, signedAttrs, signature };
      const view = await viewOf(await readContent(signedData(content(MESSAGE), [parts], [])));
      const expected = good.some((one) => one === digest) ? 'valid' : 'invalid';
      assert.equal((await check(view, identity)).kind, expected, `${identity.algorithm} ${digest}`);
    }
  }
});

test('a key of one kind never vouches for a signature of another', async () => {
  for (const identity of [rsa, p256, ed25519, mlDsa65, mlDsa87]) {
    const view = await signedView(identity);
    for (const other of [rsa, p256, p384, ed25519, mlDsa65, mlDsa87]) {
      if (other === identity) continue;
      const sameName = { ...identity.certificate, spki: other.certificate.spki };
      const result = await check(view, { ...identity, certificate: sameName });
      assert.equal(result.kind, 'invalid', `${identity.algorithm} by ${other.algorithm}`);
    }
  }
  for (const kind of ['x25519', 'ml-kem-768'] as const) {
    const keys = kind === 'x25519' ? generateKeyPairSync(kind) : generateKeyPairSync(kind);
    const receiving = bareIdentity(kind, keys);
    const view = await signedView(ed25519);
    const certificate = { ...ed25519.certificate, spki: receiving.certificate.spki };
    assert.match(reason(await check(view, { ...ed25519, certificate })), /do not fit/);
  }
});

const HASH = (oid: string): Buffer => der.sequence(der.oid(oid), der.null());

/** RSASSA-PSS-params (RFC 4055 section 3.1) with what a test wants to be odd. */
function pssParameters(facts: {
  readonly hash?: string;
  readonly mask?: string;
  readonly salt?: number;
  readonly trailer?: number;
}): Buffer {
  const fields: Buffer[] = [];
  if (facts.hash !== undefined) fields.push(der.explicit(0, HASH(facts.hash)));
  if (facts.mask !== undefined) {
    fields.push(der.explicit(1, der.sequence(der.oid(OID.mgf1), HASH(facts.mask))));
  }
  if (facts.salt !== undefined) fields.push(der.explicit(2, der.integer(facts.salt)));
  if (facts.trailer !== undefined) fields.push(der.explicit(3, der.integer(facts.trailer)));
  return der.sequence(...fields);
}

test('RFC 4055 3.1: RSASSA-PSS with another salt, mask or trailer than it says is refused', async () => {
  const view = await signedView(withAlgorithm(rsa, 'rsa-pss-sha256'));
  const { sha256, sha512, sha1 } = OID;
  const good = { hash: sha256, mask: sha256, salt: 32 };
  for (const [facts, wanted] of [
    [{ ...good, trailer: 1 }, 'valid'],
    [{ ...good, trailer: 2 }, 'unverifiable'],
    [{ ...good, salt: 31 }, 'invalid'],
    [{ ...good, salt: 0 }, 'invalid'],
    [{ ...good, salt: 100_000 }, 'unverifiable'],
    [{ ...good, mask: sha512 }, 'unverifiable'],
    [{ ...good, hash: sha512 }, 'unverifiable'],
    [{ ...good, mask: sha1 }, 'unverifiable'],
    [{ hash: sha256, mask: sha256 }, 'invalid'],
    [{ salt: 32 }, 'unverifiable'],
    [{}, 'unverifiable'],
  ] as const) {
    const signatureParameters = pssParameters(facts);
    const result = await check({ ...view, signatureParameters }, rsa);
    assert.equal(result.kind, wanted, JSON.stringify(facts));
  }
  for (const signatureParameters of [
    null,
    Buffer.from('0500', 'hex'),
    Buffer.from('3003', 'hex'),
  ]) {
    assert.equal((await check({ ...view, signatureParameters }, rsa)).kind, 'unverifiable');
  }
  // A salt of another length, said so, is as good.
  assert.ok(view.signedAttrs);
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  const signature = sign('sha256', view.signedAttrs, { key: rsa.key, padding, saltLength: 20 });
  const signatureParameters = pssParameters({ ...good, salt: 20 });
  assert.deepEqual(await check({ ...view, signature, signatureParameters }, rsa), {
    kind: 'valid',
  });
});

test('RFC 8551 6: SHA-1 is worked out only if asked for, and the result names it', async () => {
  const forms = [
    [rsa, []],
    [p256, []],
    [rsa, ['-keyopt', 'rsa_padding_mode:pss']],
  ] as const;
  for (const [identity, extra] of forms) {
    const bytes = signWithOpenssl('sha1', identity, ...extra);
    const view = await viewOf(bytes);
    const refused = await check(view, identity);
    assert.deepEqual(
      [refused.kind, 'fault' in refused && refused.fault],
      ['unverifiable', 'algorithm-unsupported'],
    );
    assert.deepEqual(await check(view, identity, true), { kind: 'valid', legacy: ['sha1'] });
    const signature = Buffer.from(view.signature);
    signature[30] = (signature[30] ?? 0) ^ 1;
    assert.equal((await check({ ...view, signature }, identity, true)).kind, 'invalid');
  }
  // Asked for or not, a sound signature names nothing, and MD5 is never worked out.
  assert.deepEqual(await check(await signedView(rsa), rsa, true), { kind: 'valid' });
  const md5 = { ...(await signedView(rsa)), digestAlgorithm: null, digestOid: OID.md5 };
  assert.match(reason(await check(md5, rsa, true)), /MD5/);
});

test('RFC 6211: a signer that says he used other algorithms is believed', async () => {
  const protection = (digestOid: string, signature: Buffer): Buffer =>
    attribute(
      OID.cmsAlgorithmProtection,
      der.sequence(der.sequence(der.oid(digestOid)), der.implicit(1, signature)),
    );
  const rsaWithNull = der.sequence(der.oid(OID.rsaEncryption), der.null());
  const rsaBare = der.sequence(der.oid(OID.rsaEncryption));
  for (const [value, kind] of [
    [protection(OID.sha256, rsaWithNull), 'valid'],
    [protection(OID.sha256, rsaBare), 'valid'],
    [protection(OID.sha512, rsaWithNull), 'invalid'],
    [protection(OID.sha256, der.sequence(der.oid(OID.rsassaPss))), 'invalid'],
    [protection(OID.sha256, der.sequence(der.oid(OID.rsaEncryption), der.integer(1))), 'invalid'],
    [attribute(OID.cmsAlgorithmProtection, der.sequence()), 'invalid'],
    [attribute(OID.cmsAlgorithmProtection, der.null()), 'invalid'],
  ] as const) {
    assert.equal((await check(await signedView(rsa, { extra: [value] }), rsa)).kind, kind);
  }
});

test('the algorithm follows from the key, and a wish that it cannot grant is refused', () => {
  const chosen = (identity: Identity, wish = {}): string => {
    const choice = chooseSignature(identity.certificate.spki, wish);
    return choice.kind === 'chosen'
      ? `${choice.signatureAlgorithm} ${choice.digestAlgorithm}`
      : choice.fault;
  };
  assert.equal(chosen(rsa), 'rsa-sha256 sha256');
  assert.equal(chosen(rsa, { rsaPadding: 'pss', digest: 'sha384' }), 'rsa-pss-sha384 sha384');
  assert.equal(chosen(p256), 'ecdsa-sha256 sha256');
  assert.equal(chosen(p384), 'ecdsa-sha384 sha384');
  assert.equal(chosen(p521), 'ecdsa-sha512 sha512');
  assert.equal(chosen(p521, { digest: 'sha256' }), 'ecdsa-sha256 sha256');
  assert.equal(chosen(ed25519), 'ed25519 sha512');
  assert.equal(chosen(mlDsa65, { digest: 'sha384' }), 'ml-dsa-65 sha384');
  assert.equal(chosen(mlDsa87), 'ml-dsa-87 sha512');
  assert.equal(chosen(ed25519, { digest: 'sha256' }), 'algorithm-unsupported');
  assert.equal(chosen(mlDsa87, { digest: 'sha384' }), 'algorithm-unsupported');
  assert.equal(chosen(p256, { rsaPadding: 'pss' }), 'algorithm-unsupported');
  const receiving = bareIdentity('x', generateKeyPairSync('x25519'));
  assert.equal(chosen(receiving), 'algorithm-unsupported');
  const weak = makeIdentity('weak-signer', 'rsa-sha256', ['-newkey', 'rsa:1024']);
  assert.equal(chosen(weak), 'key-too-short');
});
