import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DerReader, der, OID, readTlv } from '@sallyport/der';
import { type SignedAttribute, signedAttributeSchema } from '@sallyport/ipc';
import { checkAttributeFacts, composeSignedAttributes } from './signed-attributes.ts';

const fixed = {
  signingCertificateV2: der.sequence(der.octetString(Buffer.from('v2'))).toString('base64'),
  smimeCapabilities: der.sequence().toString('base64'),
  encryptionKeyPreference: der.sequence(der.null()).toString('base64'),
};
const digest = Buffer.alloc(32, 1);
const facts = {
  digestAlgorithm: 'sha256',
  digest,
  signatureTypes: ['domain'],
  attributes: [] as SignedAttribute[],
  signingTime: new Date('2026-11-21T04:00:00Z'),
  fixed,
} as const;

function attributesOf(bytes: Buffer): Map<string, Buffer> {
  const reader = new DerReader(readTlv(bytes, 0, { strict: true }), { strict: true });
  const found = new Map<string, Buffer>();
  while (!reader.isAtEnd) {
    const attribute = reader.sequence();
    const oid = attribute.oid();
    const values = attribute.set();
    const value = values.next().bytes;
    assert.equal(values.isAtEnd && attribute.isAtEnd && !found.has(oid), true);
    found.set(oid, value);
  }
  return found;
}

test('DS-G4: a type twice, or another beside additional-attributes, is refused', () => {
  assert.match(
    String(checkAttributeFacts({ ...facts, signatureTypes: ['domain', 'domain'] })),
    /twice/,
  );
  const mixed = { ...facts, signatureTypes: ['additional-attributes', 'domain'] } as const;
  assert.match(String(checkAttributeFacts(mixed)), /only/);
  assert.equal(checkAttributeFacts({ ...facts, signatureTypes: ['domain', 'review'] }), null);
  assert.equal(checkAttributeFacts({ ...facts, signatureTypes: ['additional-attributes'] }), null);
});

test('a digest of another length and an attribute that stands twice are refused', () => {
  assert.match(String(checkAttributeFacts({ ...facts, digestAlgorithm: 'sha512' })), /digest/);
  const hint = { kind: 'content-hint', description: null, contentType: OID.data } as const;
  assert.match(String(checkAttributeFacts({ ...facts, attributes: [hint, hint] })), /twice/);
});

test('RFC 5652 5.3, 5.4: the attributes are a DER SET OF in order, each once, with one value', () => {
  const bytes = composeSignedAttributes(facts);
  assert.equal(bytes[0], 0x31);
  const attributes = attributesOf(bytes);
  assert.deepEqual(attributes.get(OID.contentType), der.oid(OID.data));
  assert.deepEqual(attributes.get(OID.messageDigest), der.octetString(digest));
  assert.deepEqual(attributes.get(OID.signingTime), der.utcTime(facts.signingTime));
  assert.deepEqual(attributes.get(OID.signatureType), der.sequence(der.oid(OID.domainSig)));
  assert.deepEqual(attributes.get(OID.smimeCapabilities), der.sequence());
  assert.equal(attributes.size, 7);
  const parts = new DerReader(readTlv(bytes)).all().map((tlv) => tlv.bytes);
  assert.deepEqual(parts, [...parts].sort(Buffer.compare));
});

test('a signature without a type carries no SignatureType (profile compat)', () => {
  const bare = { ...facts, signatureTypes: [], fixed: { ...fixed, encryptionKeyPreference: null } };
  const attributes = attributesOf(composeSignedAttributes(bare));
  assert.equal(attributes.has(OID.signatureType), false);
  assert.equal(attributes.has(OID.encryptionKeyPreference), false);
});

test('RFC 2634: further attributes are encoded here from a closed union', () => {
  const label = { policy: '1.2.3', classification: 3, privacyMark: 'restricted' };
  const attributes = signedAttributeSchema.array().parse([
    { kind: 'security-label', label },
    { kind: 'equivalent-labels', labels: [{ ...label, privacyMark: null }] },
    {
      kind: 'receipt-request',
      contentIdentifier: 'AQI=',
      from: ['bob@bravo.example'],
      to: ['alice@acme.example'],
    },
    { kind: 'content-hint', description: 'hint', contentType: OID.data },
    {
      kind: 'ml-expansion-history',
      entries: [
        { listIdentifier: 'AQI=', expansionTime: '2026-11-21T04:00:00Z', receiptPolicy: 'none' },
      ],
    },
  ]);
  const found = attributesOf(composeSignedAttributes({ ...facts, attributes }));
  const hex = (oid: string) => found.get(oid)?.toString('hex');
  assert.equal(hex(OID.securityLabel), '311302010306022a030c0a72657374726963746564');
  assert.equal(hex(OID.equivalentLabels), '3009310702010306022a03');
  assert.equal(
    hex(OID.receiptRequest),
    der
      .sequence(
        der.octetString(Buffer.of(1, 2)),
        der.implicit(1, der.sequence(name('bob@bravo.example'))),
        der.sequence(name('alice@acme.example')),
      )
      .toString('hex'),
  );
  assert.equal(hex(OID.contentHint), '30110c0468696e7406092a864886f70d010701');
  assert.match(hex(OID.mlExpansionHistory) ?? '', /^301930170402010218.*8000$/);
  const open = { kind: 'attribute', der: 'MAA=' };
  assert.equal(signedAttributeSchema.safeParse(open).success, false);
});

test('RFC 2634 4.4: a list is named by key identifier or by issuer and serial, and says who gets receipts', () => {
  const issuer = der.sequence(
    der.setOf([der.sequence(der.oid(OID.commonName), der.utf8String('CA'))]),
  );
  const entry = (listIdentifier: unknown, receiptPolicy: unknown) =>
    signedAttributeSchema.parse({
      kind: 'ml-expansion-history',
      entries: [{ listIdentifier, expansionTime: '2026-11-21T04:00:00Z', receiptPolicy }],
    });
  const refusal = (attribute: SignedAttribute) =>
    checkAttributeFacts({ ...facts, attributes: [attribute] });
  for (const bytes of [
    Buffer.from('no DER'),
    der.octetString(issuer),
    Buffer.concat([issuer, issuer]),
    der.sequence(der.sequence(der.oid(OID.commonName), der.utf8String('CA'))),
    der.sequence(der.setOf([der.sequence(der.oid(OID.commonName), der.sequence())])),
  ]) {
    const named = { issuer: bytes.toString('base64'), serial: 'Kg==' };
    assert.match(refusal(entry(named, null)) ?? '', /is no Name/);
  }
  const named = { issuer: issuer.toString('base64'), serial: 'Kg==' };
  const attribute = entry(named, { kind: 'insteadOf', to: ['list@acme.example'] });
  assert.equal(refusal(attribute), null);
  const found = attributesOf(composeSignedAttributes({ ...facts, attributes: [attribute] }));
  assert.deepEqual(
    found.get(OID.mlExpansionHistory),
    der.sequence(
      der.sequence(
        der.sequence(issuer, der.integer(42)),
        der.generalizedTime(new Date('2026-11-21T04:00:00Z')),
        der.implicit(1, der.sequence(name('list@acme.example'))),
      ),
    ),
  );
});

test('RFC 2634 3.2: a privacy mark keeps its string type, and what that type cannot hold is refused', () => {
  const labelled = (privacyMark: string): SignedAttribute => ({
    kind: 'security-label',
    label: { policy: '1.2.3', classification: null, privacyMark, privacyMarkForm: 'printable' },
  });
  const strange = checkAttributeFacts({ ...facts, attributes: [labelled('g\u00e9heim')] });
  assert.match(strange ?? '', /cannot be encoded/);
  const found = attributesOf(
    composeSignedAttributes({ ...facts, attributes: [labelled('INTERNAL')] }),
  );
  assert.equal(found.get(OID.securityLabel)?.toString('hex'), '310e06022a031308494e5445524e414c');
});

function name(mailbox: string): Buffer {
  return der.sequence(der.implicit(1, der.ia5String(mailbox)));
}
