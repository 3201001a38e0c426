import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DerError, der, readTlv } from '@sallyport/der';
import fc from 'fast-check';
import { type Filter, namesOf, parseFilter } from './filter.ts';
import { parseRequest } from './protocol.ts';

const text = (value: string): Buffer => der.octetString(Buffer.from(value));
const equals = (attribute: string, value: string): Buffer =>
  der.implicit(3, der.sequence(text(attribute), text(value)));
const present = (attribute: string): Buffer => der.implicit(7, text(attribute));
const and = (...parts: Buffer[]): Buffer => der.implicit(0, der.set(...parts));
const or = (...parts: Buffer[]): Buffer => der.implicit(1, der.set(...parts));
const not = (part: Buffer): Buffer => der.explicit(2, part);
const substring = der.implicit(
  4,
  der.sequence(text('mail'), der.sequence(der.implicit(0, text('b')))),
);
const greater = der.implicit(5, der.sequence(text('mail'), text('a')));

const parse = (bytes: Buffer): Filter => parseFilter(readTlv(bytes), 0);

test('CD-8: a filter that does not name an address pins none', () => {
  const listing = [
    present('mail'),
    present('objectClass'),
    substring,
    greater,
    not(equals('mail', 'nobody@bravo.example')),
    or(equals('mail', 'bob@bravo.example'), present('mail')),
    or(),
    and(),
    equals('cn', 'bob'),
    or(...Array.from({ length: 9 }, (_, i) => equals('mail', `bob${i}@bravo.example`))),
  ];
  for (const filter of listing) assert.equal(namesOf(parse(filter)), null);
});

test('CD-2: the forms that tools use name the address', () => {
  const holds = or(present('userCertificate;binary'), present('userCertificate'));
  const named = [
    equals('mail', 'Bob@bravo.example'),
    equals('0.9.2342.19200300.100.1.3', 'bob@bravo.example'),
    and(equals('mail', 'bob@bravo.example'), holds),
    and(holds, equals('MAIL', 'bob@bravo.example')),
  ];
  for (const filter of named) assert.deepEqual(namesOf(parse(filter)), ['bob@bravo.example']);
});

test('a filter nested deeper or wider than the bound is malformed', () => {
  let deep = present('mail');
  for (let i = 0; i < 10; i += 1) deep = not(deep);
  assert.throws(() => parse(deep), DerError);
  assert.throws(() => parse(and(...Array.from({ length: 40 }, () => present('cn')))), DerError);
});

test('RFC 4511 4.1.1: any bytes are a request or a DerError, never another exception', () => {
  const search = der.sequence(
    der.integer(1),
    der.tagged(
      { tagClass: 'application', tag: 3, constructed: true },
      text('dc=bravo'),
      der.enumerated(2),
      der.enumerated(0),
      der.integer(0),
      der.integer(0),
      der.boolean(false),
      and(equals('mail', 'a@b'), present('cn')),
      der.sequence(text('cn')),
    ),
  );
  assert.equal(parseRequest(search).operation.kind, 'search');
  const mutated = fc.tuple(fc.nat(search.length - 1), fc.nat(255)).map(([at, value]) => {
    const bytes = Buffer.from(search);
    bytes[at] = value;
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 64 })), (bytes) => {
      try {
        parseRequest(Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof DerError);
      }
    }),
    { numRuns: 3_000 },
  );
});
