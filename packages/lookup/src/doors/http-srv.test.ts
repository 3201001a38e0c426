import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseMailbox } from '@sallyport/mail';
import { locateCertificates } from '../locate.ts';
import type { LocateResult } from '../locate-types.ts';
import { makeCertificate, startDirectory } from '../test-peers.ts';
import { startRaw, startWeb, type TestZone, type WebPages, webPorts } from '../test-web.ts';

const bob = makeCertificate('Bob', 'bob@bravo.example');
const domainWide = makeCertificate('bravo.example', 'postmaster@bravo.example');
const authority = makeCertificate(
  'domain-confidentiality-authority',
  'domain-confidentiality-authority@bravo.example',
);
const AUTHORITY = 'domain-confidentiality-authority%40bravo.example';

const srv = (port: number, priority = 0, target = 'web.bravo.example') => ({
  priority,
  weight: 0,
  port,
  target,
});
const HOSTS: TestZone = { 'A web.bravo.example': ['127.0.0.1'] };

function locate(
  zone: TestZone,
  good: readonly Buffer[] = [bob, domainWide, authority],
  ports = webPorts({ ...HOSTS, ...zone }),
): Promise<LocateResult<{ readonly kind: 'usable' }>> {
  const mailbox = parseMailbox('bob@bravo.example');
  assert.ok(mailbox !== null);
  return locateCertificates({
    mailbox,
    role: 'confidentiality',
    doors: ['http-srv'],
    pinned: [],
    validate: (der) =>
      good.some((one) => one.equals(der))
        ? { kind: 'usable' }
        : { kind: 'unusable', code: 'expired', reason: 'expired' },
    ports,
  });
}

function serve(found: Readonly<Record<string, Buffer>>, status = 404): WebPages {
  return (path) => {
    const body = found[path];
    return body === undefined ? { status } : { body, type: 'application/pkix-cert' };
  };
}

describe('RFC 4387 section 3.2: stores that SRV names', () => {
  for (const service of ['_PKIXREP._HTTP', '_certificates._tcp']) {
    test(`${service} leads to the certificate of the address`, async () => {
      await using web = await startWeb(serve({ '/search.cgi?uri=bob%40bravo.example': bob }));
      const result = await locate({ [`SRV ${service}.bravo.example`]: [srv(web.port)] });
      assert.ok(result.kind === 'found');
      assert.equal(result.candidate.binding, 'address');
      assert.equal(result.candidate.source, `web.bravo.example:${web.port}`);
      assert.ok(result.certificate.equals(bob));
    });
  }

  test('section 2.5.1: a store that knows only the word email is asked with it', async () => {
    await using web = await startWeb(serve({ '/search.cgi?email=bob%40bravo.example': bob }));
    const result = await locate({ 'SRV _certificates._tcp.bravo.example': [srv(web.port)] });
    assert.equal(result.kind, 'found');
    assert.deepEqual(web.asked, [
      '/search.cgi?uri=bob%40bravo.example',
      '/search.cgi?email=bob%40bravo.example',
    ]);
  });

  test('domain and authority are asked for after the address', async () => {
    await using web = await startWeb(
      serve({
        '/search.cgi?uri=bravo.example': domainWide,
        [`/search.cgi?uri=${AUTHORITY}`]: authority,
      }),
    );
    const zone = { 'SRV _certificates._tcp.bravo.example': [srv(web.port)] };
    const first = await locate(zone);
    assert.equal(first.kind === 'found' && first.candidate.binding, 'domain');
    const second = await locate(zone, [authority]);
    assert.equal(second.kind === 'found' && second.candidate.binding, 'authority');
  });

  test('CD-1: the next store is asked when one is down or has nothing usable', async () => {
    const gone = await startRaw(() => undefined);
    await gone[Symbol.asyncDispose]();
    const old = makeCertificate('Bob of old', 'bob@bravo.example');
    await using poor = await startWeb(serve({ '/search.cgi?uri=bob%40bravo.example': old }));
    await using rich = await startWeb(serve({ '/search.cgi?uri=bob%40bravo.example': bob }));
    const stores = [srv(rich.port, 3), srv(gone.port, 1), srv(poor.port, 2)];
    const result = await locate({ 'SRV _certificates._tcp.bravo.example': stores });
    assert.ok(result.kind === 'found');
    assert.ok(result.certificate.equals(bob));
    assert.equal(result.unusable.length, 1);
  });

  test('CD-7: stores that are all down are no knowledge', async () => {
    await using broken = await startWeb(() => ({ status: 503 }));
    const result = await locate({ 'SRV _certificates._tcp.bravo.example': [srv(broken.port)] });
    assert.equal(result.kind === 'unavailable' && result.fault, 'directory-unreachable');
  });

  test('CD-7: DNS that fails is no knowledge', async () => {
    const result = await locate({ 'SRV _certificates._tcp.bravo.example': 'servfail' });
    assert.equal(result.kind === 'unavailable' && result.fault, 'dns-failure');
  });

  test('a store that has nothing is knowledge, and so is one that redirects', async () => {
    await using empty = await startWeb(() => undefined);
    const zone = { 'SRV _certificates._tcp.bravo.example': [srv(empty.port)] };
    assert.equal((await locate(zone)).kind, 'none');
    await using moved = await startWeb(() => ({ status: 302 }));
    const result = await locate({ 'SRV _certificates._tcp.bravo.example': [srv(moved.port)] });
    assert.equal(result.kind, 'none');
    assert.match(
      result.trace.map(({ reason }) => reason).join(),
      /redirect, which is not followed/,
    );
  });

  test('a stranger cannot send us to a private address', async () => {
    await using inner = await startRaw((socket) => socket.destroy());
    const ports = {
      ...webPorts({ ...HOSTS, 'SRV _certificates._tcp.bravo.example': [srv(inner.port)] }),
      allowPrivateAddresses: false,
    };
    const result = await locate({}, [bob], ports);
    assert.equal(result.kind, 'unavailable');
    assert.equal(inner.connections(), 0);
  });

  test('of many stores four are asked', async () => {
    const stores = await Promise.all(Array.from({ length: 6 }, () => startWeb(() => undefined)));
    try {
      const records = stores.map(({ port }, at) => srv(port, at));
      await locate({ 'SRV _certificates._tcp.bravo.example': records });
      assert.equal(stores.filter(({ asked }) => asked.length > 0).length, 4);
    } finally {
      for (const one of stores) await one[Symbol.asyncDispose]();
    }
  });
});

describe('RFC 4387 section 3.3: the well-known place', () => {
  test('is asked at port 80 when the domain names no store', async () => {
    const ports = {
      ...webPorts({ 'A certificates.bravo.example': ['10.0.0.1'] }),
      allowPrivateAddresses: false,
    };
    const result = await locate({}, [bob], ports);
    assert.equal(result.kind, 'none');
    assert.match(result.trace.at(-1)?.reason ?? '', /not public/);
    assert.match(result.trace.at(-1)?.query ?? '', /certificates\.bravo\.example/);
  });

  test('is not asked when SRV says "." (RFC 2782)', async () => {
    const zone = {
      'SRV _certificates._tcp.bravo.example': [srv(0, 0, '')],
      'A certificates.bravo.example': ['127.0.0.1'],
    };
    const ports = webPorts(zone);
    assert.equal((await locate({}, [bob], ports)).kind, 'none');
    assert.ok(!ports.asked.includes('A certificates.bravo.example'));
  });

  test('without an address there is nothing; with failing DNS it is not known', async () => {
    assert.equal((await locate({})).kind, 'none');
    const down = await locate({
      'A certificates.bravo.example': 'servfail',
      'AAAA certificates.bravo.example': 'servfail',
    });
    assert.equal(down.kind, 'unavailable');
  });
});

describe('against our own directory', () => {
  const attribute = 'userCertificate;binary';
  const entries = [
    { mail: 'bob@bravo.example', attribute, values: [domainWide, bob] },
    { mail: 'bravo.example', attribute, values: [domainWide] },
    { mail: 'domain-confidentiality-authority@bravo.example', attribute, values: [authority] },
  ];

  test('address, domain and authority are found, several certificates in one answer', async () => {
    await using directory = await startDirectory(entries);
    assert.ok(directory.httpPort !== undefined);
    const zone = { 'SRV _certificates._tcp.bravo.example': [srv(directory.httpPort)] };
    const bound = async (good: Buffer): Promise<string> => {
      const result = await locate(zone, [good]);
      return result.kind === 'found' ? result.candidate.binding : result.kind;
    };
    assert.equal(await bound(bob), 'address');
    assert.equal(await bound(authority), 'authority');
    const missing = makeCertificate('nobody', 'nobody@bravo.example');
    const none = await locate(zone, [missing]);
    assert.equal(none.kind, 'none');
    assert.deepEqual(
      none.unusable.map(({ candidate }) => candidate.binding),
      ['address', 'address', 'domain', 'authority'],
    );
  });
});
