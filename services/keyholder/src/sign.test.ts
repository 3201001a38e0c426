import assert from 'node:assert/strict';
import { createHash, verify, X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { DerReader, der, OID, readTlv } from '@sallyport/der';
import {
  acceptMessage,
  closeKeyholderTests,
  content,
  eventsOf,
  openKeyholderTests,
  openssl,
  pairs,
  refused,
  root,
  setup,
  signParams,
  start,
} from './testing.ts';

before(openKeyholderTests);
after(closeKeyholderTests);

/** A detached SignedData as any CMS program reads it (RFC 5652 section 5.1). */
function signedData(facts: {
  certificate: Buffer;
  signedAttrs: Buffer;
  signature: Buffer;
  oid: string;
}) {
  const tbs = new DerReader(readTlv(facts.certificate)).sequence();
  tbs.optionalExplicit(0);
  const serial = tbs.next().bytes;
  tbs.next();
  const issuer = tbs.next().bytes;
  const digestAlgorithm = der.sequence(der.oid(OID.sha256));
  const parameters = facts.oid === OID.rsaEncryption ? [der.null()] : [];
  const signerInfo = der.sequence(
    der.integer(1),
    der.sequence(issuer, serial),
    digestAlgorithm,
    der.implicit(0, facts.signedAttrs),
    der.sequence(der.oid(facts.oid), ...parameters),
    der.octetString(facts.signature),
  );
  const body = der.sequence(
    der.integer(1),
    der.setOf([digestAlgorithm]),
    der.sequence(der.oid(OID.data)),
    der.implicit(0, der.set(facts.certificate)),
    der.setOf([signerInfo]),
  );
  return der.sequence(der.oid(OID.signedData), der.explicit(0, body));
}

for (const algorithm of ['rsa-2048', 'ec-p256', 'ec-p384'] as const) {
  test(`openssl verifies a signature of ${algorithm}, and both records of it are in the log`, async () => {
    const given = await setup();
    await given.addKey({ keyId: 'dsa', algorithm });
    const { outward, close } = await start(given);
    const queueId = await acceptMessage();
    const answer = await outward.call('sign', signParams('dsa', queueId));
    await close();
    assert.equal(
      answer.signatureAlgorithm,
      algorithm === 'rsa-2048' ? 'rsa-sha256' : 'ecdsa-sha256',
    );
    const base = join(root, `${algorithm}-sig`);
    await writeFile(`${base}.txt`, content);
    const certificate = new X509Certificate(pairs.get(algorithm)?.certificate ?? '').raw;
    const message = signedData({
      certificate,
      signedAttrs: Buffer.from(answer.signedAttrs, 'base64'),
      signature: Buffer.from(answer.signature, 'base64'),
      oid: algorithm === 'rsa-2048' ? OID.rsaEncryption : OID.ecdsaWithSha256,
    });
    await writeFile(`${base}.der`, message);
    const trust = ['-CAfile', join(root, `${algorithm}.crt`), '-purpose', 'any'];
    const input = ['-inform', 'DER', '-in', `${base}.der`, '-content', `${base}.txt`, '-binary'];
    const { stderr } = await openssl('cms', '-verify', ...input, ...trust, '-out', `${base}.out`);
    assert.match(stderr, /Verification successful/i);
    assert.deepEqual(await readFile(`${base}.out`), content);
    const events = await eventsOf(queueId);
    assert.deepEqual(
      events.map(({ kind, facts }) => [kind, facts['outcome']]),
      [
        ['accepted', undefined],
        ['key-intent', undefined],
        ['key-outcome', 'done'],
      ],
    );
    const digest = createHash('sha256').update(Buffer.from(answer.signature, 'base64'));
    assert.equal(events[2]?.facts['signatureDigest'], digest.digest('hex'));
    assert.equal(events[2]?.facts['intent'], events[1]?.index);
  });
}

test('RFC 8419, RFC 9882: Ed25519 and ML-DSA keys sign the attributes themselves', async () => {
  const given = await setup();
  for (const algorithm of ['ed25519', 'ml-dsa-65'] as const) {
    await given.addKey({ keyId: algorithm, algorithm });
  }
  await given.addKey({ keyId: 'rsa' });
  const { outward, close } = await start(given);
  const queueId = await acceptMessage();
  const digest = createHash('sha512').update(content).digest('base64');
  for (const algorithm of ['ed25519', 'ml-dsa-65'] as const) {
    const params = {
      ...signParams(algorithm, queueId),
      digestAlgorithm: 'sha512',
      digest,
    } as const;
    await assert.rejects(
      outward.call('sign', signParams(algorithm, queueId)),
      refused(null, /does not go with sha256/),
    );
    await assert.rejects(
      outward.call('sign', { ...params, rsaPadding: 'pss' }),
      refused(null, /RSA keys only/),
    );
    const answer = await outward.call('sign', params);
    assert.equal(answer.signatureAlgorithm, algorithm);
    const [signedAttrs, signature] = [answer.signedAttrs, answer.signature].map((text) =>
      Buffer.from(text, 'base64'),
    );
    const { publicKey } = new X509Certificate(pairs.get(algorithm)?.certificate ?? '');
    assert.ok(signedAttrs && signature && verify(null, signedAttrs, publicKey, signature));
  }
  const pss = await outward.call('sign', { ...signParams('rsa', queueId), rsaPadding: 'pss' });
  assert.equal(pss.signatureAlgorithm, 'rsa-pss-sha256');
  await close();
});
