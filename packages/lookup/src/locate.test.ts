import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { der } from '@sallyport/der';
import { parseMailbox } from '@sallyport/mail';
import { freePort } from '@sallyport/test/ports';
import type { SrvRecord } from './dns/records.ts';
import { recipientExists } from './ldap/recipient.ts';
import { locateCertificates } from './locate.ts';
import type { DoorName, LocatePorts, LocateResult } from './locate-types.ts';
import {
  certsOnly,
  makeCertificate,
  noSlapd,
  type Peer,
  startDirectory,
  startRefusing,
  startSlapd,
  type TestEntry,
} from './test-peers.ts';
import { type TestZone, webPorts } from './test-web.ts';

const bob = makeCertificate('Bob', 'bob@bravo.example');
const bobExpired = makeCertificate('Bob of old', 'bob@bravo.example');
const domainWide = makeCertificate('bravo.example', 'postmaster@bravo.example');
const authority = makeCertificate(
  'domain-confidentiality-authority',
  'domain-confidentiality-authority@bravo.example',
);
const smime = makeCertificate('Carol', 'carol@bravo.example');

const ENTRIES: TestEntry[] = [
  { mail: 'bob@bravo.example', attribute: 'userCertificate;binary', values: [bobExpired, bob] },
  { mail: 'bravo.example', attribute: 'userCertificate;binary', values: [domainWide] },
  {
    mail: 'domain-confidentiality-authority@bravo.example',
    attribute: 'userCertificate;binary',
    values: [authority],
  },
  {
    mail: 'carol@bravo.example',
    attribute: 'userSMIMECertificate;binary',
    values: [certsOnly(smime)],
  },
];

const portsWith = (records: TestZone, rest: Partial<LocatePorts> = {}) => ({
  ...webPorts(records),
  ...rest,
});

const srv = (port: number, priority = 0, target = 'ldap.bravo.example'): SrvRecord => ({
  priority,
  weight: 0,
  port,
  target,
});
const LOOPBACK = { 'A ldap.bravo.example': ['127.0.0.1'] };

function locate(
  address: string,
  ports: LocatePorts,
  options: { accept?: readonly Buffer[]; doors?: readonly DoorName[]; pinned?: Buffer[] } = {},
): Promise<LocateResult<{ kind: 'usable' }>> {
  const mailbox = parseMailbox(address);
  assert.ok(mailbox !== null);
  return locateCertificates({
    mailbox,
    role: 'confidentiality',
    doors: options.doors ?? ['ldap-srv'],
    pinned: options.pinned ?? [],
    validate: (found) =>
      options.accept === undefined || options.accept.some((one) => one.equals(found))
        ? { kind: 'usable' as const }
        : { kind: 'unusable' as const, code: 'expired', reason: 'certificate is expired' },
    ports,
  });
}

test('RFC 2782: a domain without directory has none, and a DNS failure is not the same', async () => {
  const none = await locate('bob@bravo.example', portsWith({}));
  assert.equal(none.kind, 'none');
  assert.deepEqual(
    none.trace.map(({ query }) => query),
    ['_PKIXREP._LDAP', '_ldap._tcp', '_ldaps._tcp'].map((name) => `SRV ${name}.bravo.example`),
  );
  const failed = await locate(
    'bob@bravo.example',
    portsWith({ 'SRV _ldap._tcp.bravo.example': 'servfail' }),
  );
  assert.ok(failed.kind === 'unavailable' && failed.fault === 'dns-failure');
});

test('a directory that is down is unavailable, and is left alone for a while', async () => {
  const port = await freePort();
  const ports = portsWith({ 'SRV _ldap._tcp.bravo.example': [srv(port)], ...LOOPBACK });
  const first = await locate('bob@bravo.example', ports);
  assert.ok(first.kind === 'unavailable' && first.fault === 'directory-unreachable');
  const other = await locate('carol@bravo.example', ports);
  assert.equal(other.kind, 'unavailable');
  assert.equal(other.trace.find(({ server }) => server !== undefined)?.outcome, 'skipped');
});

test('a directory on a private address is never connected to (SSRF)', async () => {
  let connections = 0;
  const server = createServer(() => {
    connections += 1;
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const ports = portsWith(
    { 'SRV _ldap._tcp.bravo.example': [srv(address.port)], ...LOOPBACK },
    { allowPrivateAddresses: false },
  );
  const result = await locate('bob@bravo.example', ports);
  server.close();
  assert.equal(result.kind, 'unavailable');
  assert.equal(connections, 0);
});

/** A SearchResultEntry whose one attribute has these vals. */
function searchEntry(vals: Buffer): Buffer {
  const attribute = der.sequence(der.octetString(Buffer.from('namingContexts')), vals);
  const body = [der.octetString(Buffer.alloc(0)), der.sequence(attribute)];
  const entry = { tagClass: 'application', tag: 4, constructed: true } as const;
  return der.sequence(der.integer(2), der.tagged(entry, ...body));
}

test('hostile directories end in "unavailable", in bounded time', async (t) => {
  const huge = der.sequence(der.integer(2), der.octetString(Buffer.alloc(2 * 1024 * 1024)));
  // a SearchResultEntry whose value claims to be longer than the message: ldapts would never end
  const overlong = searchEntry(Buffer.from('311204104141414141414141414141414141', 'hex'));
  const tiny = der.sequence(der.integer(2), Buffer.from('7300', 'hex'));
  const manyTiny = Buffer.concat(Array.from({ length: 20_000 }, () => tiny));
  const cases: Readonly<Record<string, (socket: Socket) => void>> = {
    'no LDAP at all': (socket) => void socket.write('220 mx.example ESMTP\r\n'),
    'a message of 2 MiB': (socket) => void socket.write(huge),
    'lengths that do not agree': (socket) => void socket.write(overlong),
    'many tiny messages': (socket) => void socket.write(manyTiny),
    'closes at once': (socket) => socket.destroy(),
  };
  for (const [name, attack] of Object.entries(cases)) {
    await t.test(name, async () => {
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => attack(socket));
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      assert.ok(typeof address === 'object' && address !== null);
      const records = { 'SRV _ldap._tcp.bravo.example': [srv(address.port)], ...LOOPBACK };
      const started = performance.now();
      const result = await locate('bob@bravo.example', portsWith(records));
      assert.equal(result.kind, 'unavailable');
      assert.ok(performance.now() - started < 4_000);
      server.close();
    });
  }
});

test('RFC 4511 4.1.9: busy, unavailable and limits are outages; noSuchObject is no certificate', async () => {
  const kinds: string[] = [];
  for (const code of [3, 11, 51, 52, 80, 32]) {
    await using server = await startRefusing(code);
    const records = { 'SRV _ldap._tcp.bravo.example': [srv(server.port)], ...LOOPBACK };
    kinds.push((await locate('bob@bravo.example', portsWith(records))).kind);
  }
  assert.deepEqual(kinds, [...Array<string>(5).fill('unavailable'), 'none']);
});

test('a directory that never answers ends with the deadline of the search', async () => {
  const server = createServer((socket) => socket.on('error', () => undefined)).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const mailbox = parseMailbox('bob@bravo.example');
  assert.ok(mailbox !== null);
  const result = await locateCertificates({
    mailbox,
    role: 'confidentiality',
    doors: ['ldap-srv'],
    pinned: [],
    validate: () => ({ kind: 'usable' }),
    ports: portsWith({ 'SRV _ldap._tcp.bravo.example': [srv(address.port)], ...LOOPBACK }),
    deadlineMs: 150,
  });
  server.close();
  assert.ok(result.kind === 'unavailable' && result.fault === 'directory-unreachable');
});

test('pinned certificates come first, are judged, and are never kept', async () => {
  const refused = await locate('bob@bravo.example', portsWith({}), {
    doors: ['pinned', 'ldap-srv'],
    pinned: [bobExpired],
    accept: [bob],
  });
  assert.equal(refused.kind, 'none');
  assert.equal(refused.unusable[0]?.code, 'expired');
  const ports = portsWith({});
  const found = await locate('bob@bravo.example', ports, {
    doors: ['pinned', 'ldap-srv'],
    pinned: [bobExpired, bob],
    accept: [bob],
  });
  assert.ok(found.kind === 'found' && found.door === 'pinned' && found.certificate.equals(bob));
  assert.deepEqual(ports.asked, []);
});

const directories = [
  { name: 'slapd', skip: noSlapd, start: startSlapd },
  { name: 'our own directory', skip: false as const, start: startDirectory },
];

for (const { name, skip, start } of directories) {
  describe(`against ${name}`, { skip }, () => {
    let peer: Peer;
    before(async () => {
      peer = await start(ENTRIES);
    });
    after(() => peer.stop());
    const records = (): TestZone => ({
      'SRV _ldap._tcp.bravo.example': [srv(peer.port)],
      ...LOOPBACK,
    });
    const withTls = (): Partial<LocatePorts> => ({ tlsAnchors: [peer.anchor] });

    test('CD-4: what is found but not usable is told, and the search goes on', async () => {
      const result = await locate('bob@bravo.example', portsWith(records(), withTls()), {
        accept: [bob],
      });
      assert.ok(result.kind === 'found', JSON.stringify(result.trace));
      assert.ok(result.certificate.equals(bob));
      assert.equal(result.candidate.binding, 'address');
      assert.ok(result.trace.some(({ query }) => query === 'mail=bob@bravo.example over TLS'));
    });

    test('DS-E4: the domain and the DCA name are asked after the address', async () => {
      const ports = portsWith(records(), withTls());
      const wide = await locate('nobody@bravo.example', ports, { accept: [domainWide, authority] });
      assert.ok(wide.kind === 'found' && wide.candidate.binding === 'domain');
      ports.memory.clear();
      const dca = await locate('nobody@bravo.example', ports, { accept: [authority] });
      assert.ok(dca.kind === 'found' && dca.candidate.binding === 'authority');
      assert.ok(dca.certificate.equals(authority));
      assert.equal(dca.unusable.length, 1);
    });

    test('RFC 2798 2.8: userSMIMECertificate yields the certificates inside', async () => {
      const result = await locate('carol@bravo.example', portsWith(records(), withTls()), {
        accept: [smime],
      });
      assert.ok(result.kind === 'found' && result.certificate.equals(smime));
    });

    test('RFC 4515: an address cannot change the filter', async () => {
      for (const local of ['*', 'b*', ')(mail=*', 'bob\\2a']) {
        const ports = portsWith(records(), withTls());
        const quoted = `"${local.replaceAll('\\', '\\\\')}"@bravo.example`;
        const result = await locate(quoted, ports, { accept: [bob, bobExpired, smime] });
        assert.equal(result.kind, 'none', local);
      }
    });

    test('CD-1: the next server is asked when one is down or has no usable certificate', async () => {
      await using second = await start([
        { mail: 'bob@bravo.example', attribute: 'userCertificate;binary', values: [domainWide] },
      ]);
      const down = await freePort();
      const ports = portsWith(
        {
          ...LOOPBACK,
          'SRV _ldap._tcp.bravo.example': [srv(peer.port, 30), srv(second.port, 20), srv(down, 10)],
        },
        withTls(),
      );
      const result = await locate('bob@bravo.example', ports, { accept: [bob] });
      assert.ok(result.kind === 'found' && result.certificate.equals(bob));
      assert.equal(result.candidate.source, `ldap.bravo.example:${peer.port}`);
      assert.ok(result.unusable.some(({ candidate }) => candidate.der.equals(domainWide)));
    });

    test('RFC 4386 section 2: _PKIXREP._LDAP is asked first; _ldaps._tcp by TLS', async () => {
      const pkix = portsWith(
        { ...LOOPBACK, 'SRV _PKIXREP._LDAP.bravo.example': [srv(peer.port)] },
        withTls(),
      );
      assert.equal((await locate('bob@bravo.example', pkix)).kind, 'found');
      assert.ok(!pkix.asked.includes('SRV _ldap._tcp.bravo.example'));
      const ldaps = portsWith(
        { ...LOOPBACK, 'SRV _ldaps._tcp.bravo.example': [srv(peer.tlsPort)] },
        withTls(),
      );
      assert.equal((await locate('bob@bravo.example', ldaps)).kind, 'found');
    });

    test('RFC 4513 section 3.1.3: LDAPS with an untrusted certificate is not used', async () => {
      const ports = portsWith({
        ...LOOPBACK,
        'SRV _ldaps._tcp.bravo.example': [srv(peer.tlsPort)],
      });
      assert.equal((await locate('bob@bravo.example', ports)).kind, 'unavailable');
    });

    test('StartTLS that fails leaves the lookup in clear, and the trace says so', async () => {
      const result = await locate('bob@bravo.example', portsWith(records()));
      assert.equal(result.kind, 'found');
      assert.ok(result.trace.some(({ query }) => query.endsWith('in clear, its StartTLS failed')));
    });

    test('CD-7: finds and blanks are kept, judged anew, and asked again when no longer usable', async () => {
      const ports = portsWith(records(), withTls());
      assert.equal((await locate('bob@bravo.example', ports, { accept: [bob] })).kind, 'found');
      const asked = ports.asked.length;
      assert.equal((await locate('bob@bravo.example', ports, { accept: [bob] })).kind, 'found');
      assert.equal(ports.asked.length, asked);
      const again = await locate('bob@bravo.example', ports, { accept: [bobExpired] });
      assert.ok(again.kind === 'found' && again.certificate.equals(bobExpired));
      assert.ok(ports.asked.length > asked);
      const blank = await locate('dan@bravo.example', ports, { accept: [] });
      assert.equal(blank.kind, 'none');
      const askedForBlank = ports.asked.length;
      const kept = await locate('dan@bravo.example', ports, { accept: [] });
      assert.equal(kept.kind, 'none');
      assert.equal(kept.unusable.length, 2);
      assert.equal(ports.asked.length, askedForBlank);
    });

    test('a recipient of ours exists or does not, and an outage is neither', async () => {
      const check = (address: string, url: string) => {
        const mailbox = parseMailbox(address);
        assert.ok(mailbox !== null);
        const baseDn = 'dc=bravo,dc=example';
        return recipientExists({ url, baseDn, mailbox, anchors: [peer.anchor] });
      };
      const url = `ldap://127.0.0.1:${peer.port}`;
      assert.deepEqual(await check('bob@bravo.example', url), { kind: 'exists' });
      assert.deepEqual(await check('eve@bravo.example', url), { kind: 'absent' });
      assert.deepEqual(await check('*@bravo.example', url), { kind: 'absent' });
      const ldaps = `ldaps://127.0.0.1:${peer.tlsPort}`;
      assert.deepEqual(await check('bob@bravo.example', ldaps), { kind: 'exists' });
      const down = await check('bob@bravo.example', `ldap://127.0.0.1:${await freePort()}`);
      assert.equal(down.kind, 'unavailable');
    });
  });
}
