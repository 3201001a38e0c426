import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { signRaw } from '@sallyport/cms';
import {
  type DomainSigner,
  type EssAttribute,
  encodeEssAttribute,
  type Layer,
  type ListPlan,
  MESSAGE_LIMITS,
} from '@sallyport/domsec';
import { bufferContent, type Content, parseDomain, readContent } from '@sallyport/mail';
import { type Entity, readEntityBytes } from '@sallyport/mime';
import type { ValidatedCertificate } from '@sallyport/pki';
import { decideOutward, outwardRuleFor, parsePolicyDocument } from '@sallyport/policy';
import { Protector, type Treatment, treatmentKey } from './protect.ts';
import {
  DCA,
  type Identity,
  identity,
  NOW,
  openForeign,
  outwardFacts,
  validated,
} from './testing.ts';

const dsa = identity('domain-signing-authority', 'acme.example');
const second = identity('domain-signing-authority', 'acme.example');
const partner = identity(DCA, 'bravo.example');
const ours = identity(DCA, 'acme.example');

/** DER by hand: one octet of tag, then the length, then the parts. */
function tlv(tag: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  const { length } = value;
  const octets = length < 0x80 ? [length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...octets), value]);
}

/** OBJECT IDENTIFIERs of RFC 5652 section 11 and RFC 3183 section 3.1.2. */
const OID = {
  data: '06092a864886f70d010701',
  contentType: '06092a864886f70d010903',
  messageDigest: '06092a864886f70d010904',
  signatureType: '060b2a864886f70d010910021c',
  domainSig: '060b2a864886f70d0109100902',
} as const;
const oid = (name: keyof typeof OID): Buffer => Buffer.from(OID[name], 'hex');
const attribute = (type: Buffer, value: Buffer): Buffer => tlv(0x30, type, tlv(0x31, value));

function typeOf(attributeOid: string): Buffer {
  const [first = 0, second = 0, ...arcs] = attributeOid.split('.').map(Number);
  const base128 = (arc: number): number[] =>
    arc < 0x80 ? [arc] : [...base128(arc >> 7).map((octet) => octet | 0x80), arc & 0x7f];
  return tlv(0x06, Buffer.from([first * 40 + second, ...arcs.flatMap(base128)]));
}

function signerOf({ certificate, key }: Identity): DomainSigner {
  return {
    certificate,
    chain: [certificate.der],
    digestAlgorithm: 'sha256',
    signatureAlgorithm: 'ecdsa-sha256',
    sign: ({ digest, signatureTypes, attributes }) => {
      const parts = [
        attribute(oid('contentType'), oid('data')),
        attribute(oid('messageDigest'), tlv(0x04, digest)),
        ...signatureTypes.map(() => attribute(oid('signatureType'), tlv(0x30, oid('domainSig')))),
        ...attributes
          .map(encodeEssAttribute)
          .map((encoded) => attribute(typeOf(encoded.oid), encoded.value)),
      ];
      const signedAttrs = tlv(0x31, ...parts.sort(Buffer.compare));
      const signature = signRaw(signedAttrs, key, 'ecdsa-sha256');
      return Promise.resolve({ signedAttrs, signature });
    },
  };
}

function entity(text: string): Entity {
  const read = readEntityBytes(Buffer.from(text.replaceAll('\n', '\r\n')), MESSAGE_LIMITS.mime);
  assert.ok(read.kind === 'entity');
  return read.value;
}

const ROOT = entity(`From: ann@acme.example
Subject: outside
Bcc: secret@bravo.example
Content-Type: application/pkcs7-mime; smime-type=enveloped-data

MAA=
`);
const INSIDE = entity(`From: ann@acme.example
Subject: the inside
Content-Type: text/plain

the original content
`);
const SIGNED_INSIDE = entity(`From: ann@acme.example
Subject: the inside
Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=x

--x
`);

const HISTORY: EssAttribute = {
  kind: 'ml-expansion-history',
  entries: [
    {
      list: { kind: 'subjectKeyId', subjectKeyId: Buffer.of(1) },
      time: NOW,
      receiptPolicy: null,
    },
  ],
};
const REBUILD = {
  kind: 'rebuild',
  message: INSIDE,
  isLayered: false,
  opened: true,
  mustEncrypt: false,
  outer: null,
} as const satisfies ListPlan;

/** Permits come from the decision alone. */
function treatment(outbound: object, certificate: ValidatedCertificate | null): Treatment {
  const parsed = parsePolicyDocument({
    partners: [{ name: 'B', domains: ['bravo.example'], outbound }],
  });
  const domain = parseDomain('bravo.example');
  assert.ok(parsed.kind === 'ok' && domain !== null, JSON.stringify(parsed));
  const facts = outwardFacts(certificate);
  const decision = decideOutward(facts, outwardRuleFor(parsed.policy, domain));
  assert.ok('permit' in decision, JSON.stringify(decision));
  return decision;
}

async function protect(plan: ListPlan, given: Treatment): Promise<Content> {
  const protector = new Protector(ROOT, plan, {
    signers: () => Promise.resolve([signerOf(dsa), signerOf(second)]),
    confidentialityChain: () => Promise.resolve([ours.certificate.der]),
  });
  return await protector.protect(given);
}

async function layersOf(content: Content): Promise<readonly Layer[]> {
  return (await openForeign(bufferContent(await readContent(content)))).layers;
}

const words = (layers: readonly Layer[]): readonly string[] =>
  layers.map((layer) => {
    if (layer.kind !== 'signed') return layer.kind;
    return layer.empty ? 'empty' : `${layer.form} ${layer.signers[0]?.types?.join() ?? '-'}`;
  });

const SIGN = treatment({ encrypt: 'none' }, null);
const COMPAT = treatment({ encrypt: 'none', profile: 'compat' }, null);

test('RFC 3183 5: a plan that demands encryption never yields mail without it', async () => {
  await assert.rejects(protect({ ...REBUILD, mustEncrypt: true }, SIGN), RangeError);
  await assert.rejects(protect({ ...REBUILD, mustEncrypt: true }, COMPAT), RangeError);
});

test('RFC 3183 5: what was opened is signed, by every key in use, and the old layers are gone', async () => {
  const made = await protect(REBUILD, SIGN);
  const layers = await layersOf(made);
  assert.deepEqual(words(layers), ['opaque domain', 'empty']);
  const [layer] = layers;
  assert.ok(layer?.kind === 'signed');
  assert.equal(layer.signers.length, 2, 'DS-G5: both keys sign');
  const [, empty] = layers;
  assert.ok(empty?.kind === 'signed');
  assert.match(String(await readContent(empty.inside.body)), /^the original content/);
});

test('RFC 3183 5 step 4: the layer of the list is outside, with its attributes and both keys', async () => {
  const layers = await layersOf(await protect({ ...REBUILD, outer: [HISTORY] }, SIGN));
  assert.deepEqual(words(layers), ['opaque -', 'opaque domain', 'empty']);
  const [outer] = layers;
  assert.ok(outer?.kind === 'signed');
  for (const { ess, check } of outer.signers) {
    assert.equal(check.kind, 'valid');
    assert.deepEqual(ess.mlExpansionHistory, HISTORY.entries);
  }
  assert.equal(outer.signers.length, 2);
});

test('compat is one clear signature, which carries what the list said', async () => {
  const layers = await layersOf(await protect({ ...REBUILD, outer: [HISTORY] }, COMPAT));
  assert.deepEqual(words(layers), ['clear -']);
  const [layer] = layers;
  assert.ok(layer?.kind === 'signed');
  assert.notEqual(layer.signers[0]?.ess.mlExpansionHistory, null);
});

test('unsigned mail that was encrypted for us is encrypted anew, and mail that was not stays', async () => {
  const reason = 'agreed with the partner';
  const given = treatment({ sign: 'none', signNoneReason: reason }, validated(partner));
  const opened = await readContent(await protect(REBUILD, given));
  assert.match(String(opened), /smime-type=enveloped-data/);
  assert.deepEqual(words(await layersOf(bufferContent(opened))), ['encrypted']);
  const pass = treatment({ sign: 'none', encrypt: 'none' }, null);
  const passed = String(await readContent(await protect(REBUILD, pass)));
  assert.match(passed, /MAA=/, 'as it came: never laid bare');
  assert.doesNotMatch(passed, /secret@/);
});

test('the header of a layer that stays inside is not shown outside', async () => {
  const plan = { ...REBUILD, message: SIGNED_INSIDE, isLayered: true };
  const made = String(await readContent(await protect(plan, SIGN)));
  assert.match(made, /^Subject: outside\r$/m);
  assert.doesNotMatch(made.slice(0, made.indexOf('\r\n\r\n')), /the inside|Bcc/);
});

test('RFC 3183 5 (DS-E6): originatorInfo in list handling or where the partner asks; the outputs differ', async () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const to = validated(identity(DCA, 'bravo.example', rsa));
  const names = async (plan: ListPlan, outbound: object): Promise<boolean> => {
    const made = String(await readContent(await protect(plan, treatment(outbound, to))));
    const body = Buffer.from(made.slice(made.indexOf('\r\n\r\n')), 'base64');
    return body.includes(ours.certificate.der);
  };
  assert.equal(await names({ kind: 'encapsulate' }, {}), false);
  assert.equal(await names({ kind: 'encapsulate' }, { originatorInfo: 'always' }), true);
  assert.equal(await names(REBUILD, {}), true);
  assert.equal(await names(REBUILD, { originatorInfo: 'never' }), false);
});

test('RFC 9788 3: partners with other header policies get messages of their own', async () => {
  const certificate = validated(partner);
  const policies = ['baseline', 'shy', 'none'] as const;
  const given = policies.map((headerConfidentiality) =>
    treatment({ headerConfidentiality }, certificate),
  );
  const others = [
    treatment({ protectHeaders: false }, certificate),
    treatment({ binaryInside: true }, certificate),
  ];
  const keys = [...given, ...others].map(treatmentKey);
  assert.equal(new Set(keys).size, keys.length);
  const plan: ListPlan = { ...REBUILD, opened: false };
  const headers = await Promise.all(
    given.map(
      async (one) => String(await readContent(await protect(plan, one))).split('\r\n\r\n')[0],
    ),
  );
  const [baseline, shy, none] = headers;
  assert.match(baseline ?? '', /^Subject: \[\.\.\.\]$/m);
  assert.match(shy ?? '', /^Subject: \[\.\.\.\]$/m);
  assert.match(none ?? '', /^Subject: the inside$/m);
});
