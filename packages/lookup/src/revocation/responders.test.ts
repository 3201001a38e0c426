import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TestAuthority } from '../test-pki.ts';
import { codeOf, portsNow, startProofs, statusOf } from '../test-proof.ts';

const { askedFor, base, keep, leaf, pages, prove, root } = await startProofs();

describe('RFC 6960: responders are asked', () => {
  const responder = TestAuthority.responder(root);
  keep(responder);
  const asking = (path: string, ...more: string[]) =>
    leaf('Bob', root, `authorityInfoAccess=OCSP;URI:${base}${path}`, ...more);
  const answering = (signer: TestAuthority) => (body: Buffer) => ({
    body: root.answerOcsp(body, signer),
    type: 'application/ocsp-response',
  });

  test('good and revoked, by a delegated responder with our nonce', async () => {
    pages.set('/ocsp', answering(responder));
    const certificate = asking('/ocsp');
    const ports = portsNow();
    const { result } = await prove(certificate, ports);
    assert.ok(result.kind === 'valid', codeOf(result));
    const [first] = result.certificate.revocation.certificates;
    assert.ok(first?.status.kind === 'good' && first.status.source.kind === 'ocsp');
    assert.equal(first.status.source.nonceMatched, true);
    root.revoke(certificate);
    ports.clock.time += 60_000;
    assert.equal(codeOf((await prove(certificate, ports)).result), 'revoked');
    assert.equal(askedFor('/ocsp'), 2);
  });

  test('a responder that the CA did not name says nothing', async () => {
    const other = TestAuthority.root('responder');
    keep(other);
    pages.set('/forged', answering(other));
    const { result } = await prove(asking('/forged'), portsNow());
    assert.equal(codeOf(result), 'revocation-unknown');
  });

  test('a response to somebody else, with its nonce, says nothing', async () => {
    let first: Buffer | null = null;
    pages.set('/replayed', (body) => {
      first ??= root.answerOcsp(body, responder);
      return { body: first };
    });
    const certificate = asking('/replayed');
    assert.equal(statusOf((await prove(certificate, portsNow())).result), 'good');
    const { result } = await prove(certificate, portsNow());
    assert.equal(codeOf(result), 'revocation-unknown');
    assert.match(result.kind === 'invalid' ? result.reason : '', /nonce/);
  });

  test('a good response does not outweigh a list that says revoked', async () => {
    const certificate = asking('/both', `crlDistributionPoints=URI:${base}/both.crl`);
    pages.set('/both', answering(responder));
    root.revoke(certificate);
    const list = root.crl();
    root.reinstate(certificate);
    assert.equal(statusOf((await prove(certificate, portsNow())).result), 'good');
    pages.set('/both.crl', () => ({ body: list }));
    const { result, trace } = await prove(certificate, portsNow());
    assert.equal(codeOf(result), 'revoked');
    assert.deepEqual(
      trace.map(({ outcome }) => outcome),
      ['found', 'found', 'unusable'],
    );
  });

  test('the error of a responder is told in its words', async () => {
    pages.set('/later', () => ({ body: Buffer.from('30030a0103', 'hex') }));
    const { trace } = await prove(asking('/later'), portsNow(), { mode: 'soft' });
    assert.match(trace[0]?.reason ?? '', /refuses: tryLater/);
  });
});
