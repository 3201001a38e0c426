import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { formatPemCertificate } from '@sallyport/pki';
import { TestAuthority } from '../../packages/lookup/src/test-pki.ts';
import { startWeb, type WebServer } from '../../packages/lookup/src/test-web.ts';
import {
  assertRefusals,
  outline,
  type Seeker,
  type SoughtPartner,
  startSeeker,
} from '../harness/discovery.ts';
import { startDns } from '../harness/dns.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { certRecord } from '../harness/mail-certificates.ts';
import { freePort } from '../harness/ports.ts';

const skip = skipWithout('nsd', 'unbound', 'bind9-dnsutils', 'ldnsutils', 'openssl');

const DCA = 'domain-confidentiality-authority';
/** RFC 8162 section 3: SHA-256 of that name, its first 28 octets. */
const DCA_LABEL = '9d5192e5c4d2026ecac9a6473ead72c5b8870d2ad76d605945bfee26';

const hard = { to: ['user'], discovery: ['cert'], trust: { revocation: 'hard' } } as const;
const byDnssec = { discovery: ['smimea', 'cert'] } as const;
const PARTNERS: readonly SoughtPartner[] = [
  { domain: 'd17.bravo.example', ...hard },
  { domain: 'd17-decoys.bravo.example', ...hard },
  { domain: 'd18.bravo.example', ...hard },
  { domain: 'd18-none.bravo.example', ...hard },
  { domain: 'd18-down.bravo.example', ...hard },
  { domain: 'secure.bravo.example', ...byDnssec },
  { domain: 'digest.bravo.example', ...byDnssec },
  { domain: 'path.bravo.example', ...byDnssec, trust: { smimea: 'path' } },
  { domain: 'other.bravo.example', ...byDnssec },
  { domain: 'charlie.example', ...byDnssec },
  { domain: 'delta.example', ...byDnssec },
];

describe('A.9: what a find is worth: revocation, issuers by HTTP, DNSSEC', { skip }, () => {
  const stack = new AsyncDisposableStack();
  const published = new Map<string, string>();
  const pages = new Map<string, Buffer>();
  let web: WebServer;
  let base: string;
  let seeker: Seeker;

  /** The partner's CA with two below it, of which it has revoked one, and what they issued. */
  const issuedZone = (root: TestAuthority, dead: number): string[] => {
    const list = (name: string): string => `crlDistributionPoints=URI:${base}/${name}.crl`;
    const issuer = (at: string): string => `authorityInfoAccess=caIssuers;URI:${at}`;
    const [revoked, middle] = ['Revoked CA of Bravo', 'Middle of Bravo'].map((cn) =>
      stack.use(TestAuthority.below({ cn, issuer: root, extensions: [list('root')] })),
    );
    assert.ok(revoked !== undefined && middle !== undefined);
    const person = (name: string, by: TestAuthority, ...extensions: string[]) => {
      const own = [`subjectAltName=email:${name.replace('.', '@')}.bravo.example`, ...extensions];
      const one = TestAuthority.mail({ cn: name, issuer: by, extensions: own });
      return stack.use(one).certificate;
    };
    const decoysOf = (name: string) => {
      const own = [person(name, root, list('root')), person(name, root, list('root'))];
      for (const one of own) root.revoke(one);
      return [...own, person(name, revoked, list('revoked'), issuer(`${base}/revoked.cer`))];
    };
    const publish = (name: string, by: TestAuthority, ...extensions: string[]): string => {
      const { der } = person(name, by, ...extensions);
      published.set(name, der.toString('base64'));
      return certRecord(name, der);
    };
    root.revoke(revoked.certificate);
    const records = [
      ...['bob.d17', 'bob.d17-decoys'].flatMap((name) =>
        decoysOf(name).map(({ der }) => certRecord(name, der)),
      ),
      publish('bob.d17', root, list('root')),
      publish('bob.d18', middle, list('middle'), issuer(`${base}/middle.cer`)),
      publish('bob.d18-none', middle, list('middle')),
      publish(
        'bob.d18-down',
        middle,
        list('middle'),
        issuer(`http://ca.bravo.example:${dead}/x.cer`),
      ),
    ];
    pages.set('/root.crl', root.crl());
    pages.set('/revoked.crl', revoked.crl());
    pages.set('/middle.crl', middle.crl());
    pages.set('/revoked.cer', revoked.certificate.der);
    pages.set('/middle.cer', middle.certificate.der);
    return records;
  };

  before(async () => {
    const root = stack.use(TestAuthority.root('Root of Bravo'));
    const stranger = stack.use(TestAuthority.root('Root of a stranger'));
    web = stack.use(
      await startWeb((path) => {
        const body = pages.get(path);
        return body === undefined ? undefined : { body };
      }),
    );
    base = `http://ca.bravo.example:${web.port}`;
    const authority = (domain: string, issuer: TestAuthority): Buffer => {
      const extensions = [`subjectAltName=email:${DCA}@${domain}`];
      const { der } = stack.use(TestAuthority.mail({ cn: DCA, issuer, extensions })).certificate;
      published.set(domain, der.toString('base64'));
      return der;
    };
    const smimea = (name: string, certificate: Buffer): string =>
      `${DCA_LABEL}._smimecert.${name} IN SMIMEA 3 0 0 ${certificate.toString('hex')}`;
    const digest = (name: string, certificate: Buffer): string => {
      const hash = createHash('sha256').update(certificate).digest('hex');
      return `${DCA_LABEL}._smimecert.${name} IN SMIMEA 3 0 1 ${hash}`;
    };
    const unknown = (name: string) => authority(`${name}.bravo.example`, stranger);
    const named = unknown('digest');
    const records = [
      'ca IN A 127.0.0.1',
      ...issuedZone(root, await freePort()),
      smimea('secure', unknown('secure')),
      digest('digest', named),
      certRecord('digest', named),
      smimea('path', unknown('path')),
      digest('other', unknown('other')),
      certRecord('other', authority('other.bravo.example', root)),
    ];
    const apex = (domain: string): string[] => [smimea(`${domain}.`, authority(domain, stranger))];
    const dns = stack.use(
      await startDns([
        { name: 'bravo.example', kind: 'signed', records },
        { name: 'charlie.example', kind: 'plain', records: apex('charlie.example') },
        { name: 'delta.example', kind: 'bogus', records: apex('delta.example') },
      ]),
    );
    seeker = stack.use(
      await startSeeker(dns, PARTNERS, [formatPemCertificate(root.certificate.der)]),
    );
  });
  after(() => stack.disposeAsync());

  const asked = (path: string): number => web.asked.filter((one) => one === path).length;

  test('D17: of four certificates in DNS the one is chosen that no CRL names', async () => {
    const { found, certificates, steps } = await seeker.locate('bob@d17.bravo.example');
    assert.deepEqual(certificates, [published.get('bob.d17')]);
    assert.deepEqual(found?.revocation, { mode: 'hard', status: 'good', reason: '' });
    assert.equal(steps[0]?.reason, '4 record(s) with certificates');
    const list = `revocation found fetch revocation list ${base}/root.crl at `;
    assert.ok(outline(steps).some((line) => line.startsWith(list)));
    assert.equal(steps.at(-2)?.query, 'judge revocation of CN=bob.d17');
    assert.match(steps.at(-2)?.reason ?? '', /^not revoked, says a revocation list of /);
  });

  test('D17: the three decoys alone are found and refused, the third since its CA is revoked', async () => {
    const { found, steps } = await seeker.locate('bob@d17-decoys.bravo.example');
    assert.equal(found, null);
    const judged = steps.filter(({ door }) => door === 'cert');
    assertRefusals(
      judged.toSorted((one, next) => (one.reason < next.reason ? -1 : 1)),
      [
        ['cert address', /^certificate CN=Revoked CA of Bravo is revoked since .*: keyCompromise$/],
        ['cert address', /^certificate CN=bob\.d17-decoys is revoked since .*: keyCompromise$/],
        ['cert address', /^certificate CN=bob\.d17-decoys is revoked since .*: keyCompromise$/],
      ],
    );
    const decision = await seeker.decide('bob@d17-decoys.bravo.example');
    assert.equal(decision, 'hold (recipient-certificate-revoked)');
    assert.equal(asked('/root.crl'), 1, 'the list was fetched for all of them once');
  });

  test('D18: the intermediate CA is fetched from where the certificate points, by HTTP', async () => {
    const { found, certificates, steps } = await seeker.locate('bob@d18.bravo.example');
    assert.deepEqual(certificates, [published.get('bob.d18')]);
    assert.deepEqual([found?.door, found?.proof], ['cert', 'path']);
    const host = base.slice('http://'.length);
    assert.deepEqual(outline(steps).slice(0, 2), [
      'cert found CERT bob.d18.bravo.example (address)',
      `issuers found fetch issuer from ${base}/middle.cer at ${host}`,
    ]);
    assert.equal(asked('/middle.cer'), 1);
  });

  test('D18: without that pointer the same certificate has no path', async () => {
    const none = await seeker.locate('bob@d18-none.bravo.example');
    assertRefusals(none.steps, [['cert address', / is known: CN=Middle of Bravo$/]]);
    assert.match(await seeker.decide('bob@d18-none.bravo.example'), /certificate-untrusted/);
  });

  test('D18: with nobody at that pointer it is not known whether there is a path: the message waits', async () => {
    const down = await seeker.locate('bob@d18-down.bravo.example');
    assert.equal(down.found, null);
    const decision = await seeker.decide('bob@d18-down.bravo.example');
    assert.equal(decision, 'wait (directory-unreachable)');
    const [fetch] = down.steps.filter(({ door }) => door === 'issuers');
    assert.equal(fetch?.outcome, 'failed');
    assert.match(fetch.reason, /ECONNREFUSED/);
  });

  const proven = [
    { domain: 'secure.bravo.example', door: 'smimea', what: 'that it holds' },
    { domain: 'digest.bravo.example', door: 'cert', what: 'whose digest it holds' },
  ] as const;
  for (const { domain, door, what } of proven) {
    test(`SMIMEA under DNSSEC proves the certificate ${what}, whoever issued it (RFC 8162)`, async () => {
      const { found, certificates, steps } = await seeker.locate(`bob@${domain}`);
      assert.deepEqual(certificates, [published.get(domain)]);
      assert.deepEqual([found?.door, found?.owner, found?.proof], [door, 'domain', 'dnssec']);
      const step = steps.find(({ query }) => query.includes(DCA_LABEL));
      assert.equal(step?.reason, '1 record(s), proven by DNSSEC');
      assert.equal(await seeker.decide(`bob@${domain}`), 'protect');
    });
  }

  test('SMIMEA under DNSSEC is only a candidate where the partner must have a path', async () => {
    const { found, steps } = await seeker.locate('bob@path.bravo.example');
    assert.equal(found, null);
    assertRefusals(steps, [['smimea authority', /is known: CN=Root of a stranger$/]]);
  });

  test('SMIMEA under DNSSEC forbids every other certificate, also one with a path', async () => {
    const { found, steps } = await seeker.locate('bob@other.bravo.example');
    assert.equal(found, null);
    assertRefusals(steps, [['cert domain', 'DNSSEC association names another certificate']]);
  });

  test('SMIMEA without DNSSEC is only a candidate', async () => {
    const { found, steps } = await seeker.locate('bob@charlie.example');
    assert.equal(found, null);
    const step = steps.find(({ query }) => query.includes(DCA_LABEL));
    assert.match(step?.reason ?? '', /^1 record\(s\), not proven by DNSSEC: /);
    assertRefusals(steps, [['smimea authority', /is known: CN=Root of a stranger$/]]);
  });

  test('SMIMEA whose DNSSEC proof is broken is no knowledge: the message waits', async () => {
    const { found, steps } = await seeker.locate('bob@delta.example');
    assert.equal(found, null);
    const step = steps.find(({ query }) => query.includes(DCA_LABEL));
    assert.equal(step?.outcome, 'failed');
    assert.equal(await seeker.decide('bob@delta.example'), 'wait (dns-failure)');
  });
});
