import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Domain } from '@sallyport/mail';
import { remarksOn } from './remarks.ts';
import type { DomainSurvey, SurveyedCertificate, SurveyedHost } from './survey-types.ts';

type Survey = Omit<DomainSurvey, 'remarks'>;

const HOST: SurveyedHost = {
  name: 'mx.bravo.example',
  preference: 10,
  addresses: ['192.0.2.1'],
  dnssec: 'secure',
  tls: {
    outcome: 'verified',
    version: 'TLSv1.3',
    cipher: 'x',
    fingerprint: null,
    chain: [],
    sentence: 'as it is',
  },
  tlsa: {
    dnssec: 'secure',
    records: [],
    failure: null,
    check: 'not-applicable',
    sentence: 'none',
  },
};

function certificate(more: Partial<SurveyedCertificate>): SurveyedCertificate {
  return {
    door: 'smimea',
    role: 'confidentiality',
    source: 'x',
    subject: 'CN=domain-confidentiality-authority',
    addresses: [],
    issuer: 'CN=ca',
    key: 'rsa 2048',
    notAfter: '2030-01-01T00:00:00.000Z',
    daysLeft: 300,
    fingerprint: 'aa',
    worth: 'trusted',
    reason: 'as it is',
    pem: '',
    ...more,
  };
}

const FINE: Survey = {
  domain: 'bravo.example' as Domain,
  time: '2026-01-01T00:00:00.000Z',
  mail: { kind: 'mx', dnssec: 'secure', reason: null, hosts: [HOST] },
  doors: [],
  certificates: [certificate({}), certificate({ role: 'signing', fingerprint: 'bb' })],
  statement: null,
  mtaSts: { state: 'none', id: null, policy: null, reason: 'no record' },
  tlsRpt: { state: 'none', uris: [] },
};

test('where nothing stands in the way there is no remark', () => {
  assert.deepEqual(remarksOn(FINE), []);
});

const CASES: readonly (readonly [string, Partial<Survey>, string, RegExp])[] = [
  [
    'a null MX is a fault',
    { mail: { kind: 'null-mx', dnssec: 'unknown', reason: 'takes no mail', hosts: [] } },
    'fault',
    /takes no mail/,
  ],
  [
    'no certificate to encrypt to is a fault',
    { certificates: [certificate({ role: 'signing' })] },
    'fault',
    /could be encrypted to/,
  ],
  [
    'a revoked one does not count',
    { certificates: [certificate({ worth: 'revoked' }), certificate({ role: 'signing' })] },
    'fault',
    /could be encrypted to/,
  ],
  [
    'doors that lead to different certificates are a warning',
    {
      certificates: [...FINE.certificates, certificate({ door: 'cert', fingerprint: 'cc' })],
    },
    'warning',
    /different encryption certificates/,
  ],
  [
    'RFC 7672: TLSA records without DNSSEC count for nothing',
    {
      mail: {
        ...FINE.mail,
        hosts: [{ ...HOST, tlsa: { ...HOST.tlsa, records: ['3 1 1'], dnssec: 'insecure' } }],
      },
    },
    'warning',
    /without DNSSEC/,
  ],
  [
    'RFC 8461: a mail server that the MTA-STS policy does not allow is told of',
    {
      mtaSts: {
        state: 'policy',
        id: '1',
        policy: { mode: 'enforce', mx: ['other.example'], maxAgeSeconds: 1 },
        reason: '',
      },
    },
    'warning',
    /does not allow the mail server/,
  ],
  [
    'a certificate that ends soon is a warning',
    { certificates: [certificate({ daysLeft: 3 }), certificate({ role: 'signing' })] },
    'warning',
    /expires in 3 days/,
  ],
];

for (const [name, change, severity, text] of CASES) {
  test(name, () => {
    const [first] = remarksOn({ ...FINE, ...change });
    assert.equal(first?.severity, severity);
    assert.match(first.text, text);
  });
}
