import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AUTHORITY_LOCAL_PARTS, parseDomain } from '@sallyport/mail';
import { certificateOf } from '@sallyport/test/certificates';
import { type AuthorityName, issueDomainAuthority, issueTlsServer, makeRoot } from './authority.ts';
import { validatePath } from './path.ts';
import { newKey } from './test-authority.ts';
import { codeOf, notBefore, spkiOf } from './test-path.ts';

const domain = parseDomain('acme.example');
assert.ok(domain !== null);
const period = { notBefore, days: 30 };
const privateKey = newKey();
const certificate = certificateOf(
  makeRoot({ privateKey, commonName: 'Acme CA', domains: [domain], ...period }),
);
const spki = spkiOf(newKey());

function host(commonName: string, dnsNames: readonly string[]): Buffer {
  return issueTlsServer({
    commonName,
    dnsNames,
    spki,
    issuer: { certificate, privateKey },
    ...period,
  });
}

const NAMES = [
  'domain-signing-authority',
  'domain-confidentiality-authority',
  'review-authority',
  'attribute-authority',
] as const satisfies readonly AuthorityName[];

test('RFC 3183 3.1.1, 4.1: the four names are the four that are reserved', () => {
  assert.deepEqual([...AUTHORITY_LOCAL_PARTS].sort(), [...NAMES].sort());
});

for (const name of NAMES) {
  test(`DS-N11, RFC 3183 6: a ${name} of another domain that our CA signs has no valid path`, () => {
    const authority = (of: string) => {
      const parsedDomain = parseDomain(of);
      assert.ok(parsedDomain !== null);
      const issuer = { certificate, privateKey };
      const leaf = certificateOf(
        issueDomainAuthority({ name, domain: parsedDomain, spki, issuer, ...period }),
      );
      const anchors = [certificate];
      const time = new Date(notBefore.getTime() + 86_400_000);
      return codeOf(validatePath({ leaf, intermediates: [], anchors, time, purpose: 'any' }));
    };
    assert.equal(authority('acme.example'), 'valid');
    assert.equal(authority('sub.acme.example'), 'valid');
    for (const other of ['bravo.example', 'notacme.example', 'example']) {
      assert.equal(authority(other), 'name-constraints', other);
    }
  });

  test(`DS-N11, RFC 3183 6: our CA gives ${name} to no host and to no CA`, () => {
    const refusal = new RangeError(`${name} is reserved for an authority of the domain`);
    for (const form of [name, name.toUpperCase(), `${name}@acme.example`, `${name}.acme.example`]) {
      assert.throws(() => host(form, ['mx.acme.example']), refusal, form);
      assert.throws(
        () => makeRoot({ privateKey, commonName: form, domains: [domain], ...period }),
        refusal,
        form,
      );
    }
    assert.throws(
      () => host('mx.acme.example', ['mx.acme.example', `${name}.acme.example`]),
      refusal,
    );
    assert.ok(host(`mx-${name}`, [`mx.${name}.example`]).length > 0);
  });
}
