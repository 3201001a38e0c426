/** What the verdict names: every signer, every mismatch, every algorithm, and what to do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { envelopedData, type SignerInfoParts, signedData } from '@sallyport/cms';
import { bufferContent } from '@sallyport/mail';
import { pkcs7MimeEntity } from '@sallyport/mime';
import { mailbox } from '@sallyport/test/addresses';
import type { OpenedMessage } from './layers.ts';
import {
  alice,
  crlf,
  dcaRsa,
  dsa,
  dsaRsa,
  type Identity,
  identity,
  judge,
  messageAround,
  opaque,
  open,
  otherDsa,
  root,
  signerInfo,
  stranger,
  TYPE,
  typesAttribute,
} from './test-fixtures.ts';
import type { Verdict } from './verdict.ts';

const text = bufferContent(crlf('Content-Type: text/plain\n\nhello\n'));
const president = identity({ cn: 'The President', emails: ['president@acme.example'] });

async function by(...signers: readonly Identity[]): Promise<OpenedMessage> {
  const infos: SignerInfoParts[] = [];
  for (const who of signers) {
    infos.push(await signerInfo(text, who, [typesAttribute(TYPE.domain)]));
  }
  const [first, ...others] = infos;
  assert.ok(first !== undefined);
  const certificates = signers.map((who) => who.certificate.der);
  return await open(
    await messageAround(opaque(signedData(text, [first, ...others], certificates))),
  );
}

function signersOf({ layers }: Verdict) {
  const [layer] = layers;
  assert.ok(layer?.kind === 'signed');
  return layer.signers;
}

test('DS-V11: a stranger who signed too makes the layer unverifiable, and is named', async () => {
  const verdict = judge(await by(dsa, president));
  assert.deepEqual([verdict.signature, verdict.fault], ['unverifiable', 'signer-not-trusted']);
  assert.equal(verdict.originator, 'unknown');
  assert.match(verdict.reason, /somebody else signed beside it.*president@acme\.example/);
  assert.equal(signersOf(verdict).length, 2);
});

test('DS-G5: a second key of the same authority does no harm, even if its path is not trusted', async () => {
  for (const second of [dsaRsa, stranger]) {
    const verdict = judge(await by(dsa, second));
    assert.deepEqual([verdict.signature, verdict.mapping], ['valid', 'ok']);
  }
});

test('each signer has its own mapping, and the reason for a mismatch', async () => {
  const verdict = judge(await by(dsa, otherDsa));
  assert.deepEqual(
    signersOf(verdict)
      .map(({ mapping, mismatch }) => [mapping, mismatch === ''])
      .toSorted(),
    [
      ['mismatch', false],
      ['ok', true],
    ],
  );
});

test('algorithms are named in words', async () => {
  const names = (await by(dsa, dsaRsa)).layers.flatMap((layer) =>
    layer.kind === 'signed' ? layer.signers.map((signer) => signer.signatureAlgorithm) : [],
  );
  assert.deepEqual(names.toSorted(), ['ecdsa-sha256', 'rsa-sha256']);
});

function withLegacy(message: OpenedMessage, legacy: readonly string[]): OpenedMessage {
  const layers = message.layers.map((layer) =>
    layer.kind === 'signed'
      ? { ...layer, signers: layer.signers.map((signer) => ({ ...signer, legacy })) }
      : layer,
  );
  return { ...message, layers };
}

test('RFC 8551 section 6: an algorithm of the past counts only where the rule says so, and is named', async () => {
  const message = withLegacy(await by(dsa), ['sha1']);
  for (const legacy of [undefined, 'refuse'] as const) {
    const refused = judge(message, legacy === undefined ? {} : { legacy });
    assert.deepEqual([refused.signature, refused.fault], ['unverifiable', 'algorithm-unsupported']);
    assert.deepEqual(refused.legacy, []);
    assert.match(refused.reason, /sha1/);
  }
  const accepted = judge(message, { legacy: 'accept' });
  assert.deepEqual([accepted.signature, accepted.legacy], ['valid', ['sha1']]);
  assert.match(accepted.reason, /sha1, which is no longer safe.*Ask the sender/);
});

test('RFC 8551 section 6: content of an old cipher proves nothing where the rule refuses it', async () => {
  const signed = opaque(
    signedData(
      text,
      [await signerInfo(text, dsa, [typesAttribute(TYPE.domain)])],
      [dsa.certificate.der],
    ),
  );
  const cms = envelopedData(signed, [dcaRsa.certificate], {
    content: 'aes256-cbc',
    keyTransport: 'auto',
  });
  const opened = await open(await messageAround(opaque(cms)));
  const layers = opened.layers.map((layer) =>
    layer.kind === 'encrypted' ? { ...layer, legacy: ['des-ede3-cbc'] } : layer,
  );
  const message = { ...opened, layers };
  assert.equal(judge(message).integrity, false);
  const accepted = judge(message, { legacy: 'accept' });
  assert.deepEqual([accepted.integrity, accepted.legacy], [true, ['des-ede3-cbc']]);
});

test('SM-6: an address that the display name shows must be one that is covered', async () => {
  const shown = async (from: string): Promise<Verdict> => {
    const info = await signerInfo(text, alice);
    const cms = signedData(text, [info], [alice.certificate.der, root.certificate.der]);
    const bytes = await messageAround(opaque(cms), `From: ${from}\nMIME-Version: 1.0\n`);
    return judge(await open(bytes), { originators: [mailbox('alice@acme.example')] });
  };
  for (const from of [
    '"ceo@acme.example" <alice@acme.example>',
    'alice@acme.example (ceo@acme.example)',
    '=?utf-8?q?ceo=40acme=2Eexample?= <alice@acme.example>',
  ]) {
    const verdict = await shown(from);
    assert.equal(verdict.mapping, 'mismatch', from);
    assert.match(verdict.reason, /shows ceo@acme\.example/);
  }
  for (const from of ['Alice <alice@acme.example>', '"alice@acme.example" <alice@acme.example>']) {
    assert.equal((await shown(from)).mapping, 'ok', from);
  }
});

test('a From of one megabyte of letters is looked through at once', async () => {
  const long = `${'a'.repeat(500_000)}${'@b'.repeat(100_000)}`;
  const bytes = await messageAround(text, `From: ${long}\nMIME-Version: 1.0\n`);
  assert.equal(judge(await open(bytes)).signature, 'none');
});

test('rule 10: every sentence says what was found, what it means and what to do', async () => {
  const broken = pkcs7MimeEntity(bufferContent(Buffer.from('junk')), { smimeType: 'signed-data' });
  const sentences = [
    judge(await by(stranger)),
    judge(await by(otherDsa)),
    judge(await open(await messageAround(text))),
    judge(await open(await messageAround(broken))),
  ].map(({ reason }) => reason);
  for (const reason of sentences) {
    assert.match(reason, /(Treat it|Ask the sender|Do not take it)[^.]*\.$/, reason);
    assert.doesNotMatch(reason, /\.\.| {2}/, reason);
  }
});
