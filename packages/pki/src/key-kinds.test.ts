import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { der } from '@sallyport/der';
import { type Domain, parseDomain } from '@sallyport/mail';
import { certificateOf } from '@sallyport/test/certificates';
import { type AuthorityName, issueDomainAuthority, makeRoot } from './authority.ts';
import type { UntrustedCertificate } from './certificate.ts';
import { generateKeyPairPem, type KeyKind, type KeyPairPem } from './issue.ts';
import { PKIX } from './oids.ts';
import { validatePath } from './path.ts';
import { parsePemCertificates } from './pem.ts';
import { checkPublicKey } from './public-key.ts';
import type { Purpose } from './purpose.ts';
import { makeCsr } from './request.ts';

const time = new Date('2026-06-01T00:00:00Z');
const period = { notBefore: new Date('2026-01-01T00:00:00Z'), days: 365 };
const domain = parseDomain('acme.example') as Domain;

const SIGNING: readonly KeyKind[] = [
  'rsa-2048',
  'ec-p256',
  'ec-p384',
  'ec-p521',
  'ed25519',
  'ml-dsa-65',
  'ml-dsa-87',
];
const RECEIVING: readonly KeyKind[] = [
  'rsa-2048',
  'ec-p256',
  'ec-p384',
  'ec-p521',
  'x25519',
  'ml-kem-512',
  'ml-kem-768',
  'ml-kem-1024',
];
const RECEIVES_ONLY: ReadonlySet<KeyKind> = new Set([
  'x25519',
  'ml-kem-512',
  'ml-kem-768',
  'ml-kem-1024',
]);

const pairs = new Map<KeyKind, KeyPairPem>();
function pairOf(kind: KeyKind): KeyPairPem {
  const pair = pairs.get(kind) ?? generateKeyPairPem(kind);
  pairs.set(kind, pair);
  return pair;
}

function rootOf(kind: KeyKind) {
  const privateKey = pairOf(kind).privateKeyPem;
  const request = { ...period, privateKey, commonName: `Root ${kind}`, domains: [domain] };
  return { certificate: certificateOf(makeRoot(request)), privateKey };
}

const root = rootOf('ec-p256');

function authority(name: AuthorityName, kind: KeyKind, issuer = root): UntrustedCertificate {
  const { spki } = pairOf(kind);
  return certificateOf(issueDomainAuthority({ ...period, name, domain, spki, issuer }));
}

function outcome(leaf: UntrustedCertificate, purpose: Purpose, anchor = root): string {
  const anchors = [anchor.certificate];
  const result = validatePath({ leaf, intermediates: [], anchors, time, purpose });
  return result.kind === 'valid' ? 'valid' : `${result.code}: ${result.reason}`;
}

test('a key that only signs receives nothing, and one that only receives signs nothing', () => {
  for (const kind of ['ed25519', 'ml-dsa-65', 'ml-dsa-87'] as const) {
    const leaf = authority('domain-confidentiality-authority', kind);
    assert.match(outcome(leaf, 'email-encrypt'), /^key-usage: .*encrypting mail/, kind);
  }
  for (const kind of RECEIVES_ONLY) {
    const leaf = authority('domain-signing-authority', kind);
    assert.match(outcome(leaf, 'email-sign'), /^key-usage: .*signing mail/, kind);
    assert.throws(() => rootOf(kind), /does not sign certificates/);
    const { privateKeyPem: privateKey } = pairOf(kind);
    assert.throws(() => makeCsr({ subject: { cn: kind }, privateKey }), RangeError);
  }
});

test('RFC 3183 3.1.1, 4.1: authorities of every kind of key are issued and found valid', () => {
  for (const kind of SIGNING) {
    const leaf = authority('domain-signing-authority', kind);
    assert.equal(outcome(leaf, 'email-sign'), 'valid', kind);
    assert.ok(makeCsr({ subject: { cn: kind }, privateKey: pairOf(kind).privateKeyPem }).length);
  }
  for (const kind of RECEIVING) {
    const leaf = authority('domain-confidentiality-authority', kind);
    assert.equal(outcome(leaf, 'email-encrypt'), 'valid', kind);
    // RFC 9629 section 3: a KEM certificate asserts keyEncipherment, as an RSA one does.
    const enciphers = /^(rsa|ml-kem)/.test(kind);
    const usage = [...(leaf.keyUsage ?? [])];
    assert.deepEqual(usage, [enciphers ? 'keyEncipherment' : 'keyAgreement'], kind);
  }
});

test('a CA of every signing kind vouches for others, and a changed octet is noticed', () => {
  for (const kind of SIGNING) {
    const ca = rootOf(kind);
    const leaf = authority('domain-signing-authority', 'ec-p256', ca);
    assert.equal(outcome(leaf, 'email-sign', ca), 'valid', kind);
    const changed = Buffer.from(leaf.der);
    changed[changed.length - 20] = (changed[changed.length - 20] ?? 0) ^ 1;
    assert.match(outcome(certificateOf(changed), 'email-sign', ca), /signature/, kind);
  }
});

test('RFC 8410 3, RFC 9882 2: keys with parameters, or of another length, are not accepted', () => {
  for (const kind of ['ed25519', 'x25519', 'ml-dsa-65', 'ml-kem-768'] as const) {
    const { spki } = pairOf(kind);
    const check = checkPublicKey(spki);
    assert.equal(check.kind, 'ok');
    const oids = {
      ed25519: PKIX.ed25519,
      x25519: PKIX.x25519,
      'ml-dsa-65': PKIX.mlDsa65,
      'ml-kem-768': PKIX.mlKem768,
    };
    const oid = der.oid(oids[kind]);
    const bits = spki.subarray(spki.indexOf(oid) + oid.length);
    const withNull = der.sequence(der.sequence(oid, der.null()), bits);
    assert.match(JSON.stringify(checkPublicKey(withNull)), /with parameters/);
    const octets = bits.subarray(bits.length - 20);
    const short = der.sequence(der.sequence(oid), der.bitString(octets));
    assert.match(JSON.stringify(checkPublicKey(short)), /cannot be used/);
  }
});

const vectors = join(import.meta.dirname, '../../../../shared/vectors/smime');
const skip = existsSync(vectors) ? false : 'third-party vectors are not in ../shared/vectors';

test('RFC 9936 C, RFC 9216: certificates of ML-KEM, ML-DSA, Ed25519 and X25519 of others are valid', {
  skip,
}, () => {
  const read = (path: string): UntrustedCertificate => {
    const [found] = parsePemCertificates(readFileSync(join(vectors, path), 'latin1'));
    assert.ok(found?.kind === 'certificate', JSON.stringify(found));
    return found.value;
  };
  const kem = 'cms-ml-kem-rfc9936/example';
  for (const [leafFile, anchorFile, purpose] of [
    [`${kem}/ML-KEM-512.pem`, `${kem}/mldsa65RootCA.pem`, 'email-encrypt'],
    ...(['7', '8'] as const).flatMap((chapter) => {
      const who = chapter === '7' ? 'Carlos' : 'Dana';
      const anchor = 'rfc9216/6.1.Ed25519-Certification-Authority-Root-Certificate.certificate.pem';
      const file = (part: string): string =>
        `rfc9216/${chapter}.${part}-End-Entity-Certificate.certificate.pem`;
      return [
        [file(`1.${who}-Signature-Verification`), anchor, 'email-sign'],
        [file(`3.${who}-Encryption`), anchor, 'email-encrypt'],
      ] as const;
    }),
  ] as const) {
    const leaf = read(leafFile);
    const result = validatePath({
      leaf,
      intermediates: [],
      anchors: [read(anchorFile)],
      time: new Date(leaf.notBefore.getTime() + 1000),
      purpose,
    });
    assert.equal(result.kind, 'valid', `${leafFile} ${JSON.stringify(result, ['reason', 'code'])}`);
  }
});
