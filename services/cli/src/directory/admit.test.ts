import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PKIX } from '@sallyport/pki';
import { admitCertificate } from './admit.ts';
import { makeTestPki, NOW } from './test-pki.ts';

const pki = makeTestPki();
const by = { domains: new Set(['acme.example', 'acme.test']), now: NOW };
const DAY_MS = 86_400_000;
const at = (days: number): Date => new Date(NOW.getTime() + days * DAY_MS);

function outcome(der: Buffer): string {
  const admission = admitCertificate(der, by);
  return admission.kind === 'refused' ? admission.refusal : admission.kind;
}

test('DS-N11: nobody gets a name of the authority of a domain into the directory', () => {
  const names = [
    'domain-signing-authority',
    'domain-confidentiality-authority',
    'review-authority',
    'attribute-authority',
    'Review-Authority',
  ];
  for (const name of names) {
    assert.equal(outcome(pki.issue(`${name}@acme.example`)), 'reserved-name');
    const asName = pki.issue('ada@acme.example', { subject: { cn: name } });
    assert.equal(outcome(asName), 'reserved-name');
    const beside = { emails: ['ada@acme.example', `${name}@elsewhere.example`] };
    assert.equal(outcome(pki.issue('', beside)), 'reserved-name');
  }
});

test('only what is strict, in force, for mail and for an address of ours is taken', () => {
  const ada = 'ada@acme.example';
  const good = pki.issue(ada);
  assert.equal(outcome(good), 'admitted');
  const cases: [string, Buffer][] = [
    ['malformed', Buffer.concat([good, Buffer.of(0)])],
    ['malformed', good.subarray(0, -1)],
    ['malformed', Buffer.from('certificate')],
    ['expired', pki.issue(ada, { notBefore: at(-9), notAfter: at(-1) })],
    ['not-yet-valid', pki.issue(ada, { notBefore: at(1) })],
    ['no-address-of-ours', pki.issue('ada@elsewhere.example')],
    ['no-address-of-ours', pki.issue('ada@sub.acme.example')],
    ['no-address-of-ours', pki.issue('', { emails: [], dnsNames: ['acme.example'] })],
    ['certificate-authority', pki.caDer],
    ['not-for-mail', pki.issue(ada, { extendedKeyUsage: [PKIX.serverAuth] })],
    ['admitted', pki.issue(ada, { extendedKeyUsage: [PKIX.emailProtection] })],
  ];
  for (const [expected, der] of cases) assert.equal(outcome(der), expected);
});

test('it answers to its addresses in our domains, folded, and is kept by its use', () => {
  const emails = ['Ada@ACME.example', 'ada@acme.test', 'ada@elsewhere.example'];
  const admission = admitCertificate(pki.issue('', { emails }), by);
  assert.equal(admission.kind, 'admitted');
  if (admission.kind !== 'admitted') return;
  assert.deepEqual(admission.certificate.mail, ['ada@acme.example', 'ada@acme.test']);
  assert.equal(admission.certificate.use, 'encryption');
  const signs = admitCertificate(pki.issue('a@acme.test', { keyUsage: ['digitalSignature'] }), by);
  assert.equal(signs.kind === 'admitted' && signs.certificate.use, 'signature');
});
