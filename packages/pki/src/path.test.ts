import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UntrustedCertificate } from './certificate.ts';
import { ValidatedCertificate } from './path.ts';
import { newKey } from './test-authority.ts';
import { CA, codeOf, inter, leaf, make, root, SIGNER, time, validate } from './test-path.ts';

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

test('CA loops and crowds of look-alike CAs end in a refusal, within the step budget', () => {
  const loopKeys = [newKey(), newKey()];
  const a = make('A', make('B', null, CA, loopKeys[1]), CA, loopKeys[0]);
  const b = make('B', a, CA, loopKeys[1]);
  const below = make('Leaf', a, SIGNER).certificate;
  assert.equal(
    codeOf(validate({ leaf: below, intermediates: [a.certificate, b.certificate] })),
    'no-path',
  );

  const crowd: UntrustedCertificate[] = [];
  const shared = newKey();
  let issuer = make('Crowd', null, CA, shared);
  for (let index = 0; index < 60; index += 1) {
    issuer = make('Crowd', issuer, CA, index % 2 === 0 ? newKey() : shared);
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
  const shared = newKey();
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

test('a budget is for all validations that share it: what one message brings is bounded together', () => {
  const budget = { left: 3 };
  assert.equal(codeOf(validate({ budget })), 'valid');
  assert.equal(budget.left, 1, 'leaf to intermediate, intermediate to root');
  assert.equal(codeOf(validate({ budget })), 'budget');
  assert.equal(codeOf(validate({ budget })), 'budget');
  assert.equal(codeOf(validate()), 'valid');
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
  const below = make('Below', { certificate: self, privateKey: newKey() }, SIGNER).certificate;
  assert.equal(
    codeOf(validate({ leaf: below, anchors: [self] })),
    'not-a-ca',
    'a pin issues nothing',
  );
});
