import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signedData } from '@sallyport/cms';
import { der, OID } from '@sallyport/der';
import { bufferContent, type Content } from '@sallyport/mail';
import { DEFAULT_MIME_LIMITS, pkcs7MimeEntity } from '@sallyport/mime';
import { type EssAttribute, encodeEssAttribute } from './labels-encode.ts';
import type { OpenedMessage, OpenOptions } from './layers.ts';
import { type ListPlan, planListHandling } from './list.ts';
import { closeLayers, originatorOf, plannedMessage } from './list-build.ts';
import { encapsulatedState } from './list-verified.ts';
import { domainEncrypt, domainSign, listLayer, signMessage } from './outward.ts';
import {
  alice,
  attribute,
  bytesOf,
  crlf,
  dcaEc,
  dcaRsa,
  dsa,
  dsaRsa,
  entity,
  type Identity,
  judge,
  messageAround,
  OWN,
  open,
  signerInfo,
  signerOf,
  stranger,
  validated,
} from './test-fixtures.ts';

const limits = DEFAULT_MIME_LIMITS;
const CONTENT = bufferContent(crlf('Content-Type: text/plain\n\nthe original content\n'));
const entry = (octet: number) => ({
  list: { kind: 'subjectKeyId' as const, subjectKeyId: Buffer.of(octet) },
  time: new Date('2026-06-01T00:00:00Z'),
  receiptPolicy: null,
});
const HISTORY: EssAttribute = { kind: 'ml-expansion-history', entries: [entry(1)] };

type Wrap = (inner: Content) => Promise<Content>;
const signedBy =
  (who: Identity): Wrap =>
  async (inner) =>
    await signMessage(entity(await bytesOf(inner)), signerOf(who), {
      types: [],
      profile: 'domsec',
      protectHeaders: true,
      limits,
    });
const listed =
  (...attributes: EssAttribute[]): Wrap =>
  async (inner) =>
    await listLayer(inner, signerOf(alice), attributes);
const domainSigned: Wrap = async (inner) =>
  await domainSign(entity(await bytesOf(inner)), signerOf(dsa), {
    profile: 'domsec',
    protectHeaders: true,
    limits,
  });
const encryptedFor =
  (who: Identity): Wrap =>
  async (inner) =>
    await domainEncrypt(inner, validated(who), { content: 'auto', keyTransport: 'auto' });
/** Signers by hand, each with attributes of its own. */
const signers =
  (...all: readonly (readonly [Identity, ...Buffer[]])[]): Wrap =>
  async (inner) => {
    const infos = [];
    for (const [who, ...extra] of all) infos.push(await signerInfo(inner, who, extra));
    const [first, ...others] = infos;
    assert.ok(first !== undefined);
    const certificates = all.map(([who]) => who.certificate.der);
    const cms = signedData(inner, [first, ...others], certificates);
    return pkcs7MimeEntity(cms, { smimeType: 'signed-data', name: 'smime.p7m' });
  };

/** Layers from the outside. */
async function build(...layers: readonly Wrap[]): Promise<Buffer> {
  let inner: Content = CONTENT;
  for (const wrap of [...layers].reverse()) inner = bufferContent(await bytesOf(await wrap(inner)));
  return await messageAround(inner);
}

/** Only the RSA key is ours, so what is for the other one is foreign. */
const ONE_KEY: Partial<OpenOptions> = { ownRecipients: OWN.filter(({ keyId }) => keyId === 'rsa') };

async function plan(
  bytes: Buffer,
): Promise<{ readonly plan: ListPlan; readonly message: OpenedMessage; readonly state: string }> {
  const message = await open(bytes, ONE_KEY);
  const { layers } = judge(message);
  return { plan: planListHandling(message, layers), message, state: encapsulatedState(layers) };
}

const rest = async (made: ListPlan): Promise<Buffer> => {
  assert.ok(made.kind === 'rebuild', made.kind);
  return await bytesOf(made.message.body);
};

const own = encryptedFor(dcaRsa);
const foreign = encryptedFor(dcaEc);
const history = (value: Buffer): Buffer => attribute(OID.mlExpansionHistory, value);
const GOOD = encodeEssAttribute(HISTORY).value;
const OTHER = encodeEssAttribute({ kind: 'ml-expansion-history', entries: [entry(2)] }).value;

test('RFC 2634 4.1: histories that differ among verified signers stop everything', async () => {
  const bytes = await build(signers([alice, history(GOOD)], [dsaRsa, history(OTHER)]));
  const { plan: made } = await plan(bytes);
  assert.ok(made.kind === 'refused');
  assert.equal(made.fault, 'list-attributes-unusable');
  assert.match(made.reason, /do not agree/);
});

test('RFC 2634 4.1: a signer without a history is passed over, an untrusted one is not looked at', async () => {
  for (const layer of [
    signers([alice, history(GOOD)], [dsaRsa]),
    signers([alice, history(GOOD)], [stranger, history(OTHER)]),
  ]) {
    const { plan: made } = await plan(await build(layer));
    assert.ok(made.kind === 'rebuild');
    assert.deepEqual(made.outer, [HISTORY]);
  }
  const { plan: made } = await plan(await build(signers([stranger, history(GOOD)])));
  assert.equal(made.kind, 'encapsulate', 'nothing that has not verified is processed');
});

test('RFC 2634 4.1: a history that cannot be read stops everything', async () => {
  const { plan: made } = await plan(await build(signers([alice, history(der.sequence())])));
  assert.ok(made.kind === 'refused');
  assert.match(made.reason, /cannot be read/);
});

test('RFC 3183 5 step 4: an attribute that we cannot write again is not dropped silently', async () => {
  const label = (...parts: Buffer[]) => attribute(OID.securityLabel, der.setOf(parts));
  const category = der.sequence(der.implicit(0, der.oid('1.2.3')), der.explicit(1, der.null()));
  for (const extra of [
    attribute('1.2.3.4.5', der.null()),
    attribute(OID.contentReference, der.sequence()),
    attribute(OID.receiptRequest, der.sequence()),
    label(der.oid('1.2.3'), der.setOf([category])),
    // Ours would be in the order of DER: another label, to whoever compares them.
    attribute(OID.securityLabel, der.set(der.oid('1.2.3'), der.integer(1))),
  ]) {
    const { plan: made } = await plan(await build(signers([alice, history(GOOD), extra])));
    assert.ok(made.kind === 'refused');
    assert.equal(made.fault, 'list-attributes-unusable');
  }
});

test('RFC 2634 4.2: what each signer says of itself is not remembered, all else is', async () => {
  const label: EssAttribute = {
    kind: 'security-label',
    label: { policy: '1.2.3', classification: 4, privacyMark: 'x', privacyMarkForm: 'printable' },
  };
  const { oid, value } = encodeEssAttribute(label);
  const bytes = await build(
    signers([
      alice,
      history(GOOD),
      attribute(oid, value),
      attribute(OID.signatureType, der.sequence(der.oid(OID.originatorSig))),
      attribute(OID.smimeCapabilities, der.sequence()),
    ]),
  );
  const { plan: made } = await plan(bytes);
  assert.ok(made.kind === 'rebuild' && made.outer !== null);
  assert.deepEqual(new Set(made.outer), new Set([HISTORY, label]));
});

test('RFC 3183 5: layers outside of the list are stripped with it, those inside stay as they are', async () => {
  const inner = signedBy(alice);
  const bytes = await build(signedBy(dsaRsa), listed(HISTORY), inner);
  const { plan: made, message, state } = await plan(bytes);
  assert.equal(state, 'valid');
  assert.ok(made.kind === 'rebuild');
  assert.equal(made.opened, false);
  assert.equal(made.mustEncrypt, false);
  assert.equal(made.isLayered, true);
  const kept = message.layers[1];
  assert.ok(kept?.kind === 'signed');
  assert.deepEqual(await rest(made), await bytesOf(kept.inside.body));
});

test('RFC 3183 5: a list around plain content leaves the content to sign', async () => {
  const { plan: made } = await plan(await build(listed(HISTORY)));
  assert.ok(made.kind === 'rebuild');
  assert.equal(made.isLayered, false);
  assert.match((await rest(made)).toString(), /^the original content/);
  const names = made.message.header.map((field) => field.name.toLowerCase());
  assert.deepEqual(names, ['from', 'to', 'subject', 'content-type']);
  assert.equal(
    made.message.content.sizeBytes,
    made.message.headerBytes + made.message.body.sizeBytes,
  );
});

test('RFC 3183 5: encryption that is not for our DCA cannot be opened, so nothing is signed', async () => {
  const { plan: made, state } = await plan(await build(foreign, signedBy(alice)));
  assert.equal(state, 'unverifiable');
  assert.ok(made.kind === 'refused');
  assert.match(made.reason, /does not open/);
});

test('RFC 3183 5.1: a domain signature that counts ends the need to look deeper', async () => {
  const { plan: made, state } = await plan(await build(domainSigned, foreign, signedBy(alice)));
  assert.equal(state, 'valid');
  assert.equal(made.kind, 'encapsulate');
  const untrusted = await plan(await build(signers([stranger]), foreign));
  assert.equal(untrusted.state, 'unverifiable');
});

test('DS-G12: a domain signature is never stripped, and then encryption for us cannot go on', async () => {
  const { plan: made } = await plan(await build(domainSigned, own, signedBy(alice)));
  assert.ok(made.kind === 'refused');
  assert.match(made.reason, /may not be taken off/);
  const inside = await plan(await build(own, domainSigned));
  assert.ok(inside.plan.kind === 'rebuild');
  const below = await plan(await build(listed(HISTORY), domainSigned));
  assert.ok(below.plan.kind === 'rebuild');
  assert.equal(below.plan.isLayered, true);
});

test('RFC 3183 3.2 (DS-G2): one bad or unknown signature anywhere is found', async () => {
  const broken = (await bytesOf(await signedBy(alice)(CONTENT))).toString('latin1');
  assert.match(broken, /smime-type=signed-data/);
  const states: [string, readonly Wrap[]][] = [
    ['none', []],
    ['valid', [signedBy(alice)]],
    ['unverifiable', [signers([stranger])]],
    ['unverifiable', [signedBy(alice), signers([stranger])]],
    ['unverifiable', [own, signedBy(alice), signers([stranger])]],
    ['valid', [domainSigned, signers([stranger])]],
    ['invalid', [signers([alice, attribute(OID.signingTime, der.null())])]],
    ['invalid', [own, signers([alice, attribute(OID.signingTime, der.null())])]],
  ];
  for (const [state, layers] of states) {
    assert.equal((await plan(await build(...layers))).state, state, String(layers.length));
  }
});

test('RFC 3183 5: encryption deeper in the message must not leave without encryption around it', async () => {
  const { plan: made } = await plan(await build(own, signedBy(alice), own, signedBy(alice)));
  assert.ok(made.kind === 'rebuild');
  assert.equal(made.mustEncrypt, true);
  const options = { encryption: null, signers: signerOf(dsa) };
  await assert.rejects(closeLayers(CONTENT, made, options), RangeError);
  const flat = await plan(await build(own, signedBy(alice)));
  assert.ok(flat.plan.kind === 'rebuild');
  assert.equal(flat.plan.mustEncrypt, false);
});

test('RFC 3183 5 (DS-E6): originatorInfo in list handling, or where the partner asks, else none', async () => {
  const certificates = [dcaRsa.certificate.der];
  const { plan: direct } = await plan(await build(signedBy(alice)));
  const { plan: opened } = await plan(await build(own));
  const { plan: lists } = await plan(await build(listed(HISTORY)));
  assert.ok(direct.kind !== 'refused' && opened.kind !== 'refused' && lists.kind !== 'refused');
  assert.equal(originatorOf(direct, { mode: 'lists', certificates }), null);
  assert.deepEqual(originatorOf(direct, { mode: 'always', certificates }), certificates);
  assert.deepEqual(originatorOf(opened, { mode: 'lists', certificates }), certificates);
  assert.deepEqual(originatorOf(lists, { mode: 'lists', certificates }), certificates);
  assert.equal(originatorOf(opened, { mode: 'never', certificates }), null);
  assert.equal(originatorOf(opened, { mode: 'always', certificates: [] }), null);
});

test('what is not in the way of a list is wrapped as it is', async () => {
  for (const layers of [[], [signedBy(alice)], [signedBy(alice), signedBy(dsaRsa)]]) {
    const { plan: made, message } = await plan(await build(...layers));
    assert.ok(made.kind === 'encapsulate');
    assert.equal(plannedMessage(message.root, made), message.root);
  }
});
