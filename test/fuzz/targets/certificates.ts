import assert from 'node:assert/strict';
import {
  checkTlsName,
  formatName,
  parseCertificate,
  parsePemCertificates,
  type UntrustedCertificate,
  validatePath,
} from '@sallyport/pki';
import { certificatesOfCertsOnly } from '../../../packages/lookup/src/ldap/certs-only.ts';
import {
  cmsOf,
  corpusIdentities,
  corpusMessages,
  objectsIn,
  type Seed,
  vectorSeeds,
} from '../corpus.ts';
import { mutateBer } from '../mutate-message.ts';
import { mutateText } from '../mutate-text.ts';
import type { Target } from '../target.ts';

const NOW = new Date('2026-11-21T00:00:00Z');
const identities = corpusIdentities().map((one) => one.certificate);
const anchors = identities.filter((one) => one.isCa);
const originals = new Set(identities.map((one) => one.tbs.toString('base64')));

function checkPath(
  leaf: UntrustedCertificate,
  intermediates: readonly UntrustedCertificate[],
): boolean {
  let isValid = false;
  for (const purpose of ['email-sign', 'email-encrypt', 'tls-server'] as const) {
    const result = validatePath({ leaf, intermediates, anchors, time: NOW, purpose });
    if (result.kind === 'invalid') {
      assert.notEqual(result.reason, '');
      continue;
    }
    isValid = true;
    assert.ok(
      originals.has(leaf.tbs.toString('base64')),
      'a certificate counts that nobody issued',
    );
  }
  return isValid;
}

function checkCertificate(bytes: Buffer): string {
  const parsed = parseCertificate(bytes);
  if (parsed.kind === 'malformed') {
    assert.notEqual(parsed.reason, '');
    return 'malformed';
  }
  const certificate = parsed.value;
  formatName(certificate.subjectName);
  formatName(certificate.issuerName);
  checkTlsName(certificate, 'gw.acme.example');
  const key = certificate.checkKey();
  // As a leaf, and as the issuer of another: both are ways into a path.
  const isLeaf = checkPath(certificate, []);
  for (const leaf of identities.slice(0, 2)) checkPath(leaf, [certificate, ...identities]);
  return isLeaf ? 'valid' : key.kind;
}

function checkPem(bytes: Buffer): string {
  const found = parsePemCertificates(bytes.toString('latin1'));
  return found[0]?.kind ?? 'none';
}

function checkCertsOnly(bytes: Buffer): string {
  const found = certificatesOfCertsOnly(bytes);
  for (const der of found) parseCertificate(der);
  return found.length === 0 ? 'none' : 'certificates';
}

function pemOf({ name, bytes }: Seed): Seed {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  const pem = `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
  return { name, bytes: Buffer.from(pem) };
}

/** Certificates, path validation, PEM, and what a directory gives. */
export function certificateTargets(): Target[] {
  const own = corpusIdentities().map(({ name, certificate }) => ({ name, bytes: certificate.der }));
  const vectors = [
    ...objectsIn(vectorSeeds('smime/rfc9216')),
    ...objectsIn(vectorSeeds('x509/pkits')).slice(0, 150),
    ...objectsIn(vectorSeeds('x509/bsi')),
  ].filter(({ bytes }) => bytes.length < 4_096);
  const seeds = [...own, ...own, ...own, ...vectors];
  return [
    { name: 'certificate', share: 10, seeds, mutate: mutateBer, check: checkCertificate },
    { name: 'pem', share: 2, seeds: own.map(pemOf), mutate: mutateText, check: checkPem },
    {
      name: 'certs-only',
      share: 2,
      seeds: [...cmsOf(corpusMessages()), ...own],
      mutate: mutateBer,
      check: checkCertsOnly,
    },
  ];
}
