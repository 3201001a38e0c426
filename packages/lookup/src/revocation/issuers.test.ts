import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { certsOnly } from '../test-peers.ts';
import { TestAuthority } from '../test-pki.ts';
import { codeOf, portsNow, startProofs, statusOf } from '../test-proof.ts';

const { askedFor, base, keep, leaf, middle, pages, prove, root, web } = await startProofs();

describe('RFC 5280 section 4.2.2.1: issuers are fetched', () => {
  const missing = (path: string) =>
    leaf('Bob', middle, `authorityInfoAccess=caIssuers;URI:${base}${path}`);

  test('the missing issuer as DER', async () => {
    pages.set('/middle.cer', () => ({ body: middle.certificate.der }));
    const { result, trace } = await prove(missing('/middle.cer'), portsNow(), { mode: 'off' });
    assert.equal(codeOf(result), 'valid');
    assert.equal(result.kind === 'valid' && result.certificate.path.length, 3);
    assert.deepEqual(
      trace.map(({ door, outcome }) => [door, outcome]),
      [['issuers', 'found']],
    );
  });

  test('the missing issuer in a certs-only message', async () => {
    const body = certsOnly(root.certificate.der, middle.certificate.der);
    pages.set('/middle.p7c', () => ({ body, type: 'application/pkcs7-mime' }));
    const { result } = await prove(missing('/middle.p7c'), portsNow(), { mode: 'off' });
    assert.equal(codeOf(result), 'valid');
  });

  test('two missing issuers, one after the other', async () => {
    const pointer = [`authorityInfoAccess=caIssuers;URI:${base}/middle.cer`];
    const lower = TestAuthority.below({ cn: 'Lower', issuer: middle, extensions: pointer });
    keep(lower);
    pages.set('/middle.cer', () => ({ body: middle.certificate.der }));
    pages.set('/lower.cer', () => ({ body: lower.certificate.der }));
    const certificate = leaf('Bob', lower, `authorityInfoAccess=caIssuers;URI:${base}/lower.cer`);
    const { result } = await prove(certificate, portsNow(), { mode: 'off' });
    assert.equal(codeOf(result), 'valid');
  });

  test('an issuer that is there is not fetched again, and is kept for the next proof', async () => {
    pages.set('/once.cer', () => ({ body: middle.certificate.der }));
    const ports = portsNow();
    const certificate = missing('/once.cer');
    await prove(certificate, ports, { mode: 'off', intermediates: [middle.certificate] });
    assert.equal(askedFor('/once.cer'), 0);
    await Promise.all([
      prove(certificate, ports, { mode: 'off' }),
      prove(certificate, ports, { mode: 'off' }),
    ]);
    await prove(certificate, ports, { mode: 'off' });
    assert.equal(askedFor('/once.cer'), 1);
  });

  test('a fetched certificate proves nothing: it needs its own way to the anchor', async () => {
    const foreign = TestAuthority.root('Middle of Bravo');
    keep(foreign);
    pages.set('/foreign.cer', () => ({ body: foreign.certificate.der }));
    const certificate = leaf(
      'Mallory',
      foreign,
      `authorityInfoAccess=caIssuers;URI:${base}/foreign.cer`,
    );
    const { result } = await prove(certificate, portsNow(), { mode: 'off' });
    assert.notEqual(codeOf(result), 'valid');
  });

  test('what is no certificate, too long or not there leaves the path open', async () => {
    pages.set('/rubbish', () => ({ body: 'rubbish' }));
    pages.set('/long', () => ({ body: Buffer.alloc(300_000) }));
    const certificate = leaf(
      'Bob',
      middle,
      `authorityInfoAccess=${['rubbish', 'long', 'none'].map((path) => `caIssuers;URI:${base}/${path}`).join(',')}`,
    );
    const { result, trace } = await prove(certificate, portsNow(), { mode: 'off' });
    assert.equal(codeOf(result), 'no-path');
    assert.deepEqual(
      trace.map(({ outcome }) => outcome),
      ['failed', 'failed', 'failed'],
    );
  });

  test('a certificate whose own fault stands makes nobody fetch', async () => {
    const certificate = missing('/expired.cer');
    const time = new Date(certificate.notAfter.getTime() + 3_600_000);
    const { result } = await prove(certificate, portsNow(), { mode: 'off', time });
    assert.equal(codeOf(result), 'expired');
    assert.equal(askedFor('/expired.cer'), 0);
  });

  test('of 40 pointers 8 are followed', async () => {
    const many = Array.from({ length: 40 }, (_, at) => `caIssuers;URI:${base}/none?${at}`);
    const certificate = leaf('Bob', middle, `authorityInfoAccess=${many.join(',')}`);
    const before = web.asked.length;
    const { result } = await prove(certificate, portsNow(), { mode: 'off' });
    assert.equal(codeOf(result), 'no-path');
    assert.ok(web.asked.length - before <= 8, String(web.asked.length - before));
  });
});

describe('RFC 4387 section 3.1: pointers to stores', () => {
  const CERTS = '1.3.6.1.5.5.7.48.6';
  const CRLS = '1.3.6.1.5.5.7.48.7';
  const key = (name: Buffer): string =>
    encodeURIComponent(createHash('sha1').update(name).digest('base64').slice(0, 27));

  test('id-ad-http-certs is asked for the issuer by the hash of its name', async () => {
    const certificate = leaf('Bob', middle, `authorityInfoAccess=${CERTS};URI:${base}/certs`);
    pages.set(`/certs?sHash=${key(certificate.issuer)}`, () => ({ body: middle.certificate.der }));
    const { result } = await prove(certificate, portsNow(), { mode: 'off' });
    assert.equal(codeOf(result), 'valid');
  });

  test('id-ad-http-crls is asked for the list by the hash of the issuer', async () => {
    const certificate = leaf('Bob', root, `authorityInfoAccess=${CRLS};URI:${base}/crls`);
    const list = root.crl();
    pages.set(`/crls?iHash=${key(certificate.issuer)}`, () => ({ body: list }));
    assert.equal(statusOf((await prove(certificate, portsNow())).result), 'good');
  });

  test('a CA that says of itself where its lists are is believed that it has some', async () => {
    const extensions = [`subjectInfoAccess=${CRLS};URI:${base}/own`];
    const own = TestAuthority.below({ cn: 'Own', issuer: root, extensions });
    keep(own);
    const certificate = leaf('Bob', own);
    const list = own.crl();
    pages.set(`/own?iHash=${key(certificate.issuer)}`, () => ({ body: list }));
    const intermediates = [own.certificate];
    const { result } = await prove(certificate, portsNow(), { intermediates, mode: 'soft' });
    assert.equal(statusOf(result), 'good');
  });
});
