import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  assertRefusals,
  outline,
  type Seeker,
  type SoughtPartner,
  startSeeker,
} from '../harness/discovery.ts';
import { type Dns, startDns } from '../harness/dns.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { sallyport } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import {
  certRecord,
  FLAWS,
  type MailCertificates,
  makeMailCertificates,
} from '../harness/mail-certificates.ts';
import { type DirectoryEntry, startSlapd } from '../harness/slapd.ts';

const skip = skipWithout('nsd', 'unbound', 'bind9-dnsutils', 'ldnsutils', 'slapd', 'openssl');

const AUTHORITY_LABEL = '9d5192e5c4d2026ecac9a6473ead72c5b8870d2ad76d605945bfee26';
const BOB_LABEL = '81b637d8fcd2c6da6359e6963113a1170de795e4b725b84d1e0b4cfd';

const PARTNERS: readonly SoughtPartner[] = [
  { domain: 'd1.bravo.example', to: ['user', 'domain'] },
  { domain: 'd1-decoys.bravo.example', to: ['user', 'domain'] },
  { domain: 'd2.bravo.example' },
  { domain: 'd2-direct.bravo.example' },
  {
    domain: 'd2-agreed.bravo.example',
    trust: {
      exceptions: [
        {
          subject: 'dns:d2-agreed.bravo.example',
          reason: 'they bind certificates as Direct does',
          until: '2999-12-31',
        },
      ],
    },
  },
  { domain: 'd5.bravo.example', to: ['user'] },
  { domain: 'd6.bravo.example' },
  { domain: 'd9.bravo.example', to: ['user'] },
  { domain: 'd11.bravo.example' },
  ...['smimea', 'cert', 'ldap-srv', 'http-srv'].map((door) => ({
    domain: `${door}.broken.example`,
    discovery: [door],
  })),
  { domain: 'd14.bravo.example', to: ['user'], discovery: ['cert'] },
];

describe('A.9: certificates of a partner in the DNS', { skip }, () => {
  const stack = new AsyncDisposableStack();
  const published = new Map<string, string>();
  let dns: Dns;
  let seeker: Seeker;

  /** What stands in the zone, beside the way to a directory of decoys. */
  const records = async (make: MailCertificates): Promise<string[]> => {
    const publish = async (name: string, making: Promise<Buffer>): Promise<string> => {
      const certificate = await making;
      published.set(name, certificate.toString('base64'));
      return certRecord(name, certificate);
    };
    const decoy = async (name: string, making: Promise<Buffer>): Promise<string> =>
      certRecord(name, await making);
    const domainOf = (name: string): string => `${name}.bravo.example`;
    const padded = (times: number) => ({
      extensions: [`nsComment=${'a certificate that is longer than others '.repeat(times)}`],
    });
    return await Promise.all([
      publish('bob.d1', make.ofAddress('bob@d1.bravo.example')),
      ...['d1', 'd1-decoys'].map((name) =>
        decoy(name, make.ofAuthority(domainOf(name), { flaw: 'expired' })),
      ),
      publish('d2', make.ofAuthority('d2.bravo.example')),
      publish('d2-direct', make.ofDnsName('d2-direct.bravo.example')),
      publish('d2-agreed', make.ofDnsName('d2-agreed.bravo.example')),
      ...FLAWS.flatMap((flaw) => [
        decoy('bob.d5', make.ofAddress('bob@d5.bravo.example', { flaw })),
        decoy('d6', make.ofAuthority('d6.bravo.example', { flaw })),
        decoy('bob.d9', make.ofAddress('bob@d9.bravo.example', { flaw })),
      ]),
      decoy('bob.d5', make.ofAddress('eve@d5.bravo.example')),
      decoy('d6', make.ofAuthority('charlie.example')),
      publish('bob.d9', make.ofAddress('bob@d9.bravo.example')),
      publish('ann.d14', make.ofAddress('ann@d14.bravo.example', padded(5))),
      publish('bob.d14', make.ofAddress('bob@d14.bravo.example', padded(25))),
    ]);
  };

  /** An address-bound and a domain-bound decoy for each domain. */
  const decoyEntries = async (make: MailCertificates): Promise<DirectoryEntry[]> => {
    const entries = ['d1.bravo.example', 'd1-decoys.bravo.example'].map(async (domain) => {
      const own = await make.ofAddress(`bob@${domain}`, { flaw: 'of-a-stranger' });
      const authority = await make.ofAuthority(domain, { flaw: 'of-tomorrow' });
      return [
        { cn: 'Bob', mail: `bob@${domain}`, certificates: [own] },
        { cn: domain, mail: domain, certificates: [authority] },
      ];
    });
    return (await Promise.all(entries)).flat();
  };

  before(async () => {
    const folder = stack.use(await temporaryFolder('certificates'));
    const make = await makeMailCertificates(folder.path);
    const [entries, own] = await Promise.all([decoyEntries(make), records(make)]);
    const { port } = stack.use(await startSlapd({ entries }));
    const servers = ['d1', 'd1-decoys'].map((name) => `_ldap._tcp.${name} IN SRV 0 0 ${port} ldap`);
    dns = stack.use(
      await startDns([
        {
          name: 'bravo.example',
          kind: 'signed',
          records: ['ldap IN A 127.0.0.1', ...servers, ...own],
        },
        { name: 'broken.example', kind: 'broken', records: [] },
      ]),
    );
    seeker = stack.use(await startSeeker(dns, PARTNERS, [make.anchor]));
  });
  after(() => stack.disposeAsync());

  test('D1: an address-bound certificate in DNS is chosen before any decoy is asked for', async () => {
    const { found, certificates, steps } = await seeker.locate('bob@d1.bravo.example');
    assert.deepEqual(certificates, [published.get('bob.d1')]);
    assert.deepEqual([found?.door, found?.owner, found?.proof], ['cert', 'user', 'path']);
    assert.deepEqual(outline(steps), [
      `smimea nothing SMIMEA ${BOB_LABEL}._smimecert.d1.bravo.example (address)`,
      'cert found CERT bob.d1.bravo.example (address)',
      'cert usable validate certificate of address at bob.d1.bravo.example',
    ]);
    assert.equal(await seeker.decide('bob@d1.bravo.example'), 'protect');
  });

  test('D1: the same decoys without it are all discovered, and none is chosen', async () => {
    const { found, steps } = await seeker.locate('bob@d1-decoys.bravo.example');
    assert.equal(found, null);
    assertRefusals(steps, [
      ['ldap-srv address', /^no issuer of certificate CN=bob is known/],
      ['cert domain', /^certificate CN=domain-confidentiality-authority expired at /],
      ['ldap-srv address', /common name is bob, not domain-confidentiality-authority/],
      ['ldap-srv domain', /^certificate CN=domain-confidentiality-authority is not valid before /],
    ]);
    const decision = await seeker.decide('bob@d1-decoys.bravo.example');
    assert.equal(decision, 'hold (recipient-certificate-expired)');
  });

  test('D2: a domain-bound certificate in DNS, named as RFC 3183 says, is chosen', async () => {
    const { found, certificates, steps } = await seeker.locate('bob@d2.bravo.example');
    assert.deepEqual(certificates, [published.get('d2')]);
    assert.deepEqual([found?.door, found?.owner, found?.proof], ['cert', 'domain', 'path']);
    assert.deepEqual(outline(steps), [
      `smimea nothing SMIMEA ${BOB_LABEL}._smimecert.d2.bravo.example (address)`,
      'cert nothing CERT bob.d2.bravo.example (address)',
      `smimea nothing SMIMEA ${AUTHORITY_LABEL}._smimecert.d2.bravo.example (authority)`,
      'cert found CERT d2.bravo.example (domain)',
      'cert usable validate certificate of domain at d2.bravo.example',
    ]);
  });

  test('D2: bound by dNSName alone it is found and not chosen, since RFC 3183 names no such form (DS-N12)', async () => {
    const { found, steps } = await seeker.locate('bob@d2-direct.bravo.example');
    assert.equal(found, null);
    assertRefusals(steps, [
      [
        'cert domain',
        /common name is d2-direct\.bravo\.example, not domain-confidentiality-authority/,
      ],
    ]);
    const decision = await seeker.decide('bob@d2-direct.bravo.example');
    assert.equal(decision, 'hold (recipient-certificate-mismatch)');
  });

  test('D2: bound by dNSName alone it is chosen where an exception with the partner says so (DS-N6)', async () => {
    const { found, certificates } = await seeker.locate('bob@d2-agreed.bravo.example');
    assert.deepEqual(certificates, [published.get('d2-agreed')]);
    assert.deepEqual([found?.door, found?.owner, found?.proof], ['cert', 'domain', 'path']);
  });

  const authority = 'CN=domain-confidentiality-authority';
  const invalid = [
    {
      name: 'D5: invalid address-bound certificates in DNS are found and not chosen',
      recipient: 'bob@d5.bravo.example',
      query: 'cert found CERT bob.d5.bravo.example (address)',
      place: 'cert address',
      subject: 'CN=bob',
      other: "it is not the recipient's own",
    },
    {
      name: 'D6: invalid domain-bound certificates in DNS are found and not chosen',
      recipient: 'bob@d6.bravo.example',
      query: 'cert found CERT d6.bravo.example (domain)',
      place: 'cert domain',
      subject: authority,
      other: 'domain-confidentiality-authority@charlie.example does not stand for d6.bravo.example',
    },
  ];
  for (const { name, recipient, query, place, subject, other } of invalid) {
    test(name, async () => {
      const { found, steps } = await seeker.locate(recipient);
      assert.equal(found, null);
      assert.ok(outline(steps).includes(query), outline(steps).join('\n'));
      // Records of one name come in any order.
      assertRefusals(
        steps.toSorted((one, next) => (one.reason < next.reason ? -1 : 1)),
        [
          `certificate ${subject} expired at `,
          `certificate ${subject} is not valid before `,
          `certificate ${subject}: its key usage does not permit encrypting mail`,
          `no issuer of certificate ${subject} is known: CN=CA of a stranger`,
          other,
        ]
          .toSorted()
          .map((reason) => [place, reason]),
      );
      assert.equal(await seeker.decide(recipient), 'hold (recipient-certificate-expired)');
    });
  }

  test('D9: of several certificates in one answer the valid one is chosen', async () => {
    const { certificates, steps } = await seeker.locate('bob@d9.bravo.example');
    assert.deepEqual(certificates, [published.get('bob.d9')]);
    const answer = steps.find(({ query }) => query === 'CERT bob.d9.bravo.example (address)');
    assert.equal(answer?.reason, '5 record(s) with certificates');
    assert.equal(await seeker.decide('bob@d9.bravo.example'), 'protect');
  });

  test('D11: nothing in DNS and no SRV record is knowledge: the message is held', async () => {
    const { found, steps } = await seeker.locate('bob@d11.bravo.example');
    assert.equal(found, null);
    assert.deepEqual(outline(steps), [
      `smimea nothing SMIMEA ${BOB_LABEL}._smimecert.d11.bravo.example (address)`,
      'cert nothing CERT bob.d11.bravo.example (address)',
      `smimea nothing SMIMEA ${AUTHORITY_LABEL}._smimecert.d11.bravo.example (authority)`,
      'cert nothing CERT d11.bravo.example (domain)',
      'cert nothing CERT domain-confidentiality-authority.d11.bravo.example (authority)',
      'ldap-srv nothing SRV _PKIXREP._LDAP.d11.bravo.example',
      'ldap-srv nothing SRV _ldap._tcp.d11.bravo.example',
      'ldap-srv nothing SRV _ldaps._tcp.d11.bravo.example',
    ]);
    const decision = await seeker.decide('bob@d11.bravo.example');
    assert.equal(decision, 'hold (recipient-certificate-missing)');
  });

  for (const door of ['smimea', 'cert', 'ldap-srv', 'http-srv']) {
    test(`D11: a DNS that fails for door ${door} is no knowledge: the message waits`, async () => {
      const { found, steps } = await seeker.locate(`bob@${door}.broken.example`);
      assert.equal(found, null);
      assert.deepEqual([...new Set(steps.map(({ outcome }) => outcome))], ['failed']);
      const decision = await seeker.decide(`bob@${door}.broken.example`);
      assert.match(decision, /^wait \((dns-failure|directory-unreachable)\)$/);
    });
  }

  test('D14: a certificate over 512 octets comes by EDNS, one over what EDNS allows by TCP', async () => {
    const before = await dns.tcpQueries();
    const small = await seeker.locate('ann@d14.bravo.example');
    assert.deepEqual(small.certificates, [published.get('ann.d14')]);
    assert.ok(Buffer.from(published.get('ann.d14') ?? '', 'base64').length > 512);
    assert.equal(await dns.tcpQueries(), before);
    const cut = await dns.dig('+ignore', '+bufsize=1232', 'bob.d14.bravo.example', 'CERT');
    assert.match(cut, /flags: qr tc /);
    const large = await seeker.locate('bob@d14.bravo.example');
    assert.deepEqual(large.certificates, [published.get('bob.d14')]);
    assert.equal(await dns.tcpQueries(), before + 1);
  });

  test('the command line finds the same and tells the same way there', async () => {
    const command = ['cert', 'locate', 'bob@d2.bravo.example', '--json'];
    const done = await sallyport(...command, '--config', seeker.gateway.configFile);
    assert.equal(done.code, 0, done.stderr);
    const answer: unknown = JSON.parse(String(done.stdout));
    const { steps, ...rest } = await seeker.locate('bob@d2.bravo.example');
    const timeless = steps.map((step) => ({ ...step, tookMs: 0 }));
    assert.deepEqual(
      JSON.parse(JSON.stringify(answer), (key, value: unknown) => (key === 'tookMs' ? 0 : value)),
      { ...rest, steps: timeless },
    );
  });
});
