import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { der } from '@sallyport/der';
import { certificateOf } from '@sallyport/test/certificates';
import fc from 'fast-check';
import { MAX_CERTIFICATE_BYTES, parseCertificate } from './certificate.ts';
import { formatName } from './distinguished-name.ts';
import { formatIp, parseIp } from './general-names.ts';
import { generateKeyPairPem, issueCertificate } from './issue.ts';
import { PKIX } from './oids.ts';
import { validatePath } from './path.ts';
import { formatPemCertificate, parsePemCertificates } from './pem.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = publicKey.export({ format: 'der', type: 'spki' });
const notBefore = new Date('2026-01-01T00:00:00Z');
const base = issueCertificate({
  subject: { c: 'US', o: 'acme', ou: ['defence', 'marketing'], cn: 'John Doe' },
  privateKey,
  notBefore,
  days: 30,
  emails: ['John.Doe@acme.example', 'jürgen@acme.example'],
  dnsNames: ['MX.acme.example'],
  ips: ['2001:db8::1'],
});

function reasonOf(bytes: Buffer): string {
  const result = parseCertificate(bytes);
  return result.kind === 'malformed' ? result.reason : 'certificate';
}

const ALGORITHM = der.sequence(der.oid(PKIX.ecdsaWithSha256));

interface Odd {
  version?: Buffer;
  inner?: Buffer;
  subject?: Buffer;
  validity?: Buffer;
  extensions?: Buffer[];
  serial?: Buffer;
}

function odd(fields: Odd): Buffer {
  const { validity = der.sequence(der.time(notBefore), der.time(notBefore)) } = fields;
  const tbs = der.sequence(
    fields.version ?? der.explicit(0, der.integer(2)),
    fields.serial ?? der.integer(1),
    fields.inner ?? ALGORITHM,
    der.sequence(),
    validity,
    fields.subject ?? der.sequence(),
    spki,
    ...(fields.extensions === undefined
      ? []
      : [der.explicit(3, der.sequence(...fields.extensions))]),
  );
  return der.sequence(tbs, ALGORITHM, der.bitString(sign('sha256', tbs, privateKey)));
}

function extension(oid: string, value: Buffer): Buffer {
  return der.sequence(der.oid(oid), der.octetString(value));
}

function level(oid: string, value: Buffer): Buffer {
  return der.set(der.sequence(der.oid(oid), value));
}

test('RFC 5280 4.1: what is no certificate is refused with a reason', () => {
  assert.equal(reasonOf(odd({})), 'certificate');
  assert.match(reasonOf(Buffer.alloc(0)), /./);
  assert.match(reasonOf(Buffer.concat([base, Buffer.of(0)])), /bytes after/);
  assert.match(reasonOf(Buffer.alloc(MAX_CERTIFICATE_BYTES + 1)), /longer than/);
  assert.match(reasonOf(odd({ version: der.explicit(0, der.integer(4)) })), /version 5/);
  assert.match(reasonOf(odd({ inner: der.sequence(der.oid(PKIX.ed25519)) })), /differ/);
  const v1 = der.explicit(0, der.integer(0));
  const keyUsage = extension(PKIX.keyUsage, der.namedBits([0]));
  assert.match(reasonOf(odd({ version: v1, extensions: [keyUsage] })), /need version 3/);
  assert.match(reasonOf(odd({ extensions: [keyUsage, keyUsage] })), /stands twice/);
  assert.match(reasonOf(odd({ extensions: [] })), /empty/);
  assert.match(reasonOf(odd({ serial: Buffer.of(2, 2, 0, 1) })), /serial/);
});

test('RFC 5280 4.1.2.5: times in other forms than the profile allows are refused', () => {
  const reason = (text: string) =>
    reasonOf(
      odd({
        validity: der.sequence(
          Buffer.concat([Buffer.of(0x17, text.length), Buffer.from(text)]),
          der.time(notBefore),
        ),
      }),
    );
  assert.equal(reason('260101000000Z'), 'certificate');
  assert.match(reason('2601010000Z'), /./);
  assert.notEqual(reason('2601010000Z'), 'certificate');
  assert.notEqual(reason('260101000000+0100'), 'certificate');
  assert.notEqual(reason('260230000000Z'), 'certificate');
});

test('names: broken strings are refused, NUL and control characters in SAN too', () => {
  const subject = (value: Buffer) =>
    reasonOf(odd({ subject: der.sequence(level(PKIX.commonName, value)) }));
  assert.equal(subject(der.utf8String('ok')), 'certificate');
  assert.match(subject(Buffer.of(0x0c, 1, 0xff)), /UTF-8/);
  assert.match(subject(Buffer.of(0x1e, 3, 0, 65, 0)), /odd length/);
  assert.match(subject(Buffer.of(0x13, 1, 0xe4)), /ASCII/);
  const san = (name: Buffer) =>
    reasonOf(odd({ extensions: [extension(PKIX.subjectAltName, der.sequence(name))] }));
  assert.equal(san(der.implicit(1, der.ia5String('a@b.example'))), 'certificate');
  assert.match(san(der.implicit(1, der.ia5String('a@b.example\0.evil.example'))), /visible ASCII/);
  assert.match(san(der.implicit(2, der.ia5String('a b'))), /visible ASCII/);
});

test('RFC 8550 3: addresses come from subjectAltName, and from emailAddress only without them', () => {
  const certificate = certificateOf(base);
  assert.deepEqual(certificate.rfc822Names, ['John.Doe@acme.example']);
  assert.deepEqual(certificate.smtpUtf8Names, ['jürgen@acme.example']);
  assert.deepEqual(
    certificate.mailboxes.map((mailbox) => mailbox.localPart),
    ['John.Doe', 'jürgen'],
  );
  assert.deepEqual(certificate.dnsNames, ['mx.acme.example']);
  assert.deepEqual(certificate.ipAddresses, ['2001:db8::1']);
  const subject = der.sequence(level(PKIX.emailAddress, der.ia5String('dn@acme.example')));
  assert.deepEqual(certificateOf(odd({ subject })).rfc822Names, ['dn@acme.example']);
  const san = extension(
    PKIX.subjectAltName,
    der.sequence(der.implicit(1, der.ia5String('san@acme.example'))),
  );
  assert.deepEqual(certificateOf(odd({ subject, extensions: [san] })).rfc822Names, [
    'san@acme.example',
  ]);
});

test('RFC 4514: a subject is shown with its control and special characters escaped', () => {
  assert.equal(
    formatName(certificateOf(base).subjectName),
    'CN=John Doe,OU=marketing,OU=defence,O=acme,C=US',
  );
  const hostile = der.sequence(level(PKIX.commonName, der.utf8String('a,b\nc')));
  assert.equal(formatName(certificateOf(odd({ subject: hostile })).subjectName), 'CN=a\\,b\\0ac');
});

test('RFC 5280 7.1: names compare without regard to case, white space and string type', () => {
  const one = der.sequence(level(PKIX.organizationName, der.utf8String('  ACME   Corp ')));
  const two = der.sequence(level(PKIX.organizationName, der.printableString('acme corp')));
  const other = der.sequence(level(PKIX.commonName, der.printableString('acme corp')));
  const keyOf = (subject: Buffer) => certificateOf(odd({ subject })).subjectName.key;
  assert.equal(keyOf(one), keyOf(two));
  assert.notEqual(keyOf(one), keyOf(other));
});

test('RFC 5280 4.2.1.9: certificates that contradict themselves are refused in every path', () => {
  const faults = (extensions: Buffer[]) => certificateOf(odd({ extensions })).profileFaults;
  assert.deepEqual(faults([extension(PKIX.keyUsage, der.namedBits([5]))]), [
    'may sign certificates but is no CA',
  ]);
  const policies = der.sequence(der.sequence(der.oid('1.2.3')), der.sequence(der.oid('1.2.3')));
  assert.deepEqual(faults([extension(PKIX.certificatePolicies, policies)]), [
    'names a policy twice',
  ]);
});

test('RFC 7468: PEM text gives its certificates in order, and a bad block a reason', () => {
  const pem = formatPemCertificate(base);
  const text = `# comment\n${pem}-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n${pem.replace(/\n/g, '\r\n')}`;
  assert.deepEqual(
    parsePemCertificates(text).map((item) => item.kind),
    ['certificate', 'certificate'],
  );
  const broken = pem.replace('MII', 'M*I');
  assert.deepEqual(
    parsePemCertificates(broken).map((item) => item.kind),
    ['malformed'],
  );
  assert.deepEqual(parsePemCertificates('nothing'), []);
});

test('property: flipped, cut and random bytes never throw, and never validate when changed', () => {
  const anchor = certificateOf(base);
  const time = new Date('2026-01-10T00:00:00Z');
  fc.assert(
    fc.property(fc.nat(base.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = Buffer.from(base);
      bytes[at] = (bytes[at] ?? 0) ^ flip;
      const result = parseCertificate(bytes);
      if (result.kind === 'malformed') return;
      const path = validatePath({
        leaf: result.value,
        intermediates: [],
        anchors: [anchor],
        time,
        purpose: 'any',
      });
      assert.equal(path.kind, 'invalid');
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.nat(base.length - 1), (length) => {
      assert.equal(parseCertificate(base.subarray(0, length)).kind, 'malformed');
    }),
  );
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      (bytes) => parseCertificate(Buffer.from(bytes)).kind === 'malformed',
    ),
  );
});

test('addresses: text and octets agree', () => {
  for (const text of [
    '192.0.2.1',
    '::',
    '::1',
    '2001:db8::1',
    'fe80::1:0:0:1',
    '1:2:3:4:5:6:7:8',
    '2001:db8:0:1:1:1:1:1',
  ]) {
    const octets = parseIp(text);
    assert.ok(octets !== null, text);
    assert.equal(formatIp(octets), text);
  }
  for (const text of [
    '',
    '1.2.3',
    '256.1.1.1',
    '1::2::3',
    ':::',
    '12345::',
    '1:2:3:4:5:6:7:8:9',
    'mx.example',
  ]) {
    assert.equal(parseIp(text), null, text);
  }
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const octets = Buffer.from(bytes);
      assert.deepEqual(parseIp(formatIp(octets) ?? ''), octets);
    }),
  );
});

test('what RFC 5280 does not allow is not issued', () => {
  const issue = (fields: object) => () =>
    issueCertificate({ subject: { cn: 'x' }, privateKey, notBefore, days: 1, ...fields });
  assert.throws(issue({ subject: { c: 'USA' } }), RangeError);
  assert.throws(issue({ subject: { cn: 'a\nb' } }), RangeError);
  assert.throws(issue({ emails: ['nobody'] }), RangeError);
  assert.throws(issue({ dnsNames: ['a b'] }), RangeError);
  assert.throws(issue({ days: 0 }), RangeError);
  assert.throws(issue({ nameConstraints: { permitted: { ips: ['10.0.0.0/33'] } } }), RangeError);
});

test('generateKeyPairPem makes keys that checkKey accepts', () => {
  for (const kind of ['rsa-2048', 'ec-p256', 'ec-p384'] as const) {
    const pair = generateKeyPairPem(kind);
    const bytes = issueCertificate({
      subject: { cn: kind },
      privateKey: pair.privateKeyPem,
      notBefore,
      days: 1,
    });
    const certificate = certificateOf(bytes);
    assert.ok(certificate.spki.equals(pair.spki));
    assert.equal(certificate.checkKey().kind, 'ok');
    assert.ok(certificate.publicKey().type === 'public');
  }
});
