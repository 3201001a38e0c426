import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  authEnvelopedData,
  emptySignedData,
  envelopedData,
  type SignerInfoParts,
  signedData,
} from '@sallyport/cms';
import { bufferContent, type Content, type Domain } from '@sallyport/mail';
import { type MultipartSignedOptions, multipartSigned, pkcs7MimeEntity } from '@sallyport/mime';
import { mailbox } from '@sallyport/test/addresses';
import type { OpenedMessage } from './layers.ts';
import { claimedOriginators } from './originators.ts';
import type { SignatureTypeName } from './sign-layer.ts';
import {
  alice,
  bytesOf,
  crlf,
  dcaRsa,
  dsa,
  dsaRsa,
  type Identity,
  identity,
  judge,
  messageAround,
  NOW,
  opaque,
  open,
  otherDsa,
  reviewer,
  root,
  signerInfo,
  stranger,
  TYPE,
  typesAttribute,
} from './test-fixtures.ts';
import type { JudgeOptions, Verdict } from './verdict.ts';

const text = bufferContent(
  crlf('From: Alice <alice@acme.example>\nContent-Type: text/plain\n\nhello\n'),
);
const all = [dsa, dsaRsa, otherDsa, alice, reviewer, stranger].map((who) => who.certificate.der);

async function around(inner: Content, ...signers: readonly SignerInfoParts[]): Promise<Content> {
  const [first, ...others] = signers;
  assert.ok(first !== undefined);
  return opaque(signedData(inner, [first, ...others], all));
}

async function signed(
  who: Identity,
  type: SignatureTypeName | null = 'domain',
  inner: Content = text,
): Promise<Content> {
  const extra = type === null ? [] : [typesAttribute(TYPE[type])];
  return await around(inner, await signerInfo(inner, who, extra));
}

/** With another digest than the content's, as if the content were changed on the way. */
async function spoiled(inner: Content, who: Identity, type: SignatureTypeName | null = 'domain') {
  const extra = type === null ? [] : [typesAttribute(TYPE[type])];
  return await around(inner, await signerInfo(bufferContent(Buffer.from('x')), who, extra));
}

const cbc = (inner: Content): Content =>
  opaque(
    envelopedData(inner, [dcaRsa.certificate], { content: 'aes256-cbc', keyTransport: 'auto' }),
  );

async function verdictOf(inner: Content, options: Partial<JudgeOptions> = {}): Promise<Verdict> {
  return judge(await open(await messageAround(inner)), options);
}

function words({ signature, signatureType, originator, mapping, integrity }: Verdict): string {
  return [
    signature,
    signatureType,
    originator,
    mapping,
    integrity ? 'integrity' : 'unproven',
  ].join();
}

function withSignersTurned(message: OpenedMessage): OpenedMessage {
  const layers = message.layers.map((layer) =>
    layer.kind === 'signed' ? { ...layer, signers: layer.signers.toReversed() } : layer,
  );
  return { ...message, layers };
}

test('RFC 3183 3.2 (DS-V4): a domain signature says the domain, not the author', async () => {
  const verdict = await verdictOf(await signed(dsa));
  assert.equal(words(verdict), 'valid,domain,domain-only,ok,integrity');
  assert.equal(verdict.signer, 'domain-signing-authority@acme.example');
  assert.match(verdict.reason, /domain of the author vouches/);
  assert.equal(verdict.fault, null);
});

test('RFC 3183 3.5 (DS-V3): without SignatureType it is the originator signature', async () => {
  const verdict = await verdictOf(await signed(alice, null));
  assert.equal(words(verdict), 'valid,originator,authenticated,ok,integrity');
  const both = await verdictOf(await signed(dsa, 'domain', await signed(alice, null)));
  assert.equal(words(both), 'valid,domain,authenticated,ok,integrity');
});

test('RFC 8550 3 (SM-6): the local-part is compared without case, the domain as A-labels', async () => {
  const originators = [mailbox('ALICE@acme.example')];
  assert.equal((await verdictOf(await signed(alice, null), { originators })).mapping, 'ok');
  const others = [mailbox('alice@sub.acme.example')];
  assert.equal(
    (await verdictOf(await signed(alice, null), { originators: others })).mapping,
    'mismatch',
  );
});

test('DS-N10: every From and Sender must be covered, by the author and by the domain', async () => {
  const originators = [mailbox('alice@acme.example'), mailbox('eve@evil.example')];
  for (const [who, type] of [
    [alice, null],
    [dsa, 'domain'],
  ] as const) {
    const verdict = await verdictOf(await signed(who, type), { originators });
    assert.equal(verdict.mapping, 'mismatch');
    assert.equal(verdict.fault, 'signer-mismatch');
    assert.equal(verdict.originator, 'unknown');
  }
});

test('DS-N6: another domain, and a user certificate that says domain, are mismatches', async () => {
  for (const who of [otherDsa, alice]) {
    const verdict = await verdictOf(await signed(who));
    assert.equal(verdict.mapping, 'mismatch');
    assert.equal(verdict.fault, 'signer-mismatch');
  }
});

test('an authority certificate without SignatureType is no domain signature', async () => {
  const verdict = await verdictOf(await signed(dsa, null));
  assert.equal(verdict.mapping, 'mismatch');
  assert.match(verdict.reason, /without the SignatureType/);
});

test('RFC 3183 3.3, 3.4 (DS-V6): a review signature authenticates nobody', async () => {
  const verdict = await verdictOf(await signed(reviewer, 'review'));
  assert.equal(words(verdict), 'valid,review,unknown,ok,integrity');
  assert.equal((await verdictOf(await signed(dsa, 'review'))).mapping, 'mismatch');
});

test('a signer without a path is unverifiable, whatever it calls itself', async () => {
  const verdict = await verdictOf(await signed(stranger));
  assert.equal(verdict.signature, 'unverifiable');
  assert.equal(verdict.fault, 'signer-not-trusted');
  assert.equal(verdict.originator, 'unknown');
});

test('RFC 3183 3 (DS-V10): an empty layer, and five of them, are no signature', async () => {
  let inner: Content = text;
  for (let i = 0; i < 5; i += 1) inner = opaque(emptySignedData(inner));
  const verdict = await verdictOf(inner);
  assert.equal(verdict.signature, 'none');
  assert.deepEqual(new Set(verdict.layers.map((layer) => layer.kind)), new Set(['empty']));
});

test('two signers (C-class): one that fits does not vouch for a valid stranger beside it', async () => {
  const domain = [typesAttribute(TYPE.domain)];
  const [good, twin, other] = await Promise.all(
    [dsa, dsaRsa, otherDsa].map((who) => signerInfo(text, who, domain)),
  );
  assert.ok(good !== undefined && twin !== undefined && other !== undefined);
  assert.equal(
    words(await verdictOf(await around(text, good, twin))),
    'valid,domain,domain-only,ok,integrity',
  );
  // DER sorts a SET OF, so the order is turned in what was read.
  const message = await open(await messageAround(await around(text, good, other)));
  for (const turned of [message, withSignersTurned(message)]) {
    assert.equal(judge(turned).mapping, 'mismatch');
  }
});

test('two signers: the name shown is that of the one that decided, not of the first', async () => {
  const domain = [typesAttribute(TYPE.domain)];
  const fake = await signerInfo(text, stranger, domain);
  const good = await signerInfo(text, dsa, domain);
  const verdict = await verdictOf(await around(text, fake, good));
  assert.equal(verdict.signature, 'valid');
  const [layer] = verdict.layers;
  assert.ok(layer?.kind === 'signed');
  assert.deepEqual(
    new Set(layer.signers.map((signer) => signer.state)),
    new Set(['valid', 'unverifiable']),
  );
  const ceo = identity({ cn: 'The President', emails: ['ceo@acme.example'] });
  const lie = await signerInfo(text, ceo, domain);
  const named = signedData(text, [lie, good], [...all, ceo.certificate.der]);
  const message = await open(await messageAround(opaque(named)));
  for (const turned of [message, withSignersTurned(message)]) {
    assert.equal(judge(turned).signer, 'domain-signing-authority@acme.example');
  }
});

test('two signers: an invalid one spoils the layer', async () => {
  const domain = [typesAttribute(TYPE.domain)];
  const good = await signerInfo(text, dsa, domain);
  const bad = await signerInfo(bufferContent(Buffer.from('x')), dsaRsa, domain);
  const verdict = await verdictOf(await around(text, good, bad));
  assert.equal(verdict.signature, 'invalid');
  assert.equal(verdict.fault, 'message-integrity');
});

test('a changed outer layer spoils the message even if the inner one is valid', async () => {
  const inner = await signed(dsa);
  const verdict = await verdictOf(await spoiled(inner, alice, null));
  assert.equal(verdict.signature, 'invalid');
  assert.equal(verdict.fault, 'message-integrity');
  assert.equal(verdict.originator, 'unknown');
  assert.doesNotMatch(verdict.reason, /path are valid/);
});

test('an inner originator does not count under an outer domain signature that is invalid', async () => {
  const verdict = await verdictOf(await spoiled(await signed(alice, null), dsa));
  assert.equal(words(verdict), 'invalid,domain,unknown,ok,integrity');
});

test('DS-V5: an invalid layer inside a valid domain signature is reported, and vouched for', async () => {
  const verdict = await verdictOf(await signed(dsa, 'domain', await spoiled(text, alice, null)));
  assert.equal(verdict.signature, 'valid');
  assert.equal(verdict.originator, 'domain-only');
  assert.deepEqual(
    verdict.layers.map((layer) => layer.kind === 'signed' && layer.state),
    ['valid', 'invalid'],
  );
});

test('DS-V11: a signature over a part of the message is partial and none', async () => {
  const part = (await bytesOf(await signed(dsa))).toString('latin1');
  const mixed = bufferContent(
    Buffer.from(
      `Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\r\nx\r\n--m\r\n${part}\r\n--m--\r\n`,
      'latin1',
    ),
  );
  const verdict = await verdictOf(mixed);
  assert.deepEqual([verdict.signature, verdict.scope], ['none', 'partial']);
  assert.match(verdict.reason, /Only a part/);
  const whole = await verdictOf(await signed(dsa, 'domain', mixed));
  assert.deepEqual([whole.signature, whole.scope], ['valid', 'whole']);
});

test('RFC 8551 6 (SM-8): CBC content is proven only by a valid, trusted, mapped signature inside', async () => {
  const cases: [Content, boolean][] = [
    [text, false],
    [opaque(emptySignedData(text)), false],
    [await spoiled(text, dsa), false],
    [await signed(stranger), false],
    [await signed(otherDsa), false],
    [await signed(dsa, null), false],
    [await signed(dsa), true],
    [await signed(alice, null), true],
    [await signed(dsa, 'domain', opaque(emptySignedData(text))), true],
  ];
  for (const [index, [inner, integrity]] of cases.entries()) {
    const verdict = await verdictOf(cbc(inner));
    assert.equal(verdict.encryption, 'domain');
    assert.equal(verdict.integrity, integrity, `case ${index}`);
  }
});

test('SM-8: a signature around the ciphertext, or over a part inside, proves no CBC content', async () => {
  assert.equal((await verdictOf(await signed(dsa, 'domain', cbc(text)))).integrity, false);
  const part = (await bytesOf(await signed(dsa))).toString('latin1');
  const mixed = `Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\r\n<img src="\r\n--m\r\n${part}\r\n--m--\r\n`;
  assert.equal(
    (await verdictOf(cbc(bufferContent(Buffer.from(mixed, 'latin1'))))).integrity,
    false,
  );
});

test('an authenticated layer proves itself; one that does not open never does', async () => {
  const gcm = await authEnvelopedData(text, [dcaRsa.certificate], {
    content: 'aes256-gcm',
    keyTransport: 'auto',
  });
  assert.equal((await verdictOf(opaque(gcm))).integrity, true);
  const bytes = await messageAround(cbc(text));
  const message = await open(bytes, {
    unwrapper: { unwrap: async ({ keyBytes }) => Buffer.alloc(keyBytes) },
  });
  const verdict = judge(message);
  assert.deepEqual([verdict.integrity, verdict.fault], [false, 'decryption-failed']);
});

test('encrypted for somebody else: user, unsigned, and the sentence says so', async () => {
  const cms = envelopedData(text, [alice.certificate], {
    content: 'aes256-cbc',
    keyTransport: 'auto',
  });
  const verdict = await verdictOf(opaque(cms));
  assert.deepEqual([verdict.encryption, verdict.signature], ['user', 'none']);
  assert.match(verdict.reason, /somebody else/);
});

test('a layer that cannot be taken apart makes the message invalid, also inside a good one', async () => {
  const broken = pkcs7MimeEntity(bufferContent(Buffer.from('junk')), { smimeType: 'signed-data' });
  for (const inner of [broken, await signed(dsa, 'domain', broken)]) {
    const verdict = await verdictOf(inner);
    assert.equal(verdict.signature, 'invalid');
    assert.match(verdict.reason, /could not be taken apart/);
  }
});

// ---- exceptions (DS-N6, DS-N12)

const role = identity({ cn: 'EDI gateway', emails: ['edi@provider.example'], issuer: root });
const ACME = { partnerDomains: ['acme.example' as Domain] };
const EXCEPTION = {
  exceptions: [{ subject: 'edi@provider.example', until: '2026-12-31' }],
  time: NOW,
};

async function byRole(
  type: SignatureTypeName | null,
  naming: JudgeOptions['naming'],
  from = 'alice@acme.example',
) {
  const extra = type === null ? [] : [typesAttribute(TYPE[type])];
  const info = await signerInfo(text, role, extra);
  const cms = opaque(signedData(text, [info], [role.certificate.der]));
  return await verdictOf(cms, { naming, originators: [mailbox(from)] });
}

test('DS-N6: an exception makes a role certificate stand for its partner, with or without the type', async () => {
  for (const type of ['domain', null] as const) {
    assert.equal((await byRole(type, ACME)).mapping, 'mismatch');
    const verdict = await byRole(type, { ...ACME, ...EXCEPTION });
    assert.equal(words(verdict), 'valid,domain,domain-only,exception,integrity');
  }
});

test('DS-N6: an exception ends with its last day and covers only its partner', async () => {
  const late = { ...ACME, ...EXCEPTION, time: new Date('2027-01-01T00:00:00Z') };
  assert.equal((await byRole('domain', late)).mapping, 'mismatch');
  const elsewhere = await byRole('domain', { ...ACME, ...EXCEPTION }, 'bob@bravo.example');
  assert.equal(elsewhere.mapping, 'mismatch');
  const review = await byRole('review', { ...ACME, ...EXCEPTION });
  assert.equal(review.mapping, 'mismatch', 'a review is not a matter of mapping');
});

test('DS-N6: the exception of one partner does not cover the originator of another', async () => {
  const naming: JudgeOptions['naming'] = ({ domain }) =>
    domain === 'acme.example' ? { ...ACME, ...EXCEPTION } : { partnerDomains: [domain] };
  const cms = opaque(signedData(text, [await signerInfo(text, role)], [role.certificate.der]));
  const two = [mailbox('alice@acme.example'), mailbox('bob@bravo.example')];
  assert.equal((await verdictOf(cms, { naming, originators: two })).mapping, 'mismatch');
  assert.equal((await verdictOf(cms, { naming })).mapping, 'exception');
  assert.equal((await verdictOf(cms, { naming, originators: [] })).mapping, 'mismatch');
});

// ---- whom it claims to be from

test('I-class: outer and protected From are both claimed; two From fields are malformed', async () => {
  const inner = bufferContent(crlf('From: ceo@other.example\nContent-Type: text/plain\n\nx\n'));
  const message = await open(await messageAround(await signed(dsa, 'domain', inner)));
  const claimed = claimedOriginators(message);
  assert.deepEqual(
    claimed.mailboxes.map((one) => `${one.localPart}@${one.domain}`),
    ['alice@acme.example', 'ceo@other.example'],
  );
  assert.deepEqual(
    claimed.outer.mailboxes.map((one) => one.localPart),
    ['alice'],
  );
  const twice = await messageAround(text, 'From: alice@acme.example\nfrom : eve@evil.example\n');
  assert.equal(claimedOriginators(await open(twice)).malformed, true);
  const inside = bufferContent(crlf('From: a@acme.example\nFROM: b@acme.example\n\nx\n'));
  const hidden = claimedOriginators(
    await open(await messageAround(opaque(emptySignedData(inside)))),
  );
  assert.deepEqual([hidden.malformed, hidden.outer.malformed], [true, false]);
});

test('a clear signature: preamble and epilogue are nobody’s, the payload is what counts', async () => {
  const info = await signerInfo(text, dsa, [typesAttribute(TYPE.domain)]);
  const { detachedSignedData } = await import('@sallyport/cms');
  const options: MultipartSignedOptions = { micalg: 'sha-256', boundary: 'b' };
  const made = await bytesOf(multipartSigned(text, detachedSignedData([info], all), options));
  const padded = made
    .toString('latin1')
    .replace('\r\n\r\n--b\r\n', '\r\n\r\nPay eve.\r\n--b\r\n')
    .concat('Pay mallory.\r\n');
  const message = await open(await messageAround(bufferContent(Buffer.from(padded, 'latin1'))));
  assert.equal(judge(message).signature, 'valid');
  assert.deepEqual(await bytesOf(message.content.content), await bytesOf(text));
  const changed = padded.replace('hello', 'hullo');
  const bad = await open(await messageAround(bufferContent(Buffer.from(changed, 'latin1'))));
  assert.equal(judge(bad).signature, 'invalid');
});
