import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { domain } from '@sallyport/test/addresses';
import { certificateOf } from '@sallyport/test/certificates';
import { issueDomainAuthority, issueTlsServer, makeRoot } from './authority.ts';
import { type PathInput, validatePath } from './path.ts';
import { formatPem, formatPemCertificate } from './pem.ts';
import { makeCsr } from './request.ts';
import { newKey } from './test-authority.ts';
import { codeOf, days, leaf, notBefore, spkiOf, time } from './test-path.ts';

test('RFC 3183 3.1.1, 4.1: openssl accepts root, authorities, TLS certificate and request as issued', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pki-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const rsa = (bits: number) => generateKeyPairSync('rsa', { modulusLength: bits });
  const rootKey = rsa(2048).privateKey;
  const dcaKey = rsa(2048);
  const dsaKey = newKey();
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const rootCertificate = certificateOf(
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
    spki: spkiOf(newKey()),
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
    codeOf(validatePath({ leaf: certificateOf(bytes), intermediates: [], anchors, time, purpose }));
  assert.equal(own(dsa, 'email-sign'), 'valid');
  assert.equal(own(dsa, 'email-encrypt'), 'key-usage');
  assert.equal(own(dca, 'email-encrypt'), 'valid');
  assert.equal(own(dca, 'email-sign'), 'key-usage');
  assert.equal(own(tls, 'tls-server'), 'valid');
  assert.equal(own(outside, 'email-sign'), 'name-constraints');
  assert.deepEqual(certificateOf(dsa).rfc822Names, ['domain-signing-authority@bravo.example']);
  assert.deepEqual(certificateOf(dsa).commonNames, ['domain-signing-authority']);
  assert.deepEqual(certificateOf(tls).dnsNames, [
    'mx.bravo.example',
    'xn--bcher-kva.bravo.example',
  ]);
  assert.deepEqual(certificateOf(tls).ipAddresses, ['127.0.0.1']);

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
