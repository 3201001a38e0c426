import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { der, OID } from '@sallyport/der';
import { parseDomain } from '@sallyport/mail';
import {
  type Certificate,
  parseCertificate,
  type ValidatedCertificate,
  validatePath,
} from '@sallyport/pki';
import { mailbox } from '@sallyport/test/addresses';
import { AUTHORITY_NAMES, checkAuthorityName, checkNameMapping } from './naming.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = publicKey.export({ format: 'der', type: 'spki' });
const TIME = new Date('2026-06-01T00:00:00Z');
const DSA = AUTHORITY_NAMES.domain;

/** A BMPString (RFC 5280 section 4.1.2.4), a TeletexString, an IA5String, a PrintableString. */
const bmp = (text: string): Buffer => tagged(0x1e, Buffer.from(text, 'utf16le').swap16());
const teletex = (text: string): Buffer => tagged(0x14, Buffer.from(text, 'latin1'));
const ia5 = (text: string): Buffer => tagged(0x16, Buffer.from(text, 'latin1'));
const utf8 = der.utf8String;

function tagged(tag: number, octets: Buffer): Buffer {
  const bytes = der.octetString(octets);
  bytes[0] = tag;
  return bytes;
}

type Attribute = readonly [string, Buffer | string];
/** One level of a subject: one attribute, or several that share it. */
type Level = Attribute | readonly Attribute[];

const isOne = (level: Level): level is Attribute => typeof level[0] === 'string';

function encodeName(levels: readonly Level[]): Buffer {
  const rdns = levels.map((level) => {
    const attributes = isOne(level) ? [level] : level;
    return der.setOf(
      attributes.map(([oid, value]) =>
        der.sequence(der.oid(oid), typeof value === 'string' ? utf8(value) : value),
      ),
    );
  });
  return der.sequence(...rdns);
}

interface Names {
  readonly subject: readonly Level[];
  /** rfc822Name octets as they stand. */
  readonly emails?: readonly (string | Buffer)[];
  readonly smtpUtf8?: readonly string[];
}

/** A certificate as some CA might write it: by hand, since ours would refuse. */
function encode({ subject, emails = [], smtpUtf8 = [] }: Names): Buffer {
  const algorithm = der.sequence(der.oid(OID.ecdsaWithSha256));
  const name = encodeName(subject);
  const names = [
    ...emails.map((one) =>
      der.implicit(1, der.octetString(typeof one === 'string' ? Buffer.from(one) : one)),
    ),
    ...smtpUtf8.map((one) =>
      der.implicit(
        0,
        der.sequence(der.oid(OID.smtpUtf8Mailbox), der.explicit(0, der.utf8String(one))),
      ),
    ),
  ];
  const altNames = der.sequence(
    der.oid(OID.subjectAltName),
    der.octetString(der.sequence(...names)),
  );
  const tbs = der.sequence(
    der.explicit(0, der.integer(2)),
    der.integer(1),
    algorithm,
    name,
    der.sequence(
      der.time(new Date('2026-01-01T00:00:00Z')),
      der.time(new Date('2027-01-01T00:00:00Z')),
    ),
    name,
    der.raw(spki),
    ...(names.length > 0 ? [der.explicit(3, der.sequence(altNames))] : []),
  );
  return der.sequence(tbs, algorithm, der.bitString(sign('sha256', tbs, privateKey)));
}

function certificate(names: Names): Certificate {
  const parsed = parseCertificate(encode(names));
  assert.ok(parsed.kind === 'certificate', parsed.kind === 'malformed' ? parsed.reason : '');
  return parsed.value;
}

function validated(names: Names): ValidatedCertificate {
  const leaf = certificate(names);
  const found = validatePath({
    leaf,
    intermediates: [],
    anchors: [leaf],
    time: TIME,
    purpose: 'any',
  });
  assert.ok(found.kind === 'valid');
  return found.certificate;
}

const CN: Attribute = [OID.commonName, DSA];

test('RFC 3183 3.1.1 (DS-N1): a common name that merely looks like the authority is not it', () => {
  const looks: readonly (readonly [string, readonly Level[]])[] = [
    ['a Cyrillic i', [[OID.commonName, DSA.replace('i', '\u0456')]]],
    ['a dotless i', [[OID.commonName, DSA.replace('i', '\u0131')]]],
    ['a dotted capital I', [[OID.commonName, DSA.replace('i', '\u0130')]]],
    ['full-width letters', [[OID.commonName, DSA.replace('d', '\uff44')]]],
    ['another hyphen', [[OID.commonName, DSA.replaceAll('-', '\u2010')]]],
    ['a soft hyphen', [[OID.commonName, `${DSA}\u00ad`]]],
    ['a zero-width space', [[OID.commonName, DSA.replace('-', '-\u200b')]]],
    ['a NUL and more', [[OID.commonName, `${DSA}\0.evil`]]],
    ['a NUL alone', [[OID.commonName, `${DSA}\0`]]],
    ['a NUL in a BMPString', [[OID.commonName, bmp(`${DSA}\0`)]]],
    ['a blank', [[OID.commonName, ` ${DSA}`]]],
    ['a right-to-left mark', [[OID.commonName, `\u202e${DSA}`]]],
    ['an address', [[OID.commonName, `${DSA}@acme.com`]]],
    [
      'Latin-1 octets in a TeletexString',
      [[OID.commonName, teletex('domain-signing-authority\u00a0')]],
    ],
    ['bytes that are no text', [[OID.commonName, der.octetString(Buffer.from(DSA))]]],
    ['the name in another attribute', [[OID.organizationName, DSA]]],
    ['two of them', [CN, CN]],
    ['two on one level', [[CN, [OID.commonName, 'John Doe']]]],
    ['two in two string types', [CN, [OID.commonName, bmp(DSA)]]],
  ];
  for (const [what, subject] of looks) {
    assert.equal(checkAuthorityName(certificate({ subject }), 'domain').kind, 'mismatch', what);
  }
});

test('RFC 5280 4.1.2.4 (DS-N1): the string type and ASCII case of the common name do not count', () => {
  for (const value of [
    utf8(DSA),
    bmp(DSA),
    teletex(DSA),
    ia5(DSA),
    der.printableString(DSA),
    utf8(DSA.toUpperCase()),
  ]) {
    const found = certificate({ subject: [[OID.commonName, value]] });
    assert.equal(checkAuthorityName(found, 'domain').kind, 'ok');
  }
  const beside = certificate({ subject: [[CN, [OID.serialNumber, '1']]] });
  assert.equal(checkAuthorityName(beside, 'domain').kind, 'ok', 'another attribute beside it');
});

test('RFC 3183 3.1.1 (DS-N2): an address hidden in the subject counts too, where a SAN stands', () => {
  const email = (text: Buffer | string): Attribute => [OID.emailAddress, text];
  const emails = [`${DSA}@acme.com`];
  for (const other of ['john@evil.example', `${DSA}@`, 'no address', `${DSA}@acme.com\0`]) {
    const found = certificate({ subject: [CN, email(ia5(other))], emails });
    assert.equal(checkAuthorityName(found, 'domain').kind, 'mismatch', other);
  }
  const evil = certificate({ subject: [CN, email(ia5(`${DSA}@evil.example`))] });
  assert.equal(checkNameMapping(evil, [mailbox('a@acme.com')]).kind, 'mismatch');
});

test('a certificate whose addresses hold control characters or other octets is not read at all', () => {
  for (const octets of [
    Buffer.from(`${DSA}@acme.com\0.evil.example`),
    Buffer.from(`${DSA}@acme.com\r\nX: y`),
    Buffer.from(`${DSA}@acme.com `),
    Buffer.from(`${DSA}@\u0430cme.com`),
  ]) {
    const bytes = encode({ subject: [CN], emails: [octets] });
    assert.equal(parseCertificate(bytes).kind, 'malformed', octets.toString());
  }
});

test('DS-N9: an address of a domain that merely looks alike stands for nobody here', () => {
  const rows: readonly (readonly [string, string, 'ok' | 'mismatch'])[] = [
    ['ACME.COM', 'a@acme.com', 'ok'],
    ['acme.com', 'a@ACME.com', 'ok'],
    ['acme.com.', 'a@acme.com', 'ok'],
    ['acme.com..', 'a@acme.com', 'mismatch'],
    ['.acme.com', 'a@acme.com', 'mismatch'],
    ['acme..com', 'a@acme.com', 'mismatch'],
    ['notacme.com', 'a@acme.com', 'mismatch'],
    ['acme.com', 'a@notacme.com', 'mismatch'],
    ['acme.com.evil.example', 'a@acme.com', 'mismatch'],
    ['acme.com', 'a@acme.com.evil.example', 'mismatch'],
    ['acme-com.example', 'a@acme.com', 'mismatch'],
    ['xn--cme-5cd.com', 'a@acme.com', 'mismatch'],
    ['xn--cme-5cd.com', 'a@\u0430cme.com', 'ok'],
    ['acme.com', 'a@\u0430cme.com', 'mismatch'],
    ['acme.com', 'a@ac\u200bme.com', 'ok'],
    ['127.0.0.1', 'a@acme.com', 'mismatch'],
    ['[acme.com]', 'a@acme.com', 'mismatch'],
    ['com', 'a@acme.com', 'mismatch'],
    ['com.', 'a@acme.com', 'mismatch'],
    ['co.uk', 'a@acme.co.uk', 'mismatch'],
    ['xn--55qx5d.cn', 'a@acme.xn--55qx5d.cn', 'mismatch'],
    ['acme.co.uk', 'a@mail.acme.co.uk', 'ok'],
    ['mail.acme.co.uk', 'a@acme.co.uk', 'mismatch'],
  ];
  for (const [domain, originator, expected] of rows) {
    const found = certificate({ subject: [CN], emails: [`${DSA}@${domain}`] });
    const check = checkNameMapping(found, [mailbox(originator)]);
    assert.equal(check.kind, expected, `${domain} for ${originator}`);
  }
});

test('RFC 9598: an internationalised address compares by its A-label', () => {
  const found = certificate({ subject: [CN], smtpUtf8: [`${DSA}@b\u00fccher.example`] });
  assert.equal(checkNameMapping(found, [mailbox('a@xn--bcher-kva.example')]).kind, 'ok');
  assert.equal(checkNameMapping(found, [mailbox('a@bucher.example')]).kind, 'mismatch');
  const two = certificate({
    subject: [CN],
    emails: [`${DSA}@acme.com`],
    smtpUtf8: ['postmaster@b\u00fccher.example'],
  });
  assert.equal(checkAuthorityName(two, 'domain').kind, 'mismatch', 'every address has the name');
});

const C: Attribute = [OID.countryName, der.printableString('US')];
const O: Attribute = [OID.organizationName, 'acme'];
const L: Attribute = [OID.localityName, 'Dayton'];
const ST: Attribute = [OID.stateOrProvinceName, 'Ohio'];
const OU = (name: string): Attribute => [OID.organizationalUnitName, name];
const DC = (name: string | Buffer): Attribute => [
  OID.domainComponent,
  typeof name === 'string' ? ia5(name) : name,
];

/** The signer's subject against the originator's, with no address of the signer. */
function mapSubjects(
  signer: readonly Level[],
  originator: readonly Level[],
  partnerDomains: readonly string[] = [],
): string {
  const own = validated({
    subject: [...originator, [OID.commonName, 'John Doe']],
    emails: ['j@marketing.defence.acme.com'],
  });
  const domains = partnerDomains.map(parseDomain).filter((one) => one !== null);
  const check = checkNameMapping(
    certificate({ subject: [...signer, CN] }),
    [mailbox('j@marketing.defence.acme.com')],
    {
      originatorCertificates: [own],
      ...(domains.length > 0 ? { partnerDomains: domains } : {}),
    },
  );
  return check.kind === 'ok' ? check.convention : 'mismatch';
}

test('RFC 3183 3.1.1 (DS-N4, DS-N5, DS-N8): X.500 subjects, the examples and what is like them', () => {
  const john = [C, O, OU('defence'), OU('marketing')];
  const rows: readonly (readonly [string, readonly Level[], readonly Level[], string])[] = [
    ['the first example', [C, O], [C, O, OU('marketing')], 'dn'],
    ['the second example', [C, O, OU('defence')], john, 'dn'],
    ['units turned round', [C, O, OU('marketing')], john, 'mismatch'],
    ['both units, turned round', [C, O, OU('marketing'), OU('defence')], john, 'mismatch'],
    [
      'deeper than the originator',
      [C, O, OU('defence'), OU('marketing'), OU('x')],
      john,
      'mismatch',
    ],
    [
      'every form: C, ST, L, O, OU',
      [C, ST, L, O, OU('defence')],
      [C, ST, L, O, OU('defence')],
      'dn',
    ],
    [
      'localities in order',
      [C, L, [OID.localityName, 'East'], O],
      [C, L, [OID.localityName, 'East'], O],
      'dn',
    ],
    [
      'localities turned round',
      [C, [OID.localityName, 'East'], L, O],
      [C, L, [OID.localityName, 'East'], O],
      'mismatch',
    ],
    ['a locality of another name', [C, [OID.localityName, 'acme']], [C, O], 'mismatch'],
    ['the organization as a unit', [C, OU('acme')], [C, OU('acme'), OU('x')], 'mismatch'],
    ['a country alone', [C], john, 'mismatch'],
    ['no country on one side', [O], john, 'mismatch'],
    ['case and blanks', [C, [OID.organizationName, '  ACME ']], john, 'dn'],
    ['another string type', [C, [OID.organizationName, bmp('acme')]], john, 'dn'],
    ['a TeletexString', [C, [OID.organizationName, teletex('acme')]], john, 'dn'],
    ['a Cyrillic a', [C, [OID.organizationName, '\u0430cme']], john, 'mismatch'],
    ['a NUL', [C, [OID.organizationName, 'acme\0']], john, 'mismatch'],
    ['a NUL in a BMPString', [C, [OID.organizationName, bmp('acme\0corp')]], john, 'mismatch'],
    [
      'no text',
      [C, [OID.organizationName, der.octetString(Buffer.from('acme'))]],
      john,
      'mismatch',
    ],
    ['organization and unit on one level', [C, [O, OU('defence')]], john, 'mismatch'],
    ['the originator has two on one level', [C, O], [C, [O, OU('x')]], 'mismatch'],
    ['units that share a level', [C, O, [OU('defence'), OU('marketing')]], john, 'mismatch'],
    ['a unit beside the common name', [C, O], [C, O, [OU('x'), [OID.surname, 'Doe']]], 'dn'],
    ['an organization below a unit', [C, OU('acme'), O], [C, OU('acme'), O], 'mismatch'],
    ['a country further down', [O, C], [O, C], 'mismatch'],
    ['two organizations', [C, [OID.organizationName, 'evil'], O], john, 'mismatch'],
  ];
  for (const [what, signer, originator, expected] of rows) {
    assert.equal(mapSubjects(signer, originator), expected, what);
  }
});

test('RFC 2247 (DS-N4, DS-N5, DS-N8, DS-N9): domain components, the example and what is like it', () => {
  const john = [DC('us'), DC('acme'), DC('marketing')];
  const rows: readonly (readonly [string, readonly Level[], string])[] = [
    ['the example', [DC('us'), DC('acme')], 'dn'],
    ['the same', john, 'dn'],
    ['case', [DC('US'), DC('ACME')], 'dn'],
    ['another string type', [DC('us'), DC(bmp('acme'))], 'dn'],
    ['a public suffix', [DC('us')], 'mismatch'],
    ['written from the bottom up', [DC('acme'), DC('us')], 'mismatch'],
    ['whole labels', [DC('us'), DC('me')], 'mismatch'],
    ['a label that ends alike', [DC('us'), DC('notacme')], 'mismatch'],
    ['two labels in one component', [DC('acme.us')], 'mismatch'],
    ['a component of nothing but a dot', [DC('us'), DC('acme'), DC('.')], 'mismatch'],
    ['a trailing dot', [DC('us.'), DC('acme')], 'mismatch'],
    ['an ideographic full stop', [DC(utf8('us')), DC(utf8('acme\u3002marketing'))], 'mismatch'],
    ['a NUL', [DC('us'), DC('acme\0')], 'mismatch'],
    ['a blank', [DC('us'), DC('acme ')], 'mismatch'],
    ['a Cyrillic a', [DC('us'), DC(utf8('\u0430cme'))], 'mismatch'],
    ['components on one level', [[DC('us'), DC('acme')]], 'mismatch'],
    ['deeper', [...john, DC('x')], 'mismatch'],
  ];
  for (const [what, signer, expected] of rows) {
    assert.equal(mapSubjects(signer, john), expected, what);
  }
  const acme = [DC('us'), DC('acme')];
  assert.equal(mapSubjects(acme, john, ['defence.acme.com']), 'dn', 'another tree than the mail');
  const own = [DC('com'), DC('acme'), DC('defence')];
  const below = [...own, DC('marketing')];
  assert.equal(mapSubjects(own, below, ['defence.acme.com']), 'dn');
  assert.equal(
    mapSubjects([DC('com'), DC('acme')], below, ['defence.acme.com']),
    'mismatch',
    'above the domain of the record',
  );
});

test('DS-N10: X.500 and domain components in one subject must both pass', () => {
  const john = [DC('us'), DC('acme'), C, O, OU('marketing')];
  assert.equal(mapSubjects([DC('us'), DC('acme'), C, O], john), 'dn');
  assert.equal(mapSubjects([DC('us'), DC('evil'), C, O], john), 'mismatch');
  assert.equal(
    mapSubjects([DC('us'), DC('acme'), C, [OID.organizationName, 'evil']], john),
    'mismatch',
  );
  assert.equal(mapSubjects([DC('us'), DC('acme')], john), 'dn', 'what is not there says nothing');
});
