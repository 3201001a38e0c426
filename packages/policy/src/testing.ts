/** What the tests of decisions share: policies, and the facts of mail with which nothing is wrong. */
import assert from 'node:assert/strict';
import type { Domain } from '@sallyport/mail';
import {
  generateKeyPairPem,
  issueDomainAuthority,
  makeRoot,
  type ValidatedCertificate,
} from '@sallyport/pki';
import { certificateOf, validated } from '@sallyport/test/certificates';
import fc from 'fast-check';
import type { InwardFacts } from './inward-decision.ts';
import type { OutwardFacts } from './outward-decision.ts';
import { type PolicyDocument, parsePolicyDocument } from './schema.ts';
import type { VerdictFacts } from './verdict.ts';

export const NOW = new Date('2026-11-21T12:00:00Z');
export const BRAVO = 'bravo.example' as Domain;
export const CHARLIE = 'charlie.example' as Domain;

export function policyOf(document: object): PolicyDocument {
  const parsed = parsePolicyDocument(document);
  assert.ok(parsed.kind === 'ok', JSON.stringify(parsed));
  return parsed.policy;
}

/** Of a whole message that the domain signed and encrypted. */
export const GOOD_VERDICT: VerdictFacts = {
  signature: 'valid',
  signatureType: 'domain',
  mapping: 'ok',
  encryption: 'domain',
  scope: 'whole',
  integrity: true,
  fault: null,
};

export const INWARD_FACTS: InwardFacts = {
  verdict: GOOD_VERDICT,
  filter: { kind: 'clean', scanned: true },
  tls: 'encrypted',
  clientNameOk: true,
  correlatedReport: false,
  released: false,
  now: NOW,
};

/** For a recipient without a certificate. */
export const OUTWARD_FACTS: OutwardFacts = {
  originator: 'authenticated',
  innerSignatures: 'none',
  certificate: { kind: 'none', unusable: null },
  filter: { kind: 'clean', scanned: true },
  waitedMs: 0,
  protectedBytes: 1_000,
  nextHopLimitBytes: null,
  released: false,
  now: NOW,
};

/** What every verdict has, in every form; the fault is for the test to choose. */
export const ANY_VERDICT = {
  signature: fc.constantFrom('valid', 'invalid', 'none', 'unverifiable'),
  signatureType: fc.constantFrom('domain', 'originator', 'review', 'additional-attributes', null),
  mapping: fc.constantFrom('ok', 'mismatch', 'exception', null),
  encryption: fc.constantFrom('domain', 'user', 'none'),
  scope: fc.constantFrom('whole', 'partial'),
  integrity: fc.boolean(),
} as const;

export const FILTERS = [
  { kind: 'clean', scanned: true },
  { kind: 'hold', reason: 'x' },
  { kind: 'refuse', reason: 'x' },
  { kind: 'unavailable', whenDown: 'wait', reason: 'x' },
] as const;

/** The domain confidentiality authority of Bravo, by a root of its own. */
export function validatedAuthority(kind: 'ec-p256' | 'rsa-2048'): ValidatedCertificate {
  const ca = generateKeyPairPem('ec-p256');
  const period = { notBefore: new Date(NOW.getTime() - 1_000), days: 30 };
  const root = certificateOf(
    makeRoot({ ...period, privateKey: ca.privateKeyPem, commonName: 'CA', domains: [BRAVO] }),
  );
  const leaf = issueDomainAuthority({
    ...period,
    name: 'domain-confidentiality-authority',
    domain: BRAVO,
    spki: generateKeyPairPem(kind).spki,
    issuer: { certificate: root, privateKey: ca.privateKeyPem },
  });
  return validated(certificateOf(leaf), root, NOW);
}
