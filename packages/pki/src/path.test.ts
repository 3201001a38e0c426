import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { der } from '@sallyport/der';
import { type Domain, parseDomain } from '@sallyport/mail';
import { issueDomainAuthority, issueTlsServer, makeRoot } from './authority.ts';
import { parseCertificate, type UntrustedCertificate } from './certificate.ts';
import { type CertificateRequest, issueCertificate, makeCsr } from './issue.ts';
import { PKIX } from './oids.ts';
import { type PathInput, type PathResult, ValidatedCertificate, validatePath } from './path.ts';
import { formatPem, formatPemCertificate } from './pem.ts';

const time = new Date('2026-06-01T00:00:00Z');
const notBefore = new Date('2026-01-01T00:00:00Z');
const days = 365;

function key(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

function spkiOf(privateKey: KeyObject): Buffer {
  const jwk = privateKey.export({ format: 'jwk' });
  const point = [
    Buffer.of(4),
    Buffer.from(jwk.x ?? '', 'base64url'),
    Buffer.from(jwk.y ?? '', 'base64url'),
  ];
  const algorithm = der.sequence(der.oid(PKIX.ecPublicKey), der.oid(PKIX.p256));
  return der.sequence(algorithm, der.bitString(Buffer.concat(point)));
}

function parsed(bytes: Buffer): UntrustedCertificate {
  const result = parseCertificate(bytes);
  assert.ok(result.kind === 'certificate', JSON.stringify(result));
  return result.value;
}

interface Entity {
  certificate: UntrustedCertificate;
  privateKey: KeyObject;
}

type Fields = Partial<Omit<CertificateRequest, 'issuer' | 'spki' | 'privateKey'>>;

function make(cn: string, issuer: Entity | null, fields: Fields = {}, own = key()): Entity {
  const common = { subject: { cn }, notBefore, days, ...fields };
  const bytes =
    issuer === null
      ? issueCertificate({ ...common, privateKey: own })
      : issueCertificate({ ...common, spki: spkiOf(own), issuer });
  return { certificate: parsed(bytes), privateKey: own };
}

const CA: Fields = { ca: { pathLength: null }, keyUsage: ['keyCertSign', 'cRLSign'] };
const SIGNER: Fields = {
  emails: ['a@bravo.example'],
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: [PKIX.emailProtection],
};
const root = make('Root', null, CA);
const inter = make('Intermediate', root, CA);
const leaf = make('Leaf', inter, SIGNER);

function validate(input: Partial<PathInput> = {}): PathResult {
  return validatePath({
    leaf: leaf.certificate,
    intermediates: [inter.certificate],
    anchors: [root.certificate],
    time,
    purpose: 'email-sign',
    ...input,
  });
}

function codeOf(result: PathResult): string {
  return result.kind === 'valid' ? 'valid' : result.code;
}

test('RFC 5280 6.1: a path from leaf to anchor is found, whatever the order of the certificates', () => {
  const other = make('Other', root, CA).certificate;
  const result = validate({
    intermediates: [other, inter.certificate, leaf.certificate, root.certificate],
  });
  assert.ok(result.kind === 'valid', JSON.stringify(result));
  const names = result.certificate.path.map((item) => item.commonNames[0]);
  assert.deepEqual(names, ['Leaf', 'Intermediate', 'Root']);
  assert.equal(result.certificate.certificate, leaf.certificate);
  assert.deepEqual(result.certificate.validatedAt, time);
});

test('a ValidatedCertificate cannot be made by imitation', () => {
  const result = validate();
  assert.ok(result.kind === 'valid');
  assert.ok(ValidatedCertificate.isValidated(result.certificate));
  const fake = Object.create(ValidatedCertificate.prototype) as ValidatedCertificate;
  assert.equal(Boolean(ValidatedCertificate.isValidated(fake)), false);
  assert.throws(() => fake.certificate);
});

test('RFC 5280 6.1: without the intermediate or the anchor there is no path, and the reason names the issuer', () => {
  const result = validate({ intermediates: [] });
  assert.ok(result.kind === 'invalid');
  assert.equal(result.code, 'no-path');
  assert.equal(result.fault, 'signer-not-trusted');
  assert.match(result.reason, /no issuer of certificate CN=Leaf is known: CN=Intermediate/);
  assert.equal(codeOf(validate({ anchors: [] })), 'no-path');
  const stranger = make('Root', null, CA).certificate;
  assert.equal(codeOf(validate({ anchors: [stranger] })), 'bad-signature');
});

test('RFC 5280 4.1.2.5: the period of every certificate counts, both ends included', () => {
  const at = (text: string) => codeOf(validate({ time: new Date(text) }));
  assert.equal(at('2025-12-31T23:59:59Z'), 'not-yet-valid');
  assert.equal(at('2026-01-01T00:00:00Z'), 'valid');
  assert.equal(at('2027-01-01T00:00:00.999Z'), 'valid');
  assert.equal(at('2027-01-01T00:00:01Z'), 'expired');
  const short = make('Short', root, { ...CA, days: 10 });
  const below = make('Leaf', short, SIGNER).certificate;
  const result = validate({ leaf: below, intermediates: [short.certificate] });
  assert.equal(codeOf(result), 'expired');
});

test('an expired certificate to encrypt for has a fault of its own', () => {
  const result = validate({ purpose: 'email-encrypt', time: new Date('2030-01-01') });
  assert.ok(result.kind === 'invalid');
  assert.equal(result.fault, 'recipient-certificate-expired');
});

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

test('RFC 5280 4.2.1.10: mail and host names outside the permitted subtrees are refused', () => {
  const nameConstraints = {
    permitted: { emails: ['bravo.example', '.bravo.example'], dnsNames: ['bravo.example'] },
    excluded: { dnsNames: ['secret.bravo.example'] },
  };
  const bound = make('Bound', root, { ...CA, nameConstraints });
  const check = (fields: Fields) => {
    const certificate = make('X', bound, fields).certificate;
    const intermediates = [bound.certificate];
    return codeOf(validate({ leaf: certificate, intermediates, purpose: 'any' }));
  };
  assert.equal(check({ emails: ['a@bravo.example', 'a@mx.bravo.example'] }), 'valid');
  assert.equal(check({ emails: ['a@bravo.example', 'a@alpha.example'] }), 'name-constraints');
  assert.equal(check({ emails: ['a@notbravo.example'] }), 'name-constraints');
  assert.equal(check({ emails: ['dömän@alpha.example'] }), 'name-constraints');
  assert.equal(check({ dnsNames: ['mx.bravo.example'] }), 'valid');
  assert.equal(check({ dnsNames: ['mx.secret.bravo.example'] }), 'name-constraints');
  assert.equal(
    check({ dnsNames: ['*.bravo.example'] }),
    'name-constraints',
    'may be the secret one',
  );
  assert.equal(check({ dnsNames: ['notbravo.example'] }), 'name-constraints');
});

test('an excluded mailbox is excluded in every case of its letters; a permitted one only as written', () => {
  const check = (nameConstraints: CertificateRequest['nameConstraints'], email: string) => {
    const bound = make('Bound', root, { ...CA, ...(nameConstraints && { nameConstraints }) });
    const certificate = make('X', bound, { emails: [email] }).certificate;
    return codeOf(validate({ leaf: certificate, intermediates: [bound.certificate] }));
  };
  const excluded = { excluded: { emails: ['boss@bravo.example'] } };
  assert.equal(check(excluded, 'BOSS@bravo.example'), 'name-constraints');
  assert.equal(check(excluded, 'clerk@bravo.example'), 'valid');
  const permitted = { permitted: { emails: ['boss@bravo.example'] } };
  assert.equal(check(permitted, 'BOSS@bravo.example'), 'name-constraints');
  assert.equal(check(permitted, 'boss@bravo.example'), 'valid');
});

test('CA loops and crowds of look-alike CAs end in a refusal, within the step budget', () => {
  const loopKeys = [key(), key()];
  const a = make('A', make('B', null, CA, loopKeys[1]), CA, loopKeys[0]);
  const b = make('B', a, CA, loopKeys[1]);
  const below = make('Leaf', a, SIGNER).certificate;
  assert.equal(
    codeOf(validate({ leaf: below, intermediates: [a.certificate, b.certificate] })),
    'no-path',
  );

  const crowd: UntrustedCertificate[] = [];
  const shared = key();
  let issuer = make('Crowd', null, CA, shared);
  for (let index = 0; index < 60; index += 1) {
    issuer = make('Crowd', issuer, CA, index % 2 === 0 ? key() : shared);
    crowd.push(issuer.certificate);
  }
  const victim = make('Victim', issuer, SIGNER).certificate;
  const result = validate({ leaf: victim, intermediates: crowd, limits: { maxSteps: 50 } });
  assert.ok(
    ['budget', 'no-path', 'path-length', 'bad-signature'].includes(codeOf(result)),
    codeOf(result),
  );
  const many = Array<UntrustedCertificate>(300).fill(inter.certificate);
  assert.equal(codeOf(validate({ intermediates: many })), 'budget');
});

test('the step budget is what ends a search through many signed branches', () => {
  const shared = key();
  const branches: UntrustedCertificate[] = [];
  for (let index = 0; index < 40; index += 1) {
    branches.push(
      make('Twin', make('Nobody', null, CA), { ...CA, days: 100 + index + 200 }, shared)
        .certificate,
    );
  }
  const twin = { certificate: branches[0] ?? inter.certificate, privateKey: shared };
  const victim = make('Victim', twin, SIGNER).certificate;
  const result = validate({ leaf: victim, intermediates: branches, limits: { maxSteps: 10 } });
  assert.equal(codeOf(result), 'budget');
});

test('a pinned end entity is its own path, but its period and purpose still count', () => {
  const self = make('Self', null, SIGNER).certificate;
  assert.equal(codeOf(validate({ leaf: self, intermediates: [], anchors: [] })), 'no-path');
  const pinned = validate({ leaf: self, intermediates: [], anchors: [self] });
  assert.ok(pinned.kind === 'valid');
  assert.deepEqual(pinned.certificate.path, [self]);
  const late = { leaf: self, anchors: [self], time: new Date('2030-01-01') };
  assert.equal(codeOf(validate(late)), 'expired');
  assert.equal(
    codeOf(validate({ leaf: self, anchors: [self], purpose: 'tls-server' })),
    'extended-key-usage',
  );
  assert.equal(
    codeOf(validate({ leaf: leaf.certificate, intermediates: [], anchors: [leaf.certificate] })),
    'valid',
  );
  const below = make('Below', { certificate: self, privateKey: key() }, SIGNER).certificate;
  assert.equal(
    codeOf(validate({ leaf: below, anchors: [self] })),
    'not-a-ca',
    'a pin issues nothing',
  );
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
function raw(options: { spki?: Buffer; extensions?: Buffer[]; issuer?: Entity; pss?: boolean }) {
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
    options.spki ?? spkiOf(key()),
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
  return parsed(der.sequence(tbs, algorithm, der.bitString(signature)));
}

function withExtension(from: Entity, extension: Buffer): UntrustedCertificate {
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
  const offCurve = spkiOf(key());
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
  const issuer = { certificate: parsed(bytes), privateKey: rsa.privateKey };
  const good = raw({ issuer });
  const intermediates = [issuer.certificate];
  assert.equal(codeOf(validate({ leaf: good, intermediates })), 'valid');
  const changed = Buffer.from(good.der);
  const at = changed.indexOf(good.spki) + 40;
  changed[at] = (changed[at] ?? 0) ^ 1;
  assert.notEqual(
    codeOf(validate({ leaf: parsed(changed), intermediates, purpose: 'any' })),
    'valid',
  );
});

test('Ed25519 signs certificates (RFC 8410)', () => {
  const own = generateKeyPairSync('ed25519').privateKey;
  const ca = issueCertificate({ subject: { cn: 'Ed' }, notBefore, days, ...CA, privateKey: own });
  const issuer = { certificate: parsed(ca), privateKey: own };
  const below = make('Leaf', issuer, SIGNER).certificate;
  assert.equal(
    codeOf(validate({ leaf: below, intermediates: [], anchors: [issuer.certificate] })),
    'valid',
  );
});

function domain(text: string): Domain {
  const value = parseDomain(text);
  assert.ok(value !== null);
  return value;
}

test('RFC 3183 3.1.1, 4.1: openssl accepts root, authorities, TLS certificate and request as issued', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pki-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const rsa = (bits: number) => generateKeyPairSync('rsa', { modulusLength: bits });
  const rootKey = rsa(2048).privateKey;
  const dcaKey = rsa(2048);
  const dsaKey = key();
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const rootCertificate = parsed(
    makeRoot({
      privateKey: rootKey,
      commonName: 'Bravo root',
      organization: { c: 'DE', o: 'Bravo' },
      domains: [domain('bravo.example')],
      ipRanges: ['127.0.0.0/8'],
      notBefore,
      days,
    }),
  );
  const issuer = { certificate: rootCertificate, privateKey: rootKey };
  const common = {
    issuer,
    notBefore,
    days,
    domain: domain('bravo.example'),
    organization: { c: 'DE', o: 'Bravo' },
  };
  const dsa = issueDomainAuthority({
    ...common,
    name: 'domain-signing-authority',
    spki: spkiOf(dsaKey),
  });
  const dcaSpki = dcaKey.publicKey.export({ format: 'der', type: 'spki' });
  const dca = issueDomainAuthority({
    ...common,
    name: 'domain-confidentiality-authority',
    spki: dcaSpki,
  });
  const tls = issueTlsServer({
    issuer,
    notBefore,
    days,
    commonName: 'mx.bravo.example',
    dnsNames: ['mx.bravo.example', 'bücher.bravo.example'],
    ips: ['127.0.0.1'],
    spki: spkiOf(key()),
  });
  const rootFile = write('root.pem', formatPemCertificate(rootCertificate.der));
  const verify = (bytes: Buffer, purpose: string) =>
    execFileSync(
      'openssl',
      [
        'verify',
        '-x509_strict',
        '-attime',
        String(time.getTime() / 1000),
        '-purpose',
        purpose,
        '-CAfile',
        rootFile,
        write('leaf.pem', formatPemCertificate(bytes)),
      ],
      { encoding: 'utf8', stdio: 'pipe' },
    );
  assert.match(verify(dsa, 'smimesign'), /OK/);
  assert.match(verify(dca, 'smimeencrypt'), /OK/);
  assert.match(verify(tls, 'sslserver'), /OK/);
  assert.throws(() => verify(dsa, 'sslserver'));
  const outside = issueDomainAuthority({
    ...common,
    name: 'domain-signing-authority',
    domain: domain('alpha.example'),
    spki: spkiOf(dsaKey),
  });
  assert.throws(() => verify(outside, 'smimesign'), /permitted subtree/);

  const anchors = [rootCertificate];
  const own = (bytes: Buffer, purpose: PathInput['purpose']) =>
    codeOf(validatePath({ leaf: parsed(bytes), intermediates: [], anchors, time, purpose }));
  assert.equal(own(dsa, 'email-sign'), 'valid');
  assert.equal(own(dsa, 'email-encrypt'), 'key-usage');
  assert.equal(own(dca, 'email-encrypt'), 'valid');
  assert.equal(own(dca, 'email-sign'), 'key-usage');
  assert.equal(own(tls, 'tls-server'), 'valid');
  assert.equal(own(outside, 'email-sign'), 'name-constraints');
  assert.deepEqual(parsed(dsa).rfc822Names, ['domain-signing-authority@bravo.example']);
  assert.deepEqual(parsed(dsa).commonNames, ['domain-signing-authority']);
  assert.deepEqual(parsed(tls).dnsNames, ['mx.bravo.example', 'xn--bcher-kva.bravo.example']);
  assert.deepEqual(parsed(tls).ipAddresses, ['127.0.0.1']);

  const csr = makeCsr({
    subject: { o: 'Bravo', cn: 'domain-signing-authority' },
    privateKey: dsaKey,
    emails: ['domain-signing-authority@bravo.example'],
  });
  const csrFile = write('csr.pem', formatPem('CERTIFICATE REQUEST', csr));
  const text = execFileSync('openssl', ['req', '-in', csrFile, '-noout', '-text', '-verify'], {
    encoding: 'utf8',
    stdio: 'pipe',
  });
  assert.match(text, /email:domain-signing-authority@bravo\.example/);
});

test('openssl x509 reads the same names, period and serial as parseCertificate', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pki-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'x.pem');
  writeFileSync(file, formatPemCertificate(leaf.certificate.der));
  const text = execFileSync(
    'openssl',
    [
      'x509',
      '-in',
      file,
      '-noout',
      '-serial',
      '-fingerprint',
      '-sha256',
      '-subject',
      '-nameopt',
      'RFC2253',
    ],
    { encoding: 'utf8' },
  );
  assert.match(text, new RegExp(`serial=${leaf.certificate.serial.toString('hex')}`, 'i'));
  assert.ok(text.replace(/:/g, '').toLowerCase().includes(leaf.certificate.fingerprint));
  assert.match(text, /CN=Leaf/);
});
