import assert from 'node:assert/strict';
import { test } from 'node:test';
import { der } from '@sallyport/der';
import { parseCertificate } from './certificate.ts';
import { PKIX } from './oids.ts';
import { validatePath } from './path.ts';
import {
  CA_EXTENSIONS,
  certificate,
  extension,
  NOW,
  nameOf,
  type Party,
} from './test-authority.ts';

const root = certificate({ cn: 'Root', extensions: CA_EXTENSIONS });

const mail = (text: string) => der.implicit(1, der.ia5String(text));
const host = (text: string) => der.implicit(2, der.ia5String(text));
const uri = (text: string) => der.implicit(6, der.ia5String(text));
const ip = (...octets: number[]) => der.implicit(7, der.octetString(Buffer.from(octets)));
const directory = (name: Buffer) => der.explicit(4, name);
const other = (oid: string, value: Buffer) => der.explicit(0, der.oid(oid), der.explicit(0, value));
const utf8Mail = (text: string) => other(PKIX.smtpUtf8Mailbox, der.utf8String(text));

type Sides = { permitted?: readonly Buffer[]; excluded?: readonly Buffer[] };

function constraints({ permitted, excluded }: Sides): Buffer {
  const subtrees = (list: readonly Buffer[]) => list.map((base) => der.sequence(base));
  const parts = [
    ...(permitted === undefined ? [] : [der.explicit(0, ...subtrees(permitted))]),
    ...(excluded === undefined ? [] : [der.explicit(1, ...subtrees(excluded))]),
  ];
  return extension(PKIX.nameConstraints, der.sequence(...parts), 'critical');
}

function boundCa(sides: Sides): Party {
  return certificate({
    cn: 'CA',
    issuer: root,
    extensions: [...CA_EXTENSIONS, constraints(sides)],
  });
}

function check(sides: Sides, names: readonly Buffer[], subject = nameOf('Leaf')): string {
  const ca = boundCa(sides);
  const san = names.length === 0 ? [] : [extension(PKIX.subjectAltName, der.sequence(...names))];
  const leaf = certificate({ cn: 'Leaf', subject, issuer: ca, extensions: san });
  const result = validatePath({
    leaf: leaf.certificate,
    intermediates: [ca.certificate],
    anchors: [root.certificate],
    time: NOW,
    purpose: 'any',
  });
  return result.kind === 'valid' ? 'valid' : result.code;
}

const VIOLATED = 'name-constraints';

test('RFC 8398 6, RFC 9598 6: SmtpUTF8Mailbox obeys the rfc822Name constraints of its domain', () => {
  const school = { permitted: [mail('elementary.school.example.com')] };
  assert.equal(check(school, [utf8Mail('学生@elementary.school.example.com')]), 'valid');
  assert.equal(check(school, [utf8Mail('学生@school.example.com')]), VIOLATED);
  const university = { permitted: [mail('xn--pss25c.example.com')] };
  assert.equal(check(university, [utf8Mail('医生@大学.example.com')]), 'valid', 'a U-label');
  assert.equal(check(university, [utf8Mail('医生@xn--pss25c.example.com')]), 'valid', 'an A-label');
  const without = { excluded: [mail('.example.com')] };
  assert.equal(check(without, [utf8Mail('医生@大学.example.com')]), VIOLATED);
  assert.equal(check(without, [utf8Mail('医生@大学.example.org')]), 'valid');
  const one = { permitted: [mail('student@example.com')] };
  assert.equal(check(one, [utf8Mail('学生@example.com')]), VIOLATED, 'one mailbox is not another');
});

test('RFC 5280 4.2.1.10: emailAddress of the subject counts where there is no address beside it', () => {
  const attribute = der.sequence(der.oid(PKIX.emailAddress), der.ia5String('a@alpha.example'));
  const subject = der.sequence(der.set(attribute));
  const bravo = { permitted: [mail('bravo.example')] };
  assert.equal(check(bravo, [], subject), VIOLATED);
  assert.equal(check({ excluded: [mail('alpha.example')] }, [], subject), VIOLATED);
  assert.equal(check({ excluded: [mail('bravo.example')] }, [], subject), 'valid');
});

test('RFC 5280 4.2.1.10: the host of a URI is constrained, and a URI without one fails', () => {
  const at = (base: string, text: string) => check({ permitted: [uri(base)] }, [uri(text)]);
  assert.equal(at('bravo.example', 'https://bravo.example:8443/x'), 'valid');
  assert.equal(at('bravo.example', 'https://mx.bravo.example/'), VIOLATED, 'a host is that host');
  assert.equal(at('.bravo.example', 'https://mx.bravo.example/'), 'valid');
  assert.equal(at('.bravo.example', 'https://bravo.example/'), VIOLATED);
  assert.equal(at('bravo.example', 'https://bravo.example@alpha.example/'), VIOLATED);
  assert.equal(at('bravo.example', 'https://192.0.2.1/'), VIOLATED);
  assert.equal(at('bravo.example', 'urn:uuid:1'), VIOLATED);
  const without = (text: string) => check({ excluded: [uri('bravo.example')] }, [uri(text)]);
  assert.equal(without('https://alpha.example/'), 'valid');
  assert.equal(without('https://BRAVO.example/'), VIOLATED);
  assert.equal(without('urn:uuid:1'), VIOLATED, 'not known to be outside');
});

test('RFC 5280 4.2.1.10: addresses and directory names, permitted and excluded', () => {
  const net = [ip(192, 0, 2, 0, 255, 255, 255, 0)];
  assert.equal(check({ permitted: net }, [ip(192, 0, 2, 7)]), 'valid');
  assert.equal(check({ permitted: net }, [ip(192, 0, 3, 7)]), VIOLATED);
  assert.equal(check({ excluded: net }, [ip(192, 0, 2, 7)]), VIOLATED);
  assert.equal(check({ permitted: net }, [ip(...Array<number>(16).fill(0))]), VIOLATED, 'IPv6');
  assert.equal(check({ permitted: net }, [host('mx.bravo.example')]), 'valid', 'another form');
  const leaf = [directory(nameOf('LEAF'))];
  assert.equal(check({ permitted: leaf }, []), 'valid');
  assert.equal(check({ excluded: leaf }, []), VIOLATED);
  assert.equal(check({ permitted: leaf }, [directory(nameOf('Boss'))]), VIOLATED);
});

test('RFC 5280 4.2.1.10: a constraint on a form that is not processed refuses names of that form alone', () => {
  const form = other('1.2.3.4', der.utf8String('x'));
  assert.equal(check({ permitted: [form] }, [form]), VIOLATED);
  assert.equal(check({ excluded: [form] }, [other('1.2.3.4', der.utf8String('y'))]), VIOLATED);
  assert.equal(check({ excluded: [form] }, [mail('a@bravo.example')]), 'valid');
});

test('a base that would constrain nothing makes the certificate malformed', () => {
  const make = (base: Buffer) => {
    const { certificate: bound } = boundCa({ excluded: [mail('bravo.example')] });
    const text = bound.der.toString('latin1');
    const from = mail('bravo.example').toString('latin1');
    const changed = Buffer.from(text.replace(from, base.toString('latin1')), 'latin1');
    assert.equal(changed.length, bound.der.length, 'same length, so that only the base is wrong');
    return parseCertificate(changed).kind;
  };
  assert.equal(make(mail('alpha.example')), 'certificate');
  for (const base of [
    uri('http://a.b/cd'),
    uri('*.a.example12'),
    host('*.a.example34'),
    mail('@bravo.exampl'),
    ip(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13),
  ]) {
    assert.equal(make(base), 'malformed', base.toString('latin1'));
  }
});
