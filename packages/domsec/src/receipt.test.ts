import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestContent, signRaw } from '@sallyport/cms';
import { der, OID } from '@sallyport/der';
import { bufferContent } from '@sallyport/mail';
import { DEFAULT_MIME_LIMITS } from '@sallyport/mime';
import { encapsulatedState } from './list-verified.ts';
import { domainSign } from './outward.ts';
import { readReceipt, type SignedReceipt } from './receipt.ts';
import {
  alice,
  attribute,
  bytesOf,
  crlf,
  dsa,
  entity,
  type Identity,
  judge,
  LIMITS,
  MESSAGE,
  messageAround,
  OUTER,
  open,
  signerOf,
  stranger,
} from './test-fixtures.ts';

const RECEIPT = der.sequence(
  der.integer(1),
  der.oid(OID.data),
  der.octetString(Buffer.from('id-1')),
  der.octetString(Buffer.of(1, 2, 3)),
);

/** A SignedData/Receipt (RFC 2634 section 2.4), by hand: ours never makes one. */
async function receiptOf(
  who: Identity,
  options: { readonly content?: Buffer; readonly type?: string; readonly detached?: true } = {},
): Promise<Buffer> {
  const { content = RECEIPT, type = OID.receipt, detached } = options;
  const digest = await digestContent(bufferContent(content), 'sha256');
  const signedAttrs = der.setOf([
    attribute(OID.contentType, der.oid(type)),
    attribute(OID.messageDigest, der.octetString(digest)),
    attribute(OID.msgSigDigest, der.octetString(Buffer.alloc(32, 7))),
  ]);
  const sha256 = der.sequence(der.oid(OID.sha256));
  const signer = der.sequence(
    der.integer(1),
    der.sequence(der.raw(who.certificate.issuer), der.integerContent(who.certificate.serial)),
    sha256,
    der.implicit(0, signedAttrs),
    der.sequence(der.oid(OID.ecdsaWithSha256)),
    der.octetString(signRaw(signedAttrs, who.key, who.algorithm)),
  );
  const encap = detached ? [] : [der.explicit(0, der.octetString(content))];
  const cms = der.sequence(
    der.oid(OID.signedData),
    der.explicit(
      0,
      der.sequence(
        der.integer(3),
        der.setOf([sha256]),
        der.sequence(der.oid(OID.receipt), ...encap),
        der.implicit(0, der.setOf([who.certificate.der])),
        der.setOf([signer]),
      ),
    ),
  );
  const fields = `Content-Type: application/pkcs7-mime; smime-type=signed-receipt\n`;
  return Buffer.concat([
    crlf(`${OUTER}${fields}Content-Transfer-Encoding: base64\n\n`),
    Buffer.from(`${cms.toString('base64')}\r\n`),
  ]);
}

async function read(bytes: Buffer): Promise<SignedReceipt | null> {
  return await readReceipt(await open(bytes), { limits: LIMITS, knownCertificates: [] });
}

test('RFC 2634 2.8 (SM-13): a receipt is not called mail, and mail is not called a receipt', async () => {
  const opened = await open(await receiptOf(alice));
  assert.deepEqual(opened.layers, []);
  assert.equal(judge(opened).signature, 'none');
  assert.equal(await read(MESSAGE), null);
  const named = crlf(`${OUTER}Content-Type: application/pkcs7-mime\n\nno CMS\n`);
  assert.equal(await read(named), null);
  assert.equal(await read(await receiptOf(alice, { detached: true })), null);
});

test('RFC 2634 2.6: a receipt says what it is about, and who signed it is checked', async () => {
  const receipt = await read(await receiptOf(alice));
  assert.ok(receipt !== null);
  assert.deepEqual(receipt.about, {
    contentType: OID.data,
    contentIdentifier: Buffer.from('id-1'),
    originatorSignature: Buffer.of(1, 2, 3),
  });
  assert.equal(receipt.layer.signers[0]?.check.kind, 'valid');
});

test('RFC 2634 2.4: a signature made for mail does not count for a receipt', async () => {
  const receipt = await read(await receiptOf(alice, { type: OID.data }));
  assert.equal(receipt?.layer.signers[0]?.check.kind, 'invalid');
});

test('a receipt that cannot be read is one all the same', async () => {
  for (const content of [
    Buffer.alloc(0),
    Buffer.from('no DER'),
    der.sequence(der.integer(2), der.oid(OID.data), der.octetString(Buffer.alloc(1))),
    Buffer.concat([RECEIPT, RECEIPT]),
    Buffer.alloc(70_000, 0x30),
  ]) {
    const receipt = await read(await receiptOf(alice, { content }));
    assert.ok(receipt !== null);
    assert.equal(receipt.about, null);
  }
});

test('RFC 3183 3.2 (DS-G2): a receipt signed by a stranger keeps the domain from signing it', async () => {
  for (const [who, state] of [
    [alice, 'valid'],
    [stranger, 'unverifiable'],
  ] as const) {
    const opened = await open(await receiptOf(who));
    const receipt = await readReceipt(opened, { limits: LIMITS, knownCertificates: [] });
    assert.ok(receipt !== null);
    const { layers } = judge({ ...opened, layers: [receipt.layer] });
    assert.equal(encapsulatedState(layers), state);
  }
});

test('SM-13: a domain signature encapsulates a receipt as it is, so that it stays valid', async () => {
  const bytes = await receiptOf(alice);
  const signed = await domainSign(entity(bytes), signerOf(dsa), {
    profile: 'domsec',
    protectHeaders: true,
    limits: DEFAULT_MIME_LIMITS,
  });
  const around = await messageAround(signed);
  const opened = await open(around);
  assert.equal(opened.layers.length, 1);
  assert.deepEqual(await bytesOf(opened.content.body), await bytesOf(entity(bytes).body));
  assert.equal(judge(opened).signatureType, 'domain');
  assert.equal((await read(around))?.layer.signers[0]?.check.kind, 'valid');
});
