import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Secret } from '@sallyport/log';
import { parseMailbox } from '@sallyport/mail';
import { freePort } from '@sallyport/test/ports';
import { locateCertificates } from '../locate.ts';
import type { LdapServerSettings, LocatePorts } from '../locate-types.ts';
import { makeCertificate, noSlapd, type Peer, SLAPD_DN, startSlapd } from '../test-peers.ts';
import { startRaw, webPorts } from '../test-web.ts';

const bob = makeCertificate('Bob', 'bob@bravo.example');
const other = makeCertificate('Other', 'bob@bravo.example');
const ENTRY = { mail: 'bob@bravo.example', attribute: 'userCertificate;binary' } as const;
const mailbox = parseMailbox('bob@bravo.example');
assert.ok(mailbox !== null);
const ZONE = { 'A ldap.bravo.example': ['127.0.0.1'] };

const portsOf = (
  ldapServers: readonly LdapServerSettings[],
  rest: Partial<LocatePorts> = {},
): LocatePorts => ({ ...webPorts(ZONE), ldapServers, ...rest });

const ask = (ports: LocatePorts, accept: readonly Buffer[] = [bob]) =>
  locateCertificates({
    mailbox,
    role: 'confidentiality',
    doors: ['ldap'],
    pinned: [],
    validate: (der) =>
      accept.some((one) => one.equals(der))
        ? { kind: 'usable' as const }
        : { kind: 'unusable' as const, code: 'untrusted', reason: 'no path' },
    ports,
  });

test('without configured directories there is nothing, and a URL that is none is an outage', async () => {
  assert.equal((await ask(portsOf([]))).kind, 'none');
  assert.equal((await ask(webPorts())).kind, 'none');
  for (const url of ['https://ldap.bravo.example', 'ldap://', 'ldap.bravo.example']) {
    assert.equal((await ask(portsOf([{ url }]))).kind, 'unavailable', url);
  }
});

test('RFC 4513 3.1: ldap:// says nothing to a server that does not do StartTLS', async () => {
  const heard: Buffer[] = [];
  await using server = await startRaw((socket) => {
    socket.on('data', (bytes: Buffer) => heard.push(bytes));
    // ExtendedResponse to the first message of ldapts, protocolError
    socket.write(Buffer.from('300c02010278070a010204000400', 'hex'));
  });
  const settings = {
    url: `ldap://127.0.0.1:${server.port}`,
    bind: { dn: SLAPD_DN, password: new Secret(Buffer.from('geheim')) },
  };
  const result = await ask(portsOf([settings]));
  assert.ok(result.kind === 'unavailable' && result.fault === 'directory-unreachable');
  assert.ok(!Buffer.concat(heard).includes('geheim'));
  assert.ok(!Buffer.concat(heard).includes('bob@bravo.example'));
});

test('a configured name that leads to a private address is refused unless that is configured', async () => {
  await using server = await startRaw((socket) => socket.destroy());
  const url = `ldaps://ldap.bravo.example:${server.port}`;
  const closed = { allowPrivateAddresses: false };
  const refused = await ask(portsOf([{ url }], closed));
  assert.equal(refused.kind, 'unavailable');
  assert.equal(refused.trace.at(-1)?.outcome, 'skipped');
  assert.equal(server.connections(), 0);
  await ask(portsOf([{ url, allowPrivateAddress: true }], closed));
  await ask(portsOf([{ url: `ldaps://127.0.0.1:${server.port}` }], closed));
  assert.equal(server.connections(), 2);
});

describe('against slapd', { skip: noSlapd }, () => {
  let peer: Peer;
  before(async () => {
    peer = await startSlapd([{ ...ENTRY, values: [bob] }], 'geheim');
  });
  after(() => peer.stop());
  const bound = (url: string, password = 'geheim'): LdapServerSettings => ({
    url,
    baseDn: 'dc=bravo,dc=example',
    anchors: [peer.anchor],
    bind: { dn: SLAPD_DN, password: new Secret(Buffer.from(password)) },
  });
  const urls = (): string[] => [
    `ldaps://ldap.bravo.example:${peer.tlsPort}`,
    `ldap://ldap.bravo.example:${peer.port}`,
    `ldaps://127.0.0.1:${peer.tlsPort}`,
  ];

  test('RFC 4513 3.1.3: a server whose certificate has another name or issuer is not asked', async () => {
    const alias = { 'A other.bravo.example': ['127.0.0.1'] };
    for (const url of urls()) {
      const { anchors: _, ...noAnchor } = bound(url);
      assert.equal((await ask(portsOf([noAnchor]))).kind, 'unavailable', url);
      const wrong = bound(url.replace(/ldap\.bravo\.example|127\.0\.0\.1/, 'other.bravo.example'));
      const ports = portsOf([wrong], { resolver: webPorts(alias).resolver });
      assert.equal((await ask(ports)).kind, 'unavailable', wrong.url);
    }
  });

  test('RFC 4513 5.1: a wrong or empty password is an outage, never "no certificate"', async () => {
    const [url = ''] = urls();
    for (const password of ['falsch', '']) {
      const result = await ask(portsOf([bound(url, password)]));
      assert.ok(result.kind === 'unavailable', password);
      assert.ok(!JSON.stringify(result.trace).includes('falsch'));
      const isEmpty = result.trace.some(({ reason }) => reason.includes('password is empty'));
      assert.equal(isEmpty, password === '', 'RFC 4513 5.1.2: an empty password is never sent');
    }
  });

  test('LDAPS and StartTLS, by name and by address, each with the configured bind', async () => {
    for (const url of urls()) {
      const result = await ask(portsOf([bound(url)]));
      assert.ok(result.kind === 'found', JSON.stringify(result.trace));
      assert.equal(result.door, 'ldap');
      assert.ok(result.trace.some(({ query }) => query.endsWith(' over TLS')));
    }
  });

  test('CD-7: one silent directory makes a blank of the other no knowledge; the next is asked', async () => {
    const down: LdapServerSettings = { url: `ldaps://127.0.0.1:${await freePort()}` };
    const [url = ''] = urls();
    assert.equal((await ask(portsOf([down, bound(url)]))).kind, 'found');
    assert.equal((await ask(portsOf([bound(url)]), [other])).kind, 'none');
    assert.equal((await ask(portsOf([bound(url), down]), [other])).kind, 'unavailable');
  });

  test('an answer is kept for the servers, role and names that were asked, and for no others', async () => {
    const ports = portsOf([bound(urls()[0] ?? '')]);
    assert.equal((await ask(ports)).kind, 'found');
    const kept = await ask(ports);
    assert.ok(kept.trace.some(({ query }) => query === 'answer kept from before'));
    const isKept = (result: Awaited<ReturnType<typeof ask>>): boolean =>
      result.trace.some(({ query }) => query === 'answer kept from before');
    const noServers = await ask({ ...ports, ldapServers: [] });
    assert.equal(noServers.kind, 'none');
    assert.ok(!isKept(noServers));
    for (const changed of [{ role: 'signing' }, { bindings: ['address'] }] as const) {
      const result = await locateCertificates({
        mailbox,
        role: 'confidentiality',
        doors: ['ldap'],
        pinned: [],
        ...changed,
        validate: () => ({ kind: 'usable' as const }),
        ports,
      });
      assert.ok(result.kind === 'found' && !isKept(result));
    }
  });
});
