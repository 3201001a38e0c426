import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { formatPemCertificate, issueCertificate } from '@sallyport/pki';
import { describeTexts, withinAnswer } from './describe-certificate.ts';

function issued(cn: string, emails: readonly string[]): Buffer {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const notBefore = new Date('2026-01-01T00:00:00Z');
  return issueCertificate({ subject: { cn }, notBefore, days: 30, emails, privateKey });
}

test('RFC 3183 3.1.1: a certificate shows its fields, fingerprints and role, as Node reads them', () => {
  const der = issued('domain-signing-authority', ['domain-signing-authority@bravo.example']);
  const [described] = describeTexts([formatPemCertificate(der)], 10);
  assert.ok(described?.kind === 'certificate');
  const { value } = described;
  const peer = new X509Certificate(der);
  assert.equal(value.sha256, peer.fingerprint256.replaceAll(':', '').toLowerCase());
  assert.equal(value.sha1, peer.fingerprint.replaceAll(':', '').toLowerCase());
  const spki = peer.publicKey.export({ type: 'spki', format: 'der' });
  assert.equal(value.spkiSha256, createHash('sha256').update(spki).digest('hex'));
  assert.equal(value.serial.replace(/^00/, ''), peer.serialNumber.toLowerCase());
  assert.deepEqual(value.roles, ['domain-signing-authority']);
  assert.deepEqual(value.addresses, ['domain-signing-authority@bravo.example']);
  assert.equal(value.key, 'EC P-256');
  assert.equal(Date.parse(value.notAfter), Date.parse(peer.validTo));
});

test('an authority by name alone, with the address of somebody else, has no role', () => {
  const der = issued('domain-signing-authority', ['mallory@bravo.example']);
  const [described] = describeTexts([der.toString('base64')], 10);
  assert.ok(described?.kind === 'certificate');
  assert.deepEqual(described.value.roles, []);
});

test('what is no certificate says why, and no more are described than asked for', () => {
  const [broken] = describeTexts(['AAAA'], 10);
  assert.equal(broken?.kind, 'malformed');
  const pem = formatPemCertificate(issued('a', []));
  assert.equal(describeTexts([pem.repeat(5)], 3).length, 3);
});

test('an answer never grows over what one frame holds', () => {
  const large = 'x'.repeat(250_000);
  assert.equal(withinAnswer([large, large, large, 'y']).length, 2);
});
