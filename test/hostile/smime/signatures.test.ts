/** SignedData that says more than it proves (RFC 5652 sections 5 and 11, Johnny classes C and M). */
import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { describe, test } from 'node:test';
import { OID } from '@sallyport/der';
import { CAST } from '../../harness/smime-identities.ts';
import {
  attribute,
  clear,
  crlf,
  DOMAIN,
  message,
  multipart,
  opaque,
  pkcs7,
  type Signing,
  signedAttributes,
  signedData,
  textPart,
} from '../../harness/smime-maker.ts';
import { assertNotBelieved, isBelieved, outcomesOf } from './expect.ts';

const FROM = 'From: Bob <bob@bravo.example>\n';
const good = textPart('pay 10 to Ann');
const evil = textPart('pay 10000 to Eve');
const bob: Signing = { who: CAST.bob };
const dsa: Signing = { who: CAST.dsa, ...DOMAIN };

test('positive control: the generator makes signatures that are believed', async () => {
  for (const [entity, type] of [
    [opaque(good, [dsa]), 'domain'],
    [clear(good, [dsa]), 'domain'],
    [opaque(good, [bob]), 'originator'],
    [clear(good, [bob]), 'originator'],
  ] as const) {
    for (const { rule, judgement, delivered } of await outcomesOf(message(FROM, entity))) {
      assert.ok(judgement.kind === 'judged' && isBelieved(judgement.verdict), judgement.kind);
      assert.equal(judgement.verdict.signatureType, type);
      if (rule === 'strict' && type === 'originator') continue;
      assert.match(delivered, /smime=pass/);
      const isOpaque = /^Content-Type: application\/pkcs7-mime/m.test(delivered);
      if (!isOpaque) assert.match(delivered, /pay 10 to Ann/);
    }
  }
});

type Shape = readonly [string, Buffer];

function table(title: string, shapes: () => readonly Shape[]): void {
  describe(title, () => {
    for (const [name, bytes] of shapes()) {
      test(name, async () => {
        await assertNotBelieved(bytes, name);
      });
    }
  });
}

table('DS-V11: a signature over a part never counts for the whole', () => {
  const part = clear(good, [dsa]);
  return [
    ['signed part first', message(FROM, multipart('mixed', part, evil))],
    ['signed part last', message(FROM, multipart('mixed', evil, part))],
    ['signed part in the middle', message(FROM, multipart('mixed', evil, part, evil))],
    ['opaque signed part', message(FROM, multipart('mixed', evil, opaque(good, [dsa])))],
    ['two signed parts', message(FROM, multipart('mixed', part, clear(evil, [bob])))],
    ['as an alternative', message(FROM, multipart('alternative', part, evil))],
    ['in a related set', message(FROM, multipart('related', evil, part))],
    ['two levels down', message(FROM, multipart('mixed', multipart('mixed', evil, part)))],
    ['in a set of signed type without protocol', message(FROM, multipart('signed', part, evil))],
    ['in a digest', message(FROM, multipart('digest', part))],
    ['in a report', message(FROM, multipart('report; report-type=delivery-status', evil, part))],
    [
      'beside a part that cannot be read',
      message(FROM, multipart('mixed', part, crlf('no header\n\nx\n'))),
    ],
    ['a third part in multipart/signed', message(FROM, clear(good, [dsa], { extra: evil }))],
    [
      'the order of multipart/signed turned',
      message(FROM, clear(good, [dsa], { shown: opaque(good, [dsa]) })),
    ],
  ];
});

table('DS-V11: a stranger who signs beside the author spoils the layer', () => {
  const { eve, eveDsa, fakeBob, fakeDsa, fakePresident } = CAST;
  const opaqueBy = (...signings: readonly Signing[]): Buffer =>
    message(FROM, opaque(good, signings));
  const eveTyped: Signing = { who: eveDsa, ...DOMAIN };
  return [
    ['another domain, self-signed', opaqueBy(dsa, { who: fakePresident, ...DOMAIN })],
    ['a stranger without SignatureType', opaqueBy(bob, { who: fakePresident })],
    ['the author invalid, a stranger valid', opaqueBy({ ...bob, over: evil }, { who: eve })],
    ['the author valid, a stranger invalid', opaqueBy(bob, { who: eve, over: evil })],
    ['a namesake who is invalid', opaqueBy(bob, { who: fakeBob, over: evil })],
    ['a namesake of the domain alone', opaqueBy({ who: fakeDsa, ...DOMAIN })],
    [
      'the certificate of the stranger left out',
      message(FROM, opaque(good, [bob, { who: fakePresident }], { certificates: [CAST.bob] })),
    ],
    ['types that differ', opaqueBy(dsa, { who: CAST.bob })],
    [
      'clear, two strangers',
      message(FROM, clear(good, [bob, { who: fakePresident }, { who: fakeBob, over: evil }])),
    ],
    ['domain of another partner, invalid', opaqueBy(dsa, { ...eveTyped, over: evil })],
  ];
});

test('DS-V11, DS-N10: a valid signer of another name beside the author makes it invalid', async () => {
  const { eve, eveDsa } = CAST;
  for (const signings of [
    [bob, { who: eve }],
    [dsa, { who: eveDsa, ...DOMAIN }],
  ]) {
    for (const made of [opaque(good, signings), clear(good, signings)]) {
      const outcomes = await assertNotBelieved(message(FROM, made), 'two');
      for (const { judgement } of outcomes) {
        assert.ok(judgement.kind === 'judged');
        assert.equal(judgement.verdict.signature, 'invalid');
        assert.equal(judgement.verdict.mapping, 'mismatch');
        assert.equal(judgement.verdict.fault, 'signer-mismatch');
        const [layer] = judgement.verdict.layers;
        assert.ok(layer?.kind === 'signed');
        assert.equal(layer.signers.length, signings.length, 'every signer is named');
        assert.equal(layer.signers.filter(({ mapping }) => mapping === 'mismatch').length, 1);
      }
    }
  }
});

table('DS-V11: embedded and detached content at once', () => [
  ['the same content twice', message(FROM, clear(good, [dsa], { embedded: good }))],
  [
    'signed content embedded, another shown',
    message(FROM, clear(good, [dsa], { embedded: good, shown: evil })),
  ],
  ['signed content shown, another embedded', message(FROM, clear(good, [dsa], { embedded: evil }))],
  [
    'empty content embedded',
    message(FROM, clear(good, [dsa], { embedded: Buffer.alloc(0), shown: evil })),
  ],
  ['opaque without content', message(FROM, opaque(good, [dsa], { embedded: null }))],
  ['opaque with other content', message(FROM, opaque(good, [dsa], { embedded: evil }))],
  ['clear with other content', message(FROM, clear(good, [dsa], { shown: evil }))],
]);

table('DS-V10: a SignedData without signers is no signature', () => [
  ['opaque', message(FROM, opaque(evil, []))],
  [
    'opaque with the certificates of the partner',
    message(FROM, opaque(evil, [], { certificates: [CAST.dsa] })),
  ],
  ['clear', message(FROM, clear(evil, []))],
  ['clear with certificates', message(FROM, clear(evil, [], { certificates: [CAST.bob] }))],
  [
    'five of them',
    message(
      FROM,
      [1, 2, 3, 4, 5].reduce((inner) => opaque(inner, []), evil),
    ),
  ],
  [
    'around a part that is signed',
    message(FROM, opaque(multipart('mixed', evil, clear(good, [dsa])), [])),
  ],
]);

table('RFC 5652 section 11: attributes taken away, or content that is attributes', () => {
  const attributes = signedAttributes(evil, bob, OID.data);
  const signature = sign('sha256', attributes, CAST.bob.key);
  const bare: Signing = { who: CAST.bob, withoutAttributes: true };
  return [
    ['a signature over the content itself', message(FROM, opaque(evil, [bare]))],
    ['the same, clear', message(FROM, clear(evil, [bare]))],
    [
      'the attributes as content, stripped of themselves',
      message(FROM, opaque(attributes, [{ ...bare, signature }])),
    ],
    ['the same, clear', message(FROM, clear(attributes, [{ ...bare, signature }]))],
    ['content that has the form of attributes', message(FROM, opaque(attributes, [bob]))],
    [
      'a header in front of the form',
      message(FROM, opaque(Buffer.concat([crlf('\n'), attributes]), [{ ...bare, signature }])),
    ],
    [
      'SignatureType among the unsigned',
      message(
        FROM,
        opaque(good, [
          {
            who: CAST.dsa,
            unsigned: [
              attribute(OID.signatureType, Buffer.from('300d060b2a864886f70d0109100902', 'hex')),
            ],
          },
        ]),
      ),
    ],
    [
      'SignatureType of two kinds',
      message(FROM, opaque(good, [{ who: CAST.dsa, types: [OID.domainSig, OID.addAttribSig] }])),
    ],
  ];
});

table('RFC 8551 section 3.2: what is signed as something else is no mail', () => [
  ['signed as SignedData', message(FROM, opaque(good, [dsa], { eContentType: OID.signedData }))],
  [
    'signed as EnvelopedData',
    message(FROM, opaque(good, [dsa], { eContentType: OID.envelopedData })),
  ],
  ['signed as a receipt', message(FROM, opaque(good, [dsa], { eContentType: OID.receipt }))],
  [
    'signed as a time stamp',
    message(FROM, opaque(good, [dsa], { eContentType: '1.2.840.113549.1.9.16.1.4' })),
  ],
  [
    'the attribute says something else',
    message(FROM, opaque(good, [{ ...dsa, signedType: OID.signedData }])),
  ],
  [
    'the object says something else',
    message(
      FROM,
      opaque(good, [{ ...dsa, signedType: OID.data }], { eContentType: OID.signedData }),
    ),
  ],
  [
    'clear and signed as something else',
    message(FROM, clear(good, [dsa], { eContentType: OID.signedData })),
  ],
  ['no CMS object at all', message(FROM, pkcs7(Buffer.from('junk'), 'signed-data'))],
  ['half of one', message(FROM, pkcs7(signedData(good, [dsa]).subarray(0, 200), 'signed-data'))],
]);

test('DS-V11: where a part alone is signed, the verdict says partial', async () => {
  const part = clear(good, [dsa]);
  for (const entity of [
    multipart('mixed', part, evil),
    multipart('mixed', evil, opaque(good, [dsa])),
    multipart('mixed', multipart('alternative', evil, part)),
    opaque(multipart('mixed', evil, part), []),
  ]) {
    for (const { judgement } of await outcomesOf(message(FROM, entity))) {
      assert.ok(judgement.kind === 'judged');
      assert.equal(judgement.verdict.scope, 'partial');
      assert.match(judgement.verdict.reason, /^Only a part/);
    }
  }
});

test('RFC 2634 section 2.8: a signed receipt is content: no signature over mail, and passed on as it is', async () => {
  const receipt = opaque(Buffer.from('3000', 'hex'), [bob], { eContentType: OID.receipt });
  for (const { rule, judgement, delivered } of await outcomesOf(message(FROM, receipt))) {
    assert.ok(judgement.kind === 'judged');
    assert.equal(judgement.verdict.signature, 'none');
    if (rule === 'lenient') assert.ok(delivered.endsWith(receipt.toString('latin1')));
  }
});
