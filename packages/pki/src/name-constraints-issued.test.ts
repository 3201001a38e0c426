import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CertificateRequest } from './issue.ts';
import { CA, codeOf, type Fields, make, root, validate } from './test-path.ts';

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
