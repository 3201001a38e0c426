import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Domain, parseDomain } from '@sallyport/mail';
import { certificateOf } from '@sallyport/test/certificates';
import { issueDomainAuthority, makeRoot } from './authority.ts';
import { type Crl, parseCrl } from './crl.ts';
import { revocationPlaces } from './distribution-points.ts';
import { generateKeyPairPem } from './issue.ts';
import { type CrlRequest, issueCrl, OWN_REVOCATION_REASONS } from './issue-crl.ts';
import { validatePath } from './path.ts';
import { formatPem, formatPemCertificate } from './pem.ts';
import { newKey } from './test-authority.ts';
import { codeOf, notBefore, spkiOf, time } from './test-path.ts';

function domainOf(text: string): Domain {
  const parsedDomain = parseDomain(text);
  assert.ok(parsedDomain !== null);
  return parsedDomain;
}

const domain = domainOf('acme.example');
const caKey = newKey();
const period = { notBefore, days: 365 };
const ca = certificateOf(
  makeRoot({ privateKey: caKey, commonName: 'Acme CA', domains: [domain], ...period }),
);
const issuer = { certificate: ca, privateKey: caKey };
const crlUrls = ['http://directory.acme.example/crl/ca.crl'];

function dsa() {
  const name = 'domain-signing-authority';
  const spki = spkiOf(newKey());
  return certificateOf(issueDomainAuthority({ name, domain, spki, issuer, ...period, crlUrls }));
}

const thisUpdate = new Date('2026-05-31T00:00:00Z');
const list = (changes: Partial<CrlRequest> = {}): CrlRequest => ({
  issuer,
  crlNumber: 7,
  thisUpdate,
  nextUpdate: new Date('2026-06-07T00:00:00Z'),
  revoked: [],
  ...changes,
});

function read(der: Buffer): Crl {
  const result = parseCrl(der);
  assert.ok(result.kind === 'crl', 'reason' in result ? result.reason : '');
  return result.value;
}

test('RFC 5280 5.1: what our CA revokes is refused, and what it does not revoke is good, in hard mode', () => {
  for (const reason of OWN_REVOCATION_REASONS) {
    const [gone, kept] = [dsa(), dsa()];
    const revoked = [{ serial: gone.serial, revokedAt: thisUpdate, reason }];
    const crls = [read(issueCrl(list({ revoked })))];
    const codes = [gone, kept].map((leaf) =>
      codeOf(
        validatePath({
          leaf,
          intermediates: [],
          anchors: [ca],
          time,
          purpose: 'email-sign',
          revocation: { mode: 'hard', crls },
        }),
      ),
    );
    assert.deepEqual(codes, ['revoked', 'valid'], reason);
  }
});

test('RFC 5280 4.2.1.13: a certificate of our CA says where its CRL is', () => {
  assert.deepEqual(revocationPlaces(dsa()).crls, crlUrls);
});

test('RFC 5280 5.1.2: openssl accepts the list, its number, its reasons and the revocation', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'crl-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const [gone, kept] = [dsa(), dsa()];
  const revoked = [
    { serial: gone.serial, revokedAt: thisUpdate, reason: 'keyCompromise' as const },
    { serial: dsa().serial, revokedAt: thisUpdate, reason: 'unspecified' as const },
  ];
  const crl = write('ca.crl', formatPem('X509 CRL', issueCrl(list({ revoked }))));
  const caFile = write('ca.pem', formatPemCertificate(ca.der));
  const text = execFileSync('openssl', ['crl', '-in', crl, '-CAfile', caFile, '-text'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  assert.match(text, /X509v3 CRL Number: *\n? *7/);
  assert.match(text, /Key Compromise/);
  assert.equal(text.match(/Serial Number:/g)?.length, 2);
  assert.equal(text.match(/CRL Reason Code/g)?.length, 1);
  const verify = (name: string, der: Buffer): string => {
    const at = String(Math.floor(time.getTime() / 1000));
    const files = ['-CAfile', caFile, '-CRLfile', crl];
    const leaf = write(name, formatPemCertificate(der));
    try {
      return execFileSync('openssl', ['verify', '-crl_check', '-attime', at, ...files, leaf], {
        encoding: 'utf8',
        stdio: 'pipe',
      });
    } catch (error) {
      return error instanceof Error ? error.message : '';
    }
  };
  assert.match(verify('kept.pem', kept.der), /: OK/);
  assert.match(verify('gone.pem', gone.der), /certificate revoked/);
});

test('RFC 5280 5.1.2.6: a list without revocations has no revokedCertificates, and openssl reads it', () => {
  const der = issueCrl(list());
  const text = execFileSync('openssl', ['crl', '-inform', 'DER', '-noout', '-text'], {
    input: der,
    encoding: 'utf8',
  });
  assert.match(text, /No Revoked Certificates/);
});

test('RFC 5280 5.1: keys of every kind that a CA may have sign a list', () => {
  for (const kind of ['rsa-3072', 'ec-p256', 'ec-p384', 'ed25519'] as const) {
    const { privateKeyPem } = generateKeyPairPem(kind);
    const certificate = certificateOf(
      makeRoot({ privateKey: privateKeyPem, commonName: 'CA', domains: [domain], ...period }),
    );
    const own = { certificate, privateKey: privateKeyPem };
    assert.equal(
      read(issueCrl(list({ issuer: own }))).issuerName.key,
      certificate.subjectName.key,
      kind,
    );
  }
});

test('a list of another key, without a time to live or without a number is not issued', () => {
  const other = { certificate: ca, privateKey: newKey() };
  assert.throws(() => issueCrl(list({ issuer: other })), /key is not that of the issuer/);
  assert.throws(() => issueCrl(list({ nextUpdate: thisUpdate })), /over at once/);
  for (const crlNumber of [-1, 1.5, Number.NaN]) {
    assert.throws(() => issueCrl(list({ crlNumber })), /no CRL number/);
  }
});
