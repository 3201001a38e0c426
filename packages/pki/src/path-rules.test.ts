import assert from 'node:assert/strict';
import { constants, generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { der } from '@sallyport/der';
import { certificateOf } from '@sallyport/test/certificates';
import type { UntrustedCertificate } from './certificate.ts';
import { issueCertificate } from './issue.ts';
import { PKIX } from './oids.ts';
import { newKey, type Party } from './test-authority.ts';
import {
  CA,
  codeOf,
  days,
  inter,
  leaf,
  make,
  notBefore,
  root,
  SIGNER,
  spkiOf,
  validate,
} from './test-path.ts';

test('RFC 8550 4.4.2, 4.4.4: key usage and extended key usage must permit the purpose', () => {
  assert.equal(codeOf(validate({ purpose: 'email-encrypt' })), 'key-usage');
  assert.equal(codeOf(validate({ purpose: 'tls-server' })), 'extended-key-usage');
  const bare = make('Bare', inter).certificate;
  for (const purpose of [
    'email-sign',
    'email-encrypt',
    'tls-server',
    'tls-client',
    'any',
  ] as const) {
    assert.equal(codeOf(validate({ leaf: bare, purpose })), 'valid', purpose);
  }
  const tlsOnly = make('TLS CA', root, { ...CA, extendedKeyUsage: [PKIX.serverAuth] });
  const below = make('Leaf', tlsOnly, SIGNER).certificate;
  const result = validate({ leaf: below, intermediates: [tlsOnly.certificate] });
  assert.equal(codeOf(result), 'extended-key-usage');
});

test('RFC 5280 6.1.4: an end entity is no issuer, nor a CA that may not sign certificates', () => {
  const below = make('Below', leaf, SIGNER).certificate;
  const chain = [leaf.certificate, inter.certificate];
  assert.equal(codeOf(validate({ leaf: below, intermediates: chain })), 'not-a-ca');
  const mute = make('Mute', root, { ca: { pathLength: null }, keyUsage: ['cRLSign'] });
  const other = make('Leaf', mute, SIGNER).certificate;
  assert.equal(codeOf(validate({ leaf: other, intermediates: [mute.certificate] })), 'key-usage');
});

test('RFC 5280 4.2.1.9: path length counts CAs that are not self-issued', () => {
  const tight = make('Tight', root, { ...CA, ca: { pathLength: 0 } });
  const direct = make('Direct', tight, SIGNER).certificate;
  assert.equal(codeOf(validate({ leaf: direct, intermediates: [tight.certificate] })), 'valid');
  const sub = make('Sub', tight, CA);
  const deep = make('Deep', sub, SIGNER).certificate;
  const intermediates = [sub.certificate, tight.certificate];
  assert.equal(codeOf(validate({ leaf: deep, intermediates })), 'path-length');
  const limits = { maxIntermediates: 0 };
  assert.equal(codeOf(validate({ limits })), 'path-length');
});

test('RFC 5280 4.2: an unknown critical extension is refused', () => {
  // nsComment, marked critical: patch the OID of the key identifier extension and its flag.
  const odd = withExtension(
    leaf,
    der.sequence(der.oid('1.2.3.4'), der.boolean(true), der.octetString(der.null())),
  );
  assert.equal(codeOf(validate({ leaf: odd })), 'critical-extension');
  const plain = withExtension(leaf, der.sequence(der.oid('1.2.3.4'), der.octetString(der.null())));
  assert.equal(codeOf(validate({ leaf: plain })), 'valid');
});

/** A certificate with the fields given, signed by the intermediate. */
function raw(options: { spki?: Buffer; extensions?: Buffer[]; issuer?: Party; pss?: boolean }) {
  const issuer = options.issuer ?? inter;
  const isRsa = issuer.privateKey.asymmetricKeyType === 'rsa';
  const hash = der.sequence(der.oid(PKIX.sha256));
  const pss = der.sequence(
    der.oid(PKIX.rsassaPss),
    der.sequence(
      der.explicit(0, hash),
      der.explicit(1, der.sequence(der.oid(PKIX.mgf1), hash)),
      der.explicit(2, der.integer(32)),
    ),
  );
  const algorithm = isRsa ? pss : der.sequence(der.oid(PKIX.ecdsaWithSha256));
  const tbs = der.sequence(
    der.explicit(0, der.integer(2)),
    der.integer(77),
    algorithm,
    issuer.certificate.subject,
    der.sequence(der.time(notBefore), der.time(new Date('2027-01-01T00:00:00Z'))),
    der.sequence(),
    options.spki ?? spkiOf(newKey()),
    ...(options.extensions === undefined
      ? []
      : [der.explicit(3, der.sequence(...options.extensions))]),
  );
  const signature = isRsa
    ? sign('sha256', tbs, {
        key: issuer.privateKey,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: 32,
      })
    : sign('sha256', tbs, issuer.privateKey);
  return certificateOf(der.sequence(tbs, algorithm, der.bitString(signature)));
}

function withExtension(from: Party, extension: Buffer): UntrustedCertificate {
  return raw({ spki: from.certificate.spki, extensions: [extension] });
}

function rsaSpki(modulus: Buffer, exponent: bigint): Buffer {
  const algorithm = der.sequence(der.oid(PKIX.rsaEncryption), der.null());
  return der.sequence(
    algorithm,
    der.bitString(der.sequence(der.integer(modulus), der.integer(exponent))),
  );
}

test('RFC 8550 4.3: weak and absurd keys are refused with a reason', () => {
  const modulus = (bytes: number) =>
    Buffer.concat([Buffer.of(0xc1), Buffer.alloc(bytes - 2, 0x55), Buffer.of(1)]);
  const reason = (spki: Buffer) => {
    const result = validate({ leaf: raw({ spki }), purpose: 'any' });
    return result.kind === 'valid' ? 'valid' : `${result.code} ${result.reason}`;
  };
  assert.equal(reason(rsaSpki(modulus(256), 65_537n)), 'valid');
  assert.match(reason(rsaSpki(modulus(128), 65_537n)), /weak-key .*RSA key of 1024 bits/);
  assert.match(reason(rsaSpki(modulus(2048), 65_537n)), /weak-key .*RSA key of 16384 bits/);
  assert.match(reason(rsaSpki(modulus(256), 1n)), /weak-key .*exponent/);
  assert.match(reason(rsaSpki(modulus(256), 3n)), /weak-key .*exponent/);
  assert.match(reason(rsaSpki(modulus(256), 65_538n)), /weak-key .*exponent/);
  const offCurve = spkiOf(newKey());
  offCurve[offCurve.length - 1] = (offCurve.at(-1) ?? 0) ^ 1;
  assert.match(reason(offCurve), /weak-key/);
});

test('RFC 4055 3.1: RSASSA-PSS signatures are verified, and a changed byte is noticed', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const spki = rsa.publicKey.export({ format: 'der', type: 'spki' });
  const bytes = issueCertificate({
    subject: { cn: 'PSS CA' },
    notBefore,
    days,
    ...CA,
    spki,
    issuer: root,
  });
  const issuer = { certificate: certificateOf(bytes), privateKey: rsa.privateKey };
  const good = raw({ issuer });
  const intermediates = [issuer.certificate];
  assert.equal(codeOf(validate({ leaf: good, intermediates })), 'valid');
  const changed = Buffer.from(good.der);
  const at = changed.indexOf(good.spki) + 40;
  changed[at] = (changed[at] ?? 0) ^ 1;
  assert.notEqual(
    codeOf(validate({ leaf: certificateOf(changed), intermediates, purpose: 'any' })),
    'valid',
  );
});

test('Ed25519 signs certificates (RFC 8410)', () => {
  const own = generateKeyPairSync('ed25519').privateKey;
  const ca = issueCertificate({ subject: { cn: 'Ed' }, notBefore, days, ...CA, privateKey: own });
  const issuer = { certificate: certificateOf(ca), privateKey: own };
  const below = make('Leaf', issuer, SIGNER).certificate;
  assert.equal(
    codeOf(validate({ leaf: below, intermediates: [], anchors: [issuer.certificate] })),
    'valid',
  );
});
