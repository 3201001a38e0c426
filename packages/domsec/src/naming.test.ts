import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import {
  type Certificate,
  issueCertificate,
  parseCertificate,
  type SubjectRequest,
  type ValidatedCertificate,
  validatePath,
} from '@sallyport/pki';
import { domain, mailbox } from '@sallyport/test/addresses';
import { AUTHORITY_NAMES, checkAuthorityName, checkNameMapping, type NameCheck } from './naming.ts';
import { isPublicSuffix } from './public-suffix.ts';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const time = new Date('2026-06-01T00:00:00Z');
const DSA = AUTHORITY_NAMES.domain;

interface Names {
  subject?: SubjectRequest;
  emails?: string[];
  dnsNames?: string[];
}

function certificate({ subject = { cn: DSA }, ...names }: Names): Certificate {
  const notBefore = new Date('2026-01-01T00:00:00Z');
  const bytes = issueCertificate({ subject, privateKey, notBefore, days: 365, ...names });
  const parsed = parseCertificate(bytes);
  assert.ok(parsed.kind === 'certificate');
  return parsed.value;
}

/** A pinned certificate, so that a test needs no CA. */
function validated(names: Names): ValidatedCertificate {
  const leaf = certificate(names);
  const result = validatePath({ leaf, intermediates: [], anchors: [leaf], time, purpose: 'any' });
  assert.ok(result.kind === 'valid');
  return result.certificate;
}

function conventionOf(check: NameCheck): string {
  return check.kind === 'ok' ? check.convention : 'mismatch';
}

function map(signer: Names, originators: string[], partner?: string[]): string {
  const options = partner === undefined ? {} : { partnerDomains: partner.map(domain) };
  return conventionOf(checkNameMapping(certificate(signer), originators.map(mailbox), options));
}

const at = (name: string) => ({ emails: [`${DSA}@${name}`] });

test('RFC 3183 3.1.1 (DS-N1): exactly one common name, and it is the name of the role', () => {
  const check = (names: Names, role: keyof typeof AUTHORITY_NAMES) =>
    conventionOf(checkAuthorityName(certificate(names), role));
  assert.equal(check({ subject: { o: 'acme' } }, 'domain'), 'mismatch');
  assert.equal(check({ subject: { cn: 'John Doe' } }, 'domain'), 'mismatch');
  for (const [role, name] of Object.entries(AUTHORITY_NAMES)) {
    const other = role === 'review' ? 'domain' : 'review';
    assert.equal(check({ subject: { cn: name } }, role as 'domain'), 'dn');
    assert.equal(check({ subject: { cn: name } }, other), 'mismatch', role);
  }
  assert.equal(check({ subject: { cn: 'Domain-Signing-Authority' } }, 'domain'), 'dn');
});

test('RFC 3183 3.1.1 (DS-N1): two common names, one right, are flagged', () => {
  const one = certificate({});
  for (const commonNames of [
    [DSA, 'John Doe'],
    ['John Doe', DSA],
    [DSA, DSA],
  ]) {
    assert.equal(checkAuthorityName({ ...one, commonNames }, 'domain').kind, 'mismatch');
  }
});

test('RFC 3183 3.1.1 (DS-N2): every address of the certificate has the name as local-part', () => {
  const check = (emails: string[]) =>
    conventionOf(checkAuthorityName(certificate({ emails }), 'domain'));
  assert.equal(check(['postmaster@acme.com']), 'mismatch');
  assert.equal(check([`${DSA}@acme.com`, 'postmaster@acme.com']), 'mismatch');
  assert.equal(check([`${AUTHORITY_NAMES.confidentiality}@acme.com`]), 'mismatch');
  assert.equal(check([`${DSA}@acme.com`]), 'rfc822');
  assert.equal(check([`${DSA}@acme.com`, `${DSA}@acme.example`]), 'rfc822');
});

test('DS-N9: an authority of another domain, or of one that merely ends alike, does not match', () => {
  assert.equal(map(at('alpha.example'), ['a@bravo.example']), 'mismatch');
  assert.equal(map(at('acme.com'), ['a@notacme.com']), 'mismatch');
  assert.equal(map(at('marketing.acme.com'), ['a@acme.com']), 'mismatch', 'below, not above');
  assert.equal(map(at('marketing.acme.com'), ['a@defence.acme.com']), 'mismatch');
});

test('DS-N9: a public suffix stands for nobody: com, co.uk, a private suffix, any single label', () => {
  assert.equal(map(at('com'), ['a@acme.com']), 'mismatch');
  assert.equal(map(at('co.uk'), ['a@acme.co.uk']), 'mismatch');
  assert.equal(map(at('github.io'), ['a@acme.github.io']), 'mismatch');
  assert.equal(map(at('example'), ['a@acme.example']), 'mismatch');
  assert.equal(map(at('acme.co.uk'), ['a@mx.acme.co.uk']), 'rfc822');
});

test('DS-N9: nothing above the domains of the partner record stands for the partner', () => {
  assert.equal(map(at('acme.com'), ['a@defence.acme.com'], ['defence.acme.com']), 'mismatch');
  assert.equal(map(at('defence.acme.com'), ['a@defence.acme.com'], ['defence.acme.com']), 'rfc822');
  assert.equal(map(at('acme.com'), ['a@acme.com'], ['acme.com', 'acme.example']), 'rfc822');
  assert.equal(map(at('alpha.example'), ['a@alpha.example'], ['bravo.example']), 'mismatch');
});

test('DS-N9: domains compare without case and as A-labels', () => {
  assert.equal(map(at('ACME.com'), ['a@Marketing.acme.COM']), 'rfc822');
  assert.equal(map(at('bücher.example'), ['a@xn--bcher-kva.example']), 'rfc822');
});

test('RFC 3183 3.1.1 (DS-N8): the positive examples hold by address', () => {
  const first = { subject: { c: 'US', o: 'acme', cn: DSA }, ...at('acme.com') };
  assert.equal(map(first, ['John.Doe@marketing.acme.com']), 'rfc822');
  const second = {
    subject: { c: 'US', o: 'acme', ou: 'defence', cn: DSA },
    ...at('defence.acme.com'),
  };
  assert.equal(map(second, ['John.Doe@marketing.defence.acme.com']), 'rfc822');
});

/** Signer and originator by subject only. */
function mapDn(
  signer: SubjectRequest,
  originator: SubjectRequest,
  signerEmails: string[] = [],
): string {
  const own = validated({
    subject: { ...originator, cn: 'John Doe' },
    emails: ['j@marketing.acme.com'],
  });
  const authority = certificate({ subject: { ...signer, cn: DSA }, emails: signerEmails });
  const options = { originatorCertificates: [own] };
  return conventionOf(checkNameMapping(authority, [mailbox('j@marketing.acme.com')], options));
}

test('RFC 3183 3.1.1 (DS-N4, N5, N8): X.500 names compare level by level from the top', () => {
  const john = { c: 'US', o: 'acme', ou: ['defence', 'marketing'] };
  assert.equal(mapDn({ c: 'US', o: 'acme', ou: ['marketing'] }, john), 'mismatch');
  assert.equal(mapDn({ c: 'US', o: 'acme', ou: ['marketing', 'defence'] }, john), 'mismatch');
  assert.equal(mapDn({ c: 'US', o: 'evil' }, john), 'mismatch');
  assert.equal(mapDn({ c: 'DE', o: 'acme' }, john), 'mismatch');
  assert.equal(mapDn({ c: 'US' }, john), 'mismatch', 'a country is nobody');
  assert.equal(mapDn({ c: 'US', o: 'acme', ou: [...john.ou, 'deep'] }, john), 'mismatch');
  assert.equal(mapDn({ c: 'US', o: 'acme' }, { c: 'US', o: 'acme', ou: 'marketing' }), 'dn');
  assert.equal(mapDn({ c: 'US', o: 'acme' }, john), 'dn');
  assert.equal(mapDn({ c: 'US', o: 'ACME', ou: 'defence' }, john), 'dn');
  const located = { c: 'US', st: 'Ohio', l: 'Dayton', o: 'acme' };
  assert.equal(mapDn(located, { ...located, ou: 'defence' }), 'dn');
  assert.equal(mapDn({ c: 'US', o: 'acme' }, located), 'mismatch', 'state and town differ');
});

test('RFC 3183 3.1.1 (DS-N5): subjects written from the bottom up do not match', () => {
  const subject = { c: 'US', o: 'acme', ou: 'x' };
  const signer = certificate({ subject: { ...subject, cn: DSA } });
  const own = certificate({ subject: { ...subject, cn: 'J' }, emails: ['j@acme.com'] });
  const turn = (one: Certificate): Certificate => ({
    ...one,
    subjectNames: [...one.subjectNames].reverse(),
  });
  const check = (authority: Certificate, leaf: Certificate) => {
    const anchors = [leaf];
    const path = validatePath({ leaf, intermediates: [], anchors, time, purpose: 'any' });
    assert.ok(path.kind === 'valid');
    const options = { originatorCertificates: [path.certificate] };
    return conventionOf(checkNameMapping(authority, [mailbox('j@acme.com')], options));
  };
  assert.equal(check(turn(signer), own), 'mismatch');
  assert.equal(check(turn(signer), turn(own)), 'mismatch', 'a unit must not stand above its firm');
  assert.equal(check(signer, own), 'dn');
});

test('RFC 2247 (DS-N4, N8): domain components compare as domains', () => {
  const john = { dc: ['us', 'acme', 'marketing'] };
  assert.equal(mapDn({ dc: ['us', 'notacme'] }, john), 'mismatch');
  assert.equal(mapDn({ dc: ['us'] }, john), 'mismatch', 'public suffix');
  assert.equal(mapDn({ dc: ['us', 'acme', 'defence'] }, john), 'mismatch');
  assert.equal(mapDn({ dc: ['marketing', 'acme', 'us'] }, john), 'mismatch');
  assert.equal(mapDn({ dc: ['acme.us'] }, john), 'mismatch', 'two labels in one component');
  assert.equal(mapDn({ dc: ['us', 'acme'] }, john), 'dn');
});

test('DS-N10: every name form with a counterpart must pass, and at least one must', () => {
  const john = { c: 'US', o: 'acme', ou: 'marketing' };
  assert.equal(mapDn({ c: 'US', o: 'evil' }, john, [`${DSA}@acme.com`]), 'mismatch');
  assert.equal(mapDn({ c: 'US', o: 'acme' }, john, [`${DSA}@evil.example`]), 'mismatch');
  assert.equal(mapDn({ c: 'US', o: 'acme' }, john, [`${DSA}@acme.com`]), 'rfc822');
  assert.equal(mapDn({}, john, [`${DSA}@acme.com`]), 'rfc822', 'no counterpart for the DN');
  assert.equal(mapDn({}, john), 'mismatch', 'nothing to compare');
  assert.equal(mapDn({ dc: ['us', 'acme'] }, john), 'mismatch', 'DC has no counterpart in X.500');
});

test('DS-N10: without the originator certificate a signer with a DN only is a mismatch', () => {
  assert.equal(map({ subject: { c: 'US', o: 'acme', cn: DSA } }, ['j@acme.com']), 'mismatch');
  const other = validated({
    subject: { c: 'US', o: 'acme', cn: 'Other' },
    emails: ['other@acme.com'],
  });
  const signer = certificate({ subject: { c: 'US', o: 'acme', cn: DSA } });
  const options = { originatorCertificates: [other] };
  assert.equal(checkNameMapping(signer, [mailbox('j@acme.com')], options).kind, 'mismatch');
  assert.equal(checkNameMapping(signer, [mailbox('other@acme.com')], options).kind, 'ok');
  const both = [mailbox('other@acme.com'), mailbox('j@acme.com')];
  assert.equal(checkNameMapping(signer, both, options).kind, 'mismatch');
});

test('DS-N10: every originator must be covered, and there must be one', () => {
  assert.equal(map(at('acme.com'), []), 'mismatch');
  assert.equal(map(at('acme.com'), ['a@acme.com', 'b@evil.example']), 'mismatch');
  assert.equal(map(at('acme.com'), ['a@acme.com', 'b@mx.acme.com']), 'rfc822');
  const two = { emails: [`${DSA}@acme.com`, `${DSA}@acme.example`] };
  assert.equal(map(two, ['a@acme.com', 'b@acme.example']), 'rfc822');
});

const ROLE: Names = {
  subject: { o: 'Bravo', cn: 'Mail Gateway' },
  emails: ['gateway@bravo.example'],
  dnsNames: ['direct.bravo.example'],
};

function except(
  subject: string,
  options: { until?: string; now?: Date; from?: string; domains?: string[] } = {},
): string {
  const {
    until = '2026-06-01',
    now = time,
    from = 'a@bravo.example',
    domains = ['bravo.example'],
  } = options;
  const check = checkNameMapping(certificate(ROLE), [mailbox(from)], {
    partnerDomains: domains.map(domain),
    exceptions: [{ subject, until }],
    time: now,
  });
  return conventionOf(check);
}

test('DS-N6, DS-N12: an exception names the certificate by address, DN, dNSName or fingerprint', () => {
  const rule = checkNameMapping(certificate(ROLE), [mailbox('a@bravo.example')]);
  assert.equal(conventionOf(rule), 'rfc822', 'the mapping alone holds; the common name does not');
  assert.equal(except('other@bravo.example'), 'rfc822', 'no exception for it');
  assert.equal(except('gateway@bravo.example'), 'exception');
  assert.equal(except('cn=mail gateway, o=BRAVO'), 'exception');
  assert.equal(except('dns:direct.bravo.example'), 'exception');
  const leaf = certificate(ROLE);
  const check = checkNameMapping(leaf, [mailbox('a@bravo.example')], {
    partnerDomains: [domain('bravo.example')],
    exceptions: [{ subject: `sha256:${leaf.fingerprint}`, until: '2026-12-31' }],
    time,
  });
  assert.equal(conventionOf(check), 'exception');
});

test('DS-N6: an exception ends with its last day, and covers the domains of its partner only', () => {
  const subject = 'gateway@bravo.example';
  assert.equal(except(subject, { now: new Date('2026-06-01T23:59:59Z') }), 'exception');
  assert.notEqual(except(subject, { now: new Date('2026-06-02T00:00:00Z') }), 'exception');
  assert.notEqual(except(subject, { until: 'never' }), 'exception');
  assert.equal(except(subject, { from: 'a@alpha.example' }), 'mismatch');
  assert.notEqual(except(subject, { domains: [] }), 'exception');
});

test('DS-N6: a certificate that fits the rule is not reported as an exception', () => {
  const check = checkNameMapping(certificate(at('bravo.example')), [mailbox('a@bravo.example')], {
    partnerDomains: [domain('bravo.example')],
    exceptions: [{ subject: `${DSA}@bravo.example`, until: '2030-01-01' }],
    time,
  });
  assert.equal(conventionOf(check), 'rfc822');
});

test('RFC 3183 4.1 (DS-N3): the rule holds for a domain-confidentiality-authority too', () => {
  const name = AUTHORITY_NAMES.confidentiality;
  const dca = { subject: { cn: name }, emails: [`${name}@bravo.example`] };
  assert.equal(map(dca, ['a@bravo.example', 'b@mx.bravo.example']), 'rfc822');
  assert.equal(map(dca, ['a@bravo.example', 'b@alpha.example']), 'mismatch');
});

test('DS-N9: public suffixes are known with their wildcards, exceptions and A-labels', () => {
  for (const name of [
    'com',
    'co.uk',
    'github.io',
    'example',
    'anything.ck',
    'xn--55qx5d.cn',
    'kawasaki.jp',
    'foo.kawasaki.jp',
  ]) {
    assert.ok(isPublicSuffix(domain(name)), name);
  }
  for (const name of [
    'acme.com',
    'www.ck',
    'city.kawasaki.jp',
    'a.b.example',
    'x.xn--55qx5d.cn',
    'bravo.internal',
  ]) {
    assert.ok(!isPublicSuffix(domain(name)), name);
  }
});
