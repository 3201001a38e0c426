import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { codeOf, portsNow, startProofs, statusOf } from '../test-proof.ts';

const { askedFor, base, leaf, pages, prove, root } = await startProofs();

describe('what is kept, and for how long', () => {
  const listed = (path: string) => leaf('Bob', root, `crlDistributionPoints=URI:${base}${path}`);

  test('a revoked key stops being used with the first proof after its list was fetched, within 60 s', async () => {
    const certificate = listed('/sixty.crl');
    const before = root.crl();
    pages.set('/sixty.crl', () => ({ body: before }));
    const ports = portsNow();
    assert.equal(statusOf((await prove(certificate, ports)).result), 'good');
    root.revoke(certificate);
    const list = root.crl();
    pages.set('/sixty.crl', () => ({ body: list }));
    ports.clock.time += 59_000;
    assert.equal(statusOf((await prove(certificate, ports)).result), 'good');
    assert.equal(askedFor('/sixty.crl'), 1);
    ports.clock.time += 1_000;
    assert.equal(codeOf((await prove(certificate, ports)).result), 'revoked');
  });

  test('a list that is played back does not hide the newer one', async () => {
    const certificate = listed('/replay.crl');
    const old = root.crl(24, 2);
    root.revoke(certificate);
    const list = root.crl();
    pages.set('/replay.crl', () => ({ body: list }));
    const ports = portsNow();
    assert.equal(codeOf((await prove(certificate, ports)).result), 'revoked');
    pages.set('/replay.crl', () => ({ body: old }));
    ports.clock.time += 61_000;
    assert.equal(codeOf((await prove(certificate, ports)).result), 'revoked');
    assert.equal(askedFor('/replay.crl'), 2);
  });

  test('a list counts until its nextUpdate when its server is down, and no longer', async () => {
    const certificate = listed('/until.crl');
    const list = root.crl(2);
    pages.set('/until.crl', () => ({ body: list }));
    const ports = portsNow();
    assert.equal(statusOf((await prove(certificate, ports)).result), 'good');
    pages.set('/until.crl', () => ({ status: 503 }));
    ports.clock.time += 3_600_000;
    const { result, trace } = await prove(certificate, ports);
    assert.equal(statusOf(result), 'good');
    assert.match(trace[0]?.reason ?? '', /503; in use: list of .* kept since/);
    ports.clock.time += 3_600_000;
    assert.equal(codeOf((await prove(certificate, ports)).result), 'revocation-unknown');
  });

  test('RFC 9110 15.4.5: a list that is unchanged is not sent again', async () => {
    const certificate = listed('/etag.crl');
    const list = root.crl();
    pages.set('/etag.crl', (_body, { headers }) =>
      headers['if-none-match'] === '"a"'
        ? { status: 304 }
        : { body: list, headers: { etag: '"a"' } },
    );
    const ports = portsNow();
    await prove(certificate, ports);
    ports.clock.time += 60_000;
    const { result, trace } = await prove(certificate, ports);
    assert.equal(statusOf(result), 'good');
    assert.match(trace[0]?.reason ?? '', /unchanged/);
    assert.equal(askedFor('/etag.crl'), 2);
  });

  test('"unchanged" where nothing is known is a failure', async () => {
    pages.set('/304.crl', () => ({ status: 304 }));
    const { result } = await prove(listed('/304.crl'), portsNow());
    assert.equal(codeOf(result), 'revocation-unknown');
  });

  test('a server that failed is asked again after half a minute', async () => {
    const certificate = listed('/again.crl');
    pages.set('/again.crl', () => ({ status: 500 }));
    const ports = portsNow();
    assert.equal(codeOf((await prove(certificate, ports)).result), 'revocation-unknown');
    const list = root.crl();
    pages.set('/again.crl', () => ({ body: list }));
    ports.clock.time += 29_000;
    assert.equal(codeOf((await prove(certificate, ports)).result), 'revocation-unknown');
    ports.clock.time += 1_000;
    assert.equal(statusOf((await prove(certificate, ports)).result), 'good');
    assert.equal(askedFor('/again.crl'), 2);
  });

  test('those who ask at once share one fetch', async () => {
    const certificate = listed('/shared.crl');
    const list = root.crl();
    pages.set('/shared.crl', () => ({ body: list }));
    const ports = portsNow();
    const proofs = await Promise.all(Array.from({ length: 20 }, () => prove(certificate, ports)));
    assert.deepEqual(new Set(proofs.map(({ result }) => statusOf(result))), new Set(['good']));
    assert.equal(askedFor('/shared.crl'), 1);
  });

  test('a proof that ran out of time says so; the list is there for the next', async () => {
    const certificate = listed('/late.crl');
    const list = root.crl();
    pages.set('/late.crl', () => ({ body: list }));
    const ports = portsNow();
    const { result } = await prove(certificate, ports, { deadlineMs: 0 });
    assert.equal(codeOf(result), 'revocation-unknown');
    assert.equal(statusOf((await prove(certificate, ports)).result), 'good');
    assert.equal(askedFor('/late.crl'), 1);
  });
});
