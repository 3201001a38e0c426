/** TM-3: what the rule demands of a partner's certificates, field by field. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Certificate,
  generateKeyPairPem,
  issueCertificate,
  type KeyKind,
  PKIX,
} from '@sallyport/pki';
import { certificateOf } from '@sallyport/test/certificates';
import { type CertificateRequirements, requirementsSchema } from './requirement-fields.ts';
import { checkRequirements, demandedPolicies } from './requirements.ts';

const PERIOD = { notBefore: new Date('2026-01-01T00:00:00Z'), days: 365 };

interface Ca {
  readonly certificate: Certificate;
  readonly privateKey: string;
}

function makeCa(cn: string, kind: KeyKind, issuer?: Ca): Ca {
  const key = generateKeyPairPem(kind);
  const fields = {
    ...PERIOD,
    subject: { cn },
    ca: { pathLength: null },
    keyUsage: ['keyCertSign'] as const,
  };
  const der =
    issuer === undefined
      ? issueCertificate({ ...fields, privateKey: key.privateKeyPem })
      : issueCertificate({ ...fields, spki: key.spki, issuer });
  return { certificate: certificateOf(der), privateKey: key.privateKeyPem };
}

const root = makeCa('Root', 'ec-p256');
const weakCa = makeCa('Weak CA', 'rsa-2048', root);

function leaf(kind: KeyKind, change: object = {}, issuer = root): Certificate {
  return certificateOf(
    issueCertificate({
      ...PERIOD,
      subject: { cn: 'domain-confidentiality-authority' },
      spki: generateKeyPairPem(kind).spki,
      issuer,
      emails: ['domain-confidentiality-authority@bravo.example'],
      dnsNames: ['gw.bravo.example'],
      keyUsage: ['keyAgreement'],
      extendedKeyUsage: [PKIX.emailProtection],
      ...change,
    }),
  );
}

const p256 = leaf('ec-p256');
const rsa = leaf('rsa-2048', { keyUsage: ['keyEncipherment'] });

function rule(fields: object): CertificateRequirements {
  return requirementsSchema.parse(fields);
}

/** `met`, or the field that is not. */
function outcome(certificate: Certificate, fields: object, above: Certificate[] = []): string {
  const path = [certificate, ...above, root.certificate];
  const check = checkRequirements(path, rule(fields));
  return check.kind === 'met' ? 'met' : check.field;
}

test('each field is met or named', () => {
  const cases: readonly (readonly [Certificate, object, string])[] = [
    [p256, {}, 'met'],
    [p256, { signatureAlgorithms: ['ecdsa-sha256'] }, 'met'],
    [p256, { signatureAlgorithms: ['rsa-sha256', 'ed25519'] }, 'signatureAlgorithms'],
    [rsa, { keys: { rsaBits: 2048 } }, 'met'],
    [rsa, { keys: { rsaBits: 3072 } }, 'keys'],
    [rsa, { keys: { rsaBits: 'none' } }, 'keys'],
    [p256, { keys: { rsaBits: 3072, curves: ['P-256'] } }, 'met'],
    [p256, { keys: { curves: ['P-384'] } }, 'keys'],
    [p256, { keys: { curves: [] } }, 'keys'],
    [leaf('x25519'), { keys: { curves: ['X25519'] } }, 'met'],
    [leaf('x25519'), { keys: { curves: ['P-256'] } }, 'keys'],
    [leaf('ml-kem-768'), { keys: { curves: [] } }, 'met'],
    [leaf('ml-kem-768'), { keys: { postQuantum: ['ML-KEM-1024'] } }, 'keys'],
    [p256, { keyUsage: ['keyAgreement'] }, 'met'],
    [p256, { keyUsage: ['keyAgreement', 'keyEncipherment'] }, 'keyUsage'],
    [p256, { extendedKeyUsage: ['emailProtection'] }, 'met'],
    [p256, { extendedKeyUsage: ['emailProtection', '1.3.6.1.4.1.99999.1'] }, 'extendedKeyUsage'],
    [
      leaf('ec-p256', { extendedKeyUsage: [PKIX.clientAuth] }),
      { extendedKeyUsage: ['emailProtection'] },
      'extendedKeyUsage',
    ],
    [p256, { names: { forms: ['rfc822Name', 'dNSName'] } }, 'met'],
    [p256, { names: { forms: ['URI'] } }, 'names.forms'],
    [p256, { names: { match: ['*@bravo.example', '*.bravo.example'] } }, 'met'],
    [p256, { names: { match: ['*@bravo.example'] } }, 'names.match'],
    [leaf('ec-p256', { emails: [], dnsNames: [] }), { names: { match: ['*'] } }, 'names.match'],
    [p256, { issuers: ['CN=Root'] }, 'met'],
    [p256, { issuers: ['CN=Other', 'CN=Root 2'] }, 'issuers'],
  ];
  for (const [certificate, fields, expected] of cases) {
    assert.equal(outcome(certificate, fields), expected, JSON.stringify(fields));
  }
});

test('algorithms and keys are demanded of every certificate below the anchor, not of the anchor', () => {
  const below = leaf('ec-p256', {}, weakCa);
  assert.equal(outcome(below, { keys: { rsaBits: 3072 } }, [weakCa.certificate]), 'keys');
  const onlyRsa = { signatureAlgorithms: ['rsa-sha256'] };
  assert.equal(outcome(below, onlyRsa, [weakCa.certificate]), 'signatureAlgorithms');
  // The anchor has an ECDSA key and an ECDSA signature, which this rule would not take.
  const noCurves = { keys: { rsaBits: 2048, curves: [] } };
  assert.equal(outcome(leaf('rsa-2048', {}, root), noCurves), 'met');
});

test('RFC 5280 6.1.1: policies are demanded of the path, and of a pinned certificate itself', () => {
  const policies = ['1.3.6.1.4.1.99999.1'];
  assert.deepEqual(demandedPolicies(rule({ policies })), {
    accepted: policies,
    requireExplicit: true,
  });
  assert.equal(demandedPolicies(rule({})), undefined);
  assert.equal(checkRequirements([p256], rule({ policies })).kind, 'unmet');
  assert.equal(outcome(p256, { policies }), 'met', 'a path was validated with them already');
});

test('without a rule nothing is demanded, and an unknown field or word is an error', () => {
  assert.equal(checkRequirements([rsa, root.certificate], undefined).kind, 'met');
  for (const bad of [{ rsa: 3072 }, { keyUsage: [] }, { signatureAlgorithms: ['md5'] }]) {
    assert.equal(requirementsSchema.safeParse(bad).success, false, JSON.stringify(bad));
  }
});
