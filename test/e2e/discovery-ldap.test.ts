import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Random } from '../fuzz/random.ts';
import {
  assertRefusals,
  outline,
  type Seeker,
  type SoughtPartner,
  seekInProcess,
  startSeeker,
} from '../harness/discovery.ts';
import { startDns } from '../harness/dns.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { skipWithout } from '../harness/install-peers.ts';
import {
  FLAWS,
  type MailCertificates,
  makeMailCertificates,
} from '../harness/mail-certificates.ts';
import { freePort } from '../harness/ports.ts';
import { type DirectoryEntry, startSlapd } from '../harness/slapd.ts';

const skip = skipWithout('nsd', 'unbound', 'bind9-dnsutils', 'ldnsutils', 'slapd', 'openssl');

const discovery = ['ldap-srv'];
const PARTNERS: readonly SoughtPartner[] = [
  { domain: 'd3.bravo.example', to: ['user'] },
  { domain: 'd4.bravo.example' },
  { domain: 'd7.bravo.example', to: ['user'], discovery },
  { domain: 'd8.bravo.example', discovery },
  ...['d10', 'd12', 'd12-half', 'd13', 'd15', 'd15-next', 'd16'].map((name) => ({
    domain: `${name}.bravo.example`,
    discovery,
  })),
];

describe('A.9: certificates of a partner in LDAP, found by SRV', { skip }, () => {
  const stack = new AsyncDisposableStack();
  const published = new Map<string, string>();
  /** `name:port` of the directories; nobody listens at `dead`. */
  const server = { first: '', second: '', dead: '' };
  let seeker: Seeker;

  /** What each of the two directories holds. */
  const entriesOf = async (make: MailCertificates) => {
    const entry = async (mail: string, ...making: Promise<Buffer>[]): Promise<DirectoryEntry> => {
      const certificates = await Promise.all(making);
      return { cn: mail, mail, certificates };
    };
    const publish = async (mail: string, making: Promise<Buffer>, key = mail) => {
      const certificate = await making;
      published.set(key, certificate.toString('base64'));
      return await entry(mail, Promise.resolve(certificate));
    };
    const ofDomain = (name: string) => `${name}.bravo.example`;
    const both = ['d15', 'd16'].map(ofDomain);
    const first = await Promise.all([
      publish('bob@d3.bravo.example', make.ofAddress('bob@d3.bravo.example')),
      publish('d4.bravo.example', make.ofAuthority('d4.bravo.example')),
      entry(
        'bob@d7.bravo.example',
        ...FLAWS.map((flaw) => make.ofAddress('bob@d7.bravo.example', { flaw })),
        make.ofAddress('eve@d7.bravo.example'),
      ),
      entry(
        'd8.bravo.example',
        ...FLAWS.map((flaw) => make.ofAuthority('d8.bravo.example', { flaw })),
        make.ofAuthority('charlie.example'),
      ),
      entry('bob@d13.bravo.example'),
      entry(
        'd15-next.bravo.example',
        make.ofAuthority('d15-next.bravo.example', { flaw: 'expired' }),
      ),
      ...both.map((domain) => publish(domain, make.ofAuthority(domain), `${domain} first`)),
    ]);
    const second = await Promise.all([
      publish('d10.bravo.example', make.ofAuthority('d10.bravo.example')),
      publish('d15-next.bravo.example', make.ofAuthority('d15-next.bravo.example')),
      ...both.map((domain) => publish(domain, make.ofAuthority(domain), `${domain} second`)),
    ]);
    return { first, second };
  };

  const records = (ports: Readonly<Record<keyof typeof server, number>>): string[] => {
    const at = (name: keyof typeof server, rank: string) => `${rank} ${ports[name]} ${name}`;
    const rows: readonly (readonly [string, string])[] = [
      ['_ldap._tcp.d3', at('first', '0 0')],
      ['_PKIXREP._LDAP.d4', at('first', '0 0')],
      ['_ldap._tcp.d7', at('first', '0 0')],
      ['_ldap._tcp.d8', at('first', '0 0')],
      ['_ldap._tcp.d10', at('dead', '1 0')],
      ['_ldap._tcp.d10', at('second', '2 0')],
      ['_ldap._tcp.d12', at('dead', '0 0')],
      ['_ldap._tcp.d12-half', at('dead', '1 0')],
      ['_ldap._tcp.d12-half', at('second', '2 0')],
      ['_ldap._tcp.d13', at('first', '1 0')],
      ['_ldap._tcp.d13', at('second', '2 0')],
      ['_ldap._tcp.d15', at('second', '20 0')],
      ['_ldap._tcp.d15', at('first', '10 0')],
      ['_ldap._tcp.d15-next', at('second', '20 0')],
      ['_ldap._tcp.d15-next', at('first', '10 0')],
      ['_ldap._tcp.d16', at('first', '5 75')],
      ['_ldap._tcp.d16', at('second', '5 25')],
    ];
    const addresses = ['first', 'second', 'dead'].map((name) => `${name} IN A 127.0.0.1`);
    return [...addresses, ...rows.map(([name, data]) => `${name} IN SRV ${data}`)];
  };

  before(async () => {
    const folder = stack.use(await temporaryFolder('certificates'));
    const make = await makeMailCertificates(folder.path);
    const entries = await entriesOf(make);
    const first = stack.use(await startSlapd({ entries: entries.first }));
    const second = stack.use(await startSlapd({ entries: entries.second }));
    const ports = { first: first.port, second: second.port, dead: await freePort() };
    for (const name of ['first', 'second', 'dead'] as const) {
      server[name] = `${name}.bravo.example:${ports[name]}`;
    }
    const zone = { name: 'bravo.example', kind: 'signed', records: records(ports) } as const;
    const dns = stack.use(await startDns([zone]));
    seeker = stack.use(await startSeeker(dns, PARTNERS, [make.anchor]));
  });
  after(() => stack.disposeAsync());

  /** The steps at directories, which come after the SRV record that names them. */
  const atServers = (steps: Parameters<typeof outline>[0]): string[] =>
    outline(steps).filter((line) => line.includes(' at '));

  test('D3: by SRV an address-bound certificate in LDAP is chosen, after the DNS had none', async () => {
    const { found, certificates, steps } = await seeker.locate('bob@d3.bravo.example');
    assert.deepEqual(certificates, [published.get('bob@d3.bravo.example')]);
    assert.deepEqual([found?.door, found?.owner, found?.proof], ['ldap-srv', 'user', 'path']);
    assert.deepEqual(outline(steps).slice(1), [
      'cert nothing CERT bob.d3.bravo.example (address)',
      'ldap-srv nothing SRV _PKIXREP._LDAP.d3.bravo.example',
      'ldap-srv found SRV _ldap._tcp.d3.bravo.example',
      `ldap-srv found mail=bob@d3.bravo.example at ${server.first}`,
      `ldap-srv usable validate certificate of address at ${server.first}`,
    ]);
  });

  test('D4: by SRV a domain-bound certificate in LDAP is chosen, after the DNS and the address had none', async () => {
    const { found, certificates, steps } = await seeker.locate('bob@d4.bravo.example');
    assert.deepEqual(certificates, [published.get('d4.bravo.example')]);
    assert.deepEqual([found?.door, found?.owner, found?.proof], ['ldap-srv', 'domain', 'path']);
    assert.deepEqual(outline(steps).slice(-4), [
      'ldap-srv found SRV _PKIXREP._LDAP.d4.bravo.example',
      `ldap-srv nothing mail=bob@d4.bravo.example at ${server.first}`,
      `ldap-srv found mail=d4.bravo.example at ${server.first}`,
      `ldap-srv usable validate certificate of domain at ${server.first}`,
    ]);
    assert.ok(outline(steps).includes('cert nothing CERT d4.bravo.example (domain)'));
  });

  const invalid = [
    {
      name: 'D7: invalid address-bound certificates in LDAP are found and not chosen',
      domain: 'd7.bravo.example',
      binding: 'address',
      subject: 'CN=bob',
      other: "it is not the recipient's own",
    },
    {
      name: 'D8: invalid domain-bound certificates in LDAP are found and not chosen',
      domain: 'd8.bravo.example',
      binding: 'domain',
      subject: 'CN=domain-confidentiality-authority',
      other: 'domain-confidentiality-authority@charlie.example does not stand for d8.bravo.example',
    },
  ];
  for (const { name, domain, binding, subject, other } of invalid) {
    test(name, async () => {
      const { found, steps } = await seeker.locate(`bob@${domain}`);
      assert.equal(found, null);
      const reasons = [
        `certificate ${subject} expired at `,
        `certificate ${subject} is not valid before `,
        `no issuer of certificate ${subject} is known: CN=CA of a stranger`,
        `certificate ${subject}: its key usage does not permit encrypting mail`,
        other,
      ];
      assertRefusals(
        steps,
        reasons.map((reason) => [`ldap-srv ${binding}`, reason]),
      );
      const decision = await seeker.decide(`bob@${domain}`);
      assert.equal(decision, 'hold (recipient-certificate-expired)');
    });
  }

  test('D10: the first directory is down, and the one of the next priority is used', async () => {
    const { certificates, steps } = await seeker.locate('bob@d10.bravo.example');
    assert.deepEqual(certificates, [published.get('d10.bravo.example')]);
    assert.deepEqual(atServers(steps), [
      `ldap-srv failed connect 127.0.0.1 at ${server.dead}`,
      `ldap-srv nothing mail=bob@d10.bravo.example at ${server.second}`,
      `ldap-srv found mail=d10.bravo.example at ${server.second}`,
      `ldap-srv usable validate certificate of domain at ${server.second}`,
    ]);
  });

  test('D12: the only directory is down: that is no knowledge, and the message waits', async () => {
    const { found, steps } = await seeker.locate('bob@d12.bravo.example');
    assert.equal(found, null);
    const [step, ...others] = steps.filter((one) => one.server !== undefined);
    assert.deepEqual([step?.server, others.length], [server.dead, 0]);
    assert.match(step?.reason ?? '', /ECONNREFUSED/);
    const decision = await seeker.decide('bob@d12.bravo.example');
    assert.equal(decision, 'wait (directory-unreachable)');
  });

  test('D12: the second directory has none, the first is down: that is no knowledge either', async () => {
    const { found, steps } = await seeker.locate('bob@d12-half.bravo.example');
    assert.equal(found, null);
    const told = steps.map(({ server: at, outcome }) => `${at} ${outcome}`);
    assert.ok(told.includes(`${server.second} nothing`), told.join('\n'));
    // Skipped: the search before this one found it dead.
    assert.ok(
      told.some((one) => [`${server.dead} failed`, `${server.dead} skipped`].includes(one)),
    );
    const decision = await seeker.decide('bob@d12-half.bravo.example');
    assert.equal(decision, 'wait (directory-unreachable)');
  });

  test('D13: directories that are up and have no certificate are knowledge: the message is held', async () => {
    const { found, steps } = await seeker.locate('bob@d13.bravo.example');
    assert.equal(found, null);
    const names = ['bob@', '', 'domain-confidentiality-authority@'];
    assert.deepEqual(
      atServers(steps),
      [server.first, server.second].flatMap((at) =>
        names.map((name) => `ldap-srv nothing mail=${name}d13.bravo.example at ${at}`),
      ),
    );
    const decision = await seeker.decide('bob@d13.bravo.example');
    assert.equal(decision, 'hold (recipient-certificate-missing)');
  });

  test('D15: the directory of the lowest priority number is asked, and the other left alone', async () => {
    const { certificates, steps } = await seeker.locate('bob@d15.bravo.example');
    assert.deepEqual(certificates, [published.get('d15.bravo.example first')]);
    const order = steps.find(({ query }) => query === 'SRV _ldap._tcp.d15.bravo.example');
    assert.equal(order?.reason, `servers in order: ${server.first}, ${server.second}`);
    assert.ok(!outline(steps).some((line) => line.includes(` at ${server.second}`)));
  });

  test('D15: the next priority is asked also when the first has only what cannot be used', async () => {
    const { certificates, steps } = await seeker.locate('bob@d15-next.bravo.example');
    assert.deepEqual(certificates, [published.get('d15-next.bravo.example')]);
    assertRefusals(steps, [['ldap-srv domain', /expired at /]]);
    const judged = atServers(steps).filter((line) => line.includes(' validate '));
    assert.deepEqual(judged, [
      `ldap-srv unusable validate certificate of domain at ${server.first}`,
      `ldap-srv usable validate certificate of domain at ${server.second}`,
    ]);
  });

  test('D16: of one priority, weight 75 against 25 is asked first in three searches of four', async () => {
    const dice = new Random(16);
    const locate = await seekInProcess(seeker.gateway, (exclusive) => dice.below(exclusive));
    const searches = 200;
    let ofFirst = 0;
    for (let search = 0; search < searches; search += 1) {
      const { facts, trace } = await locate('bob@d16.bravo.example');
      assert.ok(facts.kind === 'found');
      const asked = new Set(trace.flatMap((step) => step.server ?? []));
      assert.equal(asked.size, 1, 'the first that is asked has a certificate');
      const isFirst = asked.has(server.first);
      const chosen = published.get(`d16.bravo.example ${isFirst ? 'first' : 'second'}`);
      assert.equal(facts.certificate.certificate.der.toString('base64'), chosen);
      ofFirst += Number(isFirst);
    }
    // The seed is fixed; the bounds are three standard deviations for any other.
    assert.ok(ofFirst > 131 && ofFirst < 169, `${ofFirst} of ${searches}`);
  });
});
