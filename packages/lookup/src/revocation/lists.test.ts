import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { noSlapd, startSlapd } from '../test-peers.ts';
import { TestAuthority } from '../test-pki.ts';
import { codeOf, portsNow, startProofs, statusOf } from '../test-proof.ts';

const { askedFor, base, host, keep, leaf, pages, prove, root, web } = await startProofs();

const gone = `http://gone.bravo.example:${web.port}`;
/** Another CA of the same name. */
const namesake = keep(TestAuthority.root('Root of Bravo'));

describe('RFC 5280 section 6.3: revocation lists are fetched', () => {
  const listed = (path: string) => leaf('Bob', root, `crlDistributionPoints=URI:${base}${path}`);

  test('a good certificate is valid in hard mode, and the trace says why', async () => {
    const list = root.crl();
    pages.set('/good.crl', () => ({ body: list }));
    const { result, trace } = await prove(listed('/good.crl'), portsNow());
    assert.equal(statusOf(result), 'good');
    assert.deepEqual(
      trace.map(({ query, outcome }) => [query, outcome]),
      [
        [`fetch revocation list ${base}/good.crl`, 'found'],
        ['judge revocation of CN=Bob', 'usable'],
      ],
    );
  });

  test('a revoked certificate is refused in hard and soft mode', async () => {
    const certificate = listed('/revoked.crl');
    root.revoke(certificate);
    const list = root.crl();
    pages.set('/revoked.crl', () => ({ body: list }));
    for (const mode of ['hard', 'soft'] as const) {
      const { result, trace } = await prove(certificate, portsNow(), { mode });
      assert.equal(codeOf(result), 'revoked');
      assert.match(trace.at(-1)?.reason ?? '', /revoked since .*keyCompromise/);
    }
  });

  test('with the CRL server down hard mode holds, and soft mode goes on and records it', async () => {
    const certificate = leaf('Bob', root, `crlDistributionPoints=URI:${gone}/x.crl`);
    const { result: hard } = await prove(certificate, portsNow());
    assert.ok(hard.kind === 'invalid');
    assert.equal(hard.code, 'revocation-unknown');
    assert.equal(hard.fault, 'revocation-unavailable');
    const { result: soft, trace } = await prove(certificate, portsNow(), { mode: 'soft' });
    assert.equal(statusOf(soft), 'unknown');
    assert.equal(soft.kind === 'valid' && soft.certificate.revocation.mode, 'soft');
    assert.deepEqual(
      trace.map(({ outcome }) => outcome),
      ['failed', 'nothing'],
    );
  });

  test('in mode off nothing is fetched', async () => {
    const { result } = await prove(listed('/never.crl'), portsNow(), { mode: 'off' });
    assert.equal(codeOf(result), 'valid');
    assert.equal(askedFor('/never.crl'), 0);
  });

  test('a certificate without a path to an anchor makes nobody fetch a list', async () => {
    const stranger = TestAuthority.root('Stranger');
    keep(stranger);
    const certificate = leaf('Eve', stranger, `crlDistributionPoints=URI:${base}/eve.crl`);
    const { result } = await prove(certificate, portsNow());
    assert.equal(codeOf(result), 'no-path');
    assert.equal(askedFor('/eve.crl'), 0);
  });

  const unusable: readonly (readonly [string, () => Buffer])[] = [
    ['of another CA', () => namesake.crl()],
    ['that is rubbish', () => Buffer.from('rubbish')],
    ['that ended an hour ago', () => root.crl(-1, 2)],
    ['that is cut short', () => root.crl().subarray(0, -5)],
  ];
  for (const [at, [name, list]] of unusable.entries()) {
    test(`a list ${name} counts as none`, async () => {
      pages.set(`/bad${at}.crl`, () => ({ body: list() }));
      const { result } = await prove(listed(`/bad${at}.crl`), portsNow());
      assert.equal(codeOf(result), 'revocation-unknown');
    });
  }

  test('a revoked intermediate is refused as well', async () => {
    const extensions = [`crlDistributionPoints=URI:${base}/root.crl`];
    const fallen = TestAuthority.below({ cn: 'Fallen', issuer: root, extensions });
    keep(fallen);
    root.revoke(fallen.certificate);
    const list = root.crl();
    const own = fallen.crl();
    pages.set('/root.crl', () => ({ body: list }));
    pages.set('/fallen.crl', () => ({ body: own }));
    const certificate = leaf('Bob', fallen, `crlDistributionPoints=URI:${base}/fallen.crl`);
    const { result } = await prove(certificate, portsNow(), {
      intermediates: [fallen.certificate],
    });
    assert.equal(codeOf(result), 'revoked');
  });

  test('a pinned certificate is refused when its CA, fetched if need be, says so', async () => {
    pages.set('/root.cer', () => ({ body: root.certificate.der }));
    const certificate = leaf(
      'Pinned',
      root,
      `crlDistributionPoints=URI:${base}/pin.crl`,
      `authorityInfoAccess=caIssuers;URI:${base}/root.cer`,
    );
    const fresh = root.crl();
    pages.set('/pin.crl', () => ({ body: fresh }));
    const ports = portsNow();
    const pinned = { anchors: [certificate] };
    assert.equal(codeOf((await prove(certificate, ports, pinned)).result), 'valid');
    root.revoke(certificate);
    const list = root.crl();
    pages.set('/pin.crl', () => ({ body: list }));
    ports.clock.time += 61_000;
    assert.equal(codeOf((await prove(certificate, ports, pinned)).result), 'revoked');
  });
});

describe('RFC 5280 section 4.2.1.13: lists in a directory', () => {
  const place = (port: number, rest: string): string => `ldap://${host}:${port}/${rest}`;
  // A comma would end the value in OpenSSL's configuration.
  const ENTRY = 'cn=0%2Cdc=bravo%2Cdc=example';
  const listed = (url: string) => leaf('Bob', root, `crlDistributionPoints=URI:${url}`);

  test('a list is read out of the entry that the URL names', { skip: noSlapd }, async () => {
    await using slapd = await startSlapd([
      {
        mail: 'ca@bravo.example',
        auxiliary: 'pkiCA',
        attribute: 'certificateRevocationList;binary',
        values: [root.crl()],
      },
    ]);
    for (const query of ['', '?certificateRevocationList;binary?base?(objectClass=pkiCA)']) {
      const certificate = listed(place(slapd.port, `${ENTRY}${query}`));
      const { result, trace } = await prove(certificate, portsNow());
      assert.equal(statusOf(result), 'good', JSON.stringify(trace));
    }
    const elsewhere = listed(place(slapd.port, 'cn=1%2Cdc=bravo%2Cdc=example'));
    assert.equal(codeOf((await prove(elsewhere, portsNow())).result), 'revocation-unknown');
  });

  const refused: readonly (readonly [string, string, RegExp])[] = [
    ['without a server', 'ldap:///cn=CRL', /no server/],
    ['without an entry', place(9, '').replace(':9/', '/'), /no entry/],
    ['for another attribute', `ldap://${host}/${ENTRY}?userPassword`, /revocation list/],
    ['with a user part', `ldap://a:b@${host}/${ENTRY}`, /user part/],
    ['at the port of SMTP', place(25, ENTRY), /port 25/],
  ];
  for (const [name, url, pattern] of refused) {
    test(`a URL ${name} is not asked`, async () => {
      const { result, trace } = await prove(listed(url), portsNow(), { mode: 'soft' });
      assert.equal(statusOf(result), 'unknown');
      assert.match(trace[0]?.reason ?? '', pattern);
    });
  }

  test('a private address is not asked', async () => {
    const ports = { ...portsNow(), allowPrivateAddresses: false };
    for (const name of ['127.0.0.1', host]) {
      const certificate = listed(`ldap://${name}/${ENTRY}`);
      const { trace } = await prove(certificate, ports, { mode: 'soft' });
      assert.match(trace[0]?.reason ?? '', /not public/);
    }
  });

  test('a place of another scheme is passed over, and said', async () => {
    const { trace } = await prove(listed('ftp://ca.bravo.example/crl'), portsNow(), {
      mode: 'soft',
    });
    assert.deepEqual(trace[0]?.outcome, 'skipped');
  });
});
