import assert from 'node:assert/strict';
import { test } from 'node:test';
import { der, OID } from '@sallyport/der';
import fc from 'fast-check';
import { type EssAttribute, encodeEssAttribute } from './labels-encode.ts';
import { type EssAttributes, readEssAttributes } from './labels-read.ts';

/** Reads attributes that a SignerInfo would bring: OID and value. */
function read(...attributes: readonly (readonly [string, Buffer])[]): EssAttributes {
  const found = new Map<string, Buffer[]>();
  for (const [oid, value] of attributes) found.set(oid, [...(found.get(oid) ?? []), value]);
  const duplicateAttributes = [...found].flatMap(([oid, values]) =>
    values.length > 1 ? [oid] : [],
  );
  return readEssAttributes({ attributes: found, duplicateAttributes });
}

function encoded(attribute: EssAttribute): readonly [string, Buffer] {
  const { oid, value } = encodeEssAttribute(attribute);
  return [oid, value];
}

const POLICY = '1.3.6.1.4.1.99999.1';
const oid = der.oid(POLICY);
const category = (type: string): Buffer =>
  der.sequence(
    der.implicit(0, der.oid(type)),
    der.explicit(1, der.utf8String('whatever the policy says')),
  );
const name = (mailbox: string): Buffer => der.sequence(der.implicit(1, der.ia5String(mailbox)));
const from = der.implicit(0, der.integer(0));
const time = der.generalizedTime(new Date('2026-06-01T00:00:00Z'));
const list = der.octetString(Buffer.of(1, 2, 3));

test('RFC 2634: an attribute that cannot be read is named and counts as none', () => {
  const label = der.setOf([oid]);
  const bad: readonly (readonly [string, string, Buffer])[] = [
    ['no DER', OID.securityLabel, Buffer.from('label')],
    ['a SEQUENCE', OID.securityLabel, der.sequence(oid)],
    ['no policy', OID.securityLabel, der.setOf([der.integer(1)])],
    ['two policies', OID.securityLabel, der.setOf([oid, der.oid('1.2.3')])],
    ['classification over 256', OID.securityLabel, der.setOf([oid, der.integer(257)])],
    ['negative classification', OID.securityLabel, der.setOf([oid, der.integer(-1)])],
    ['an empty mark', OID.securityLabel, der.setOf([oid, der.utf8String('')])],
    [
      'two marks',
      OID.securityLabel,
      der.setOf([oid, der.utf8String('a'), der.printableString('a')]),
    ],
    ['a mark not in UTF-8', OID.securityLabel, der.setOf([oid, Buffer.from('0c02c328', 'hex')])],
    ['a strange part', OID.securityLabel, der.setOf([oid, der.null()])],
    [
      'a category without value',
      OID.securityLabel,
      der.setOf([oid, der.setOf([der.sequence(der.implicit(0, oid))])]),
    ],
    [
      'too many categories',
      OID.securityLabel,
      der.setOf([oid, der.setOf(Array.from({ length: 65 }, (_, at) => category(`1.2.${at}`)))]),
    ],
    ['something after it', OID.securityLabel, Buffer.concat([label, label])],
    ['no label at all', OID.equivalentLabels, der.sequence()],
    ['one policy twice', OID.equivalentLabels, der.sequence(label, label)],
    [
      'too many labels',
      OID.equivalentLabels,
      der.sequence(...Array.from({ length: 17 }, (_, at) => der.setOf([der.oid(`1.2.${at}`)]))),
    ],
    ['nobody to send to', OID.receiptRequest, der.sequence(list, from, der.sequence())],
    [
      'neither all nor first tier',
      OID.receiptRequest,
      der.sequence(list, der.implicit(0, der.integer(2)), der.sequence(name('a@b.example'))),
    ],
    [
      'too many to send to',
      OID.receiptRequest,
      der.sequence(
        list,
        from,
        der.sequence(...Array.from({ length: 17 }, () => name('a@b.example'))),
      ),
    ],
    ['an empty history', OID.mlExpansionHistory, der.sequence()],
    [
      'over 64 lists',
      OID.mlExpansionHistory,
      der.sequence(...Array.from({ length: 65 }, () => der.sequence(list, time))),
    ],
    ['no time', OID.mlExpansionHistory, der.sequence(der.sequence(list))],
    [
      'a strange receipt policy',
      OID.mlExpansionHistory,
      der.sequence(der.sequence(list, time, der.implicit(3, der.null()))),
    ],
    [
      'receipts instead of to nobody',
      OID.mlExpansionHistory,
      der.sequence(der.sequence(list, time, der.implicit(1, der.sequence()))),
    ],
    ['a hint without type', OID.contentHint, der.sequence(der.utf8String('x'))],
  ];
  for (const [what, type, value] of bad) {
    const found = read([type, value]);
    assert.deepEqual(found.malformed, [type], what);
    const { securityLabel, equivalentLabels, receiptRequest, mlExpansionHistory } = found;
    assert.equal(securityLabel, null, what);
    assert.deepEqual(equivalentLabels, [], what);
    assert.equal(receiptRequest, null, what);
    assert.equal(mlExpansionHistory, null, what);
    assert.equal(found.contentHint, null, what);
  }
});

test('RFC 2634 3.1.1, 4.1: an attribute that stands twice is not read, the same value or another', () => {
  const label = der.setOf([oid]);
  const found = read([OID.securityLabel, label], [OID.securityLabel, label]);
  assert.equal(found.securityLabel, null);
  assert.deepEqual(found.malformed, [OID.securityLabel]);
});

test('RFC 2634 3.4.1: equivalent labels are of other policies than the label they go with', () => {
  const label = der.setOf([oid]);
  const own = [OID.securityLabel, label] as const;
  const same = read(own, [OID.equivalentLabels, der.sequence(label)]);
  assert.deepEqual(same.malformed, [OID.equivalentLabels]);
  const other = der.setOf([der.oid('1.2.3')]);
  const found = read(own, [OID.equivalentLabels, der.sequence(other)]);
  assert.deepEqual(
    found.equivalentLabels.map(({ policy }) => policy),
    ['1.2.3'],
  );
});

test('RFC 2634 3.2: a label is a SET, so BER may bring its parts in any order', () => {
  const parts = [
    oid,
    der.integer(256),
    der.printableString('NATO'),
    der.setOf([category('1.2.3'), category('1.2.4')]),
  ];
  for (const order of [parts, [...parts].reverse()]) {
    const value = der.set(...order);
    const { securityLabel } = read([OID.securityLabel, value]);
    assert.deepEqual(securityLabel, {
      policy: POLICY,
      classification: 256,
      privacyMark: 'NATO',
      privacyMarkForm: 'printable',
      categories: ['1.2.3', '1.2.4'],
      der: value,
    });
  }
});

test('names that are no addresses, or hide control characters, stand as bytes', () => {
  const dns = der.implicit(2, der.ia5String('a.example'));
  const forged = der.implicit(1, der.octetString(Buffer.from('a@b.example\r\nX: y')));
  const to = der.sequence(der.sequence(dns), der.sequence(forged), name('a@b.example'));
  const { receiptRequest } = read([OID.receiptRequest, der.sequence(list, from, to)]);
  assert.deepEqual(receiptRequest?.to, [
    [`#${dns.toString('hex')}`],
    [`#${forged.toString('hex')}`],
    ['a@b.example'],
  ]);
});

test('RFC 2634: what is encoded reads back as it was', () => {
  const label = { policy: POLICY, classification: 2, privacyMark: 'inténne' };
  const entries = [
    {
      list: { kind: 'subjectKeyId', subjectKeyId: Buffer.of(9, 8) },
      time: new Date('2026-06-01T00:00:00Z'),
      receiptPolicy: null,
    },
    {
      list: {
        kind: 'issuerAndSerial',
        issuer: der.sequence(
          der.setOf([der.sequence(der.oid(OID.commonName), der.utf8String('CA'))]),
        ),
        serial: Buffer.of(0, 0x80),
      },
      time: new Date('2026-06-02T00:00:00Z'),
      receiptPolicy: { kind: 'inAdditionTo', to: [['a@b.example'], ['c@d.example']] },
    },
  ] as const;
  const found = read(
    encoded({ kind: 'security-label', label }),
    encoded({ kind: 'equivalent-labels', labels: [{ ...label, policy: '1.2.3' }] }),
    encoded({
      kind: 'receipt-request',
      contentIdentifier: Buffer.of(1),
      from: ['bob@bravo.example'],
      to: ['alice@acme.example'],
    }),
    encoded({ kind: 'content-hint', description: 'a hint', contentType: OID.receipt }),
    encoded({ kind: 'ml-expansion-history', entries }),
  );
  assert.deepEqual(found.malformed, []);
  const { policy, classification, privacyMark } = found.securityLabel ?? {};
  assert.deepEqual({ policy, classification, privacyMark }, label);
  assert.equal(found.equivalentLabels[0]?.policy, '1.2.3');
  assert.deepEqual(found.receiptRequest, {
    contentIdentifier: Buffer.of(1),
    from: [['bob@bravo.example']],
    to: [['alice@acme.example']],
  });
  assert.deepEqual(found.contentHint, { description: 'a hint', contentType: OID.receipt });
  assert.deepEqual(found.mlExpansionHistory, entries);
});

test('no bytes make the reader throw', () => {
  const types = [
    OID.securityLabel,
    OID.equivalentLabels,
    OID.receiptRequest,
    OID.mlExpansionHistory,
    OID.contentHint,
  ];
  const good = der.sequence(
    der.sequence(list, time, der.implicit(2, der.sequence(name('a@b.example')))),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...types),
      fc.nat(good.length - 1),
      fc.integer({ min: 0, max: 255 }),
      fc.uint8Array({ maxLength: 64 }),
      (type, at, octet, tail) => {
        const mutated = Buffer.concat([good, tail.length % 2 === 0 ? Buffer.alloc(0) : tail]);
        mutated[at] = octet;
        for (const value of [mutated, Buffer.from(tail)]) {
          const { malformed } = read([type, value]);
          assert.ok(malformed.length <= 1);
        }
      },
    ),
    { numRuns: 2_000, seed: 3183 },
  );
});
