import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Certificate, issueCrl } from '@sallyport/pki';
import { searchKeysOf } from '@sallyport/published';
import { makeIdentity, publishAuthorities, publishUsers } from './test-identity.ts';
import { type Running, start } from './testing.ts';

const identity = makeIdentity();
const STATEMENT = 'eyJ0eXAiOiJkb21zZWMtc3RhdGVtZW50K2p3cyJ9.e30.AA';

interface Said {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

async function ask(
  running: Running,
  path: string,
  how: { method?: string; tls?: boolean; headers?: Record<string, string>; body?: string } = {},
): Promise<Said> {
  const options = {
    host: '127.0.0.1',
    path,
    method: how.method ?? 'GET',
    headers: how.headers ?? {},
    agent: false,
  };
  const request =
    how.tls === true
      ? requestHttps({ ...options, port: running.https, ca: identity.caPem })
      : requestHttp({ ...options, port: running.http });
  request.end(how.body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) };
}

describe('the directory over HTTP', () => {
  const ada = identity.certify('ada@bravo.example', { cn: 'Ada' });
  const past = identity.certify('past@bravo.example', { days: 0.01 });
  const crl = issueCrl({
    issuer: { certificate: identity.ca, privateKey: identity.caKeyPem },
    crlNumber: 1,
    thisUpdate: new Date(Date.now() - 60_000),
    nextUpdate: new Date(Date.now() + 86_400_000),
    revoked: [],
  });
  let running: Running;
  let authorities: { confidentiality: Certificate; signing: Certificate };

  before(async () => {
    running = await start({
      tls: identity.tls,
      limits: { searchesPerMinute: 10_000 },
      prepare: async (folder) => {
        authorities = await publishAuthorities(folder, identity);
        const employees = Array.from({ length: 17 }, (_, i) => {
          const mail = `e${i}@bravo.example`;
          return [mail, identity.certify(mail, { cn: 'Employee' })] as const;
        });
        await publishUsers(folder, [
          ['ada@bravo.example', ada],
          ['past@bravo.example', past],
          ...employees,
        ]);
      },
    });
  });
  after(() => running.stop());
  const key = (certificate: Certificate, name: keyof ReturnType<typeof searchKeysOf>): string =>
    encodeURIComponent(searchKeysOf(certificate)[name][0] ?? '');

  test('RFC 4387 2: one certificate comes as it is, by every attribute that names it alone', async () => {
    const queries = [
      'email=ada%40bravo.example',
      'uri=ADA@bravo.example',
      'name=Ada',
      `certHash=${key(ada, 'certHash')}`,
      `iAndSHash=${key(ada, 'iAndSHash')}`,
      `sHash=${key(ada, 'sHash')}&unknown=x`,
    ];
    for (const path of ['/search.cgi', '/certificates/search.cgi']) {
      for (const query of queries) {
        const said = await ask(running, `${path}?${query}`);
        assert.equal(said.status, 200, query);
        assert.equal(said.headers['content-type'], 'application/pkix-cert');
        assert.equal(said.headers['transfer-encoding'], undefined);
        assert.equal(said.headers['cache-control'], 'no-cache');
        assert.deepEqual(said.body, ada.der);
      }
    }
    const domain = await ask(running, '/search.cgi?uri=bravo.example', { tls: true });
    assert.deepEqual(domain.body, authorities.confidentiality.der);
  });

  test('RFC 4387 2: several certificates are multipart/mixed, each without encoding', async () => {
    const { confidentiality, signing } = authorities;
    const said = await ask(running, `/search.cgi?iHash=${key(signing, 'iHash')}`);
    const boundary = /^multipart\/mixed; boundary="(.+)"$/.exec(
      String(said.headers['content-type']),
    )?.[1];
    assert.ok(boundary !== undefined);
    const parts = said.body
      .toString('latin1')
      .split(`--${boundary}`)
      .slice(1, -1)
      .map((part) => part.split('\r\n\r\n'));
    assert.deepEqual(
      parts.map(([head]) => head),
      Array.from({ length: 2 }, () => '\r\nContent-Type: application/pkix-cert'),
    );
    assert.deepEqual(
      parts.map(([, ...rest]) =>
        Buffer.from(rest.join('\r\n\r\n').replace(/\r\n$/, ''), 'latin1').toString('hex'),
      ),
      [confidentiality, signing].map(({ der }) => der.toString('hex')),
    );
  });

  test('CD-8: nothing lists: users have no iHash, and what 17 have is not told', async () => {
    // All users' certificates have this key and this issuer.
    const shared = await ask(running, `/search.cgi?sKIDHash=${key(ada, 'sKIDHash')}`);
    assert.equal(shared.status, 403);
    assert.equal((await ask(running, '/search.cgi?name=Employee')).status, 403);
    for (const query of [
      'name=E*',
      'email=*',
      'email=*@bravo.example',
      'email=%25@bravo.example',
    ]) {
      assert.notEqual((await ask(running, `/search.cgi?${query}`)).status, 200, query);
    }
  });

  test('what is expired, unknown or of another case of name is not found', async () => {
    for (const query of ['email=past@bravo.example', 'email=x@bravo.example', 'name=ada']) {
      const said = await ask(running, `/search.cgi?${query}`);
      assert.equal(said.status, 404, query);
    }
  });

  test('RFC 4387 2.1, 2.5.2: a value that is no search key or no address is rejected', async () => {
    const bad = [
      '',
      'certHash=',
      'certHash=%27%20OR%201=1--',
      `certHash=${'A'.repeat(28)}`,
      `certHash=${'A'.repeat(26)}+`, // a plus sign is a blank here (RFC 4387 section 2)
      'email=a%20da',
      'email=@bravo.example',
      'email=ada@bravo.example%00',
      'email=ada@bravo.example&email=bob@bravo.example',
      'email=ada@bravo.example&name=Ada',
      `name=${'x'.repeat(300)}`,
      'name=',
      Array.from({ length: 20 }, (_, i) => `x${i}=`).join('&'),
      'CERTHASH=AAAAAAAAAAAAAAAAAAAAAAAAAAA',
    ];
    for (const query of bad) {
      assert.equal((await ask(running, `/search.cgi?${query}`)).status, 400, query);
    }
  });

  test('RFC 5280 4.2.1.13, RFC 4387 3.3: the CRL by its own place, by path and by host', async () => {
    const iHash = key(ada, 'iHash');
    assert.equal((await ask(running, '/crl/ca.crl')).status, 404);
    await writeFile(join(running.folder, 'ca.crl'), crl);
    await eventually(async () => (await ask(running, '/crl/ca.crl')).status === 200);
    const places: [string, Record<string, string>][] = [
      ['/crl/ca.crl', {}],
      [`/crls/search.cgi?iHash=${iHash}`, {}],
      [`/search.cgi?iHash=${iHash}`, { Host: 'crls.bravo.example' }],
      [`/search.cgi?sKIDHash=${key(identity.ca, 'sKIDHash')}`, { Host: 'CRLS.bravo.example' }],
    ];
    for (const [path, headers] of places) {
      const said = await ask(running, path, { headers });
      assert.equal(said.headers['content-type'], 'application/pkix-crl', path);
      assert.deepEqual(said.body, crl);
    }
    const other = createHash('sha1').update('x').digest('base64').slice(0, 27);
    const none = await ask(running, `/crls/search.cgi?iHash=${encodeURIComponent(other)}`);
    assert.equal(none.status, 404);
    assert.equal((await ask(running, '/crls/search.cgi?email=a@bravo.example')).status, 400);
  });

  test('RFC 9112 3.2.2: the absolute form of a request is accepted', async () => {
    const said = await ask(running, 'http://bravo.example/search.cgi?email=ada@bravo.example');
    assert.deepEqual(said.body, ada.der);
  });

  test('the statement is told over TLS only, and as it is on disk', async () => {
    const path = '/.well-known/domsec-statement';
    assert.equal((await ask(running, path, { tls: true })).status, 404);
    await writeFile(join(running.folder, 'statement.jws'), STATEMENT);
    await eventually(async () => (await ask(running, path, { tls: true })).status === 200);
    const said = await ask(running, `${path}?domain=BRAVO.example`, { tls: true });
    assert.equal(said.headers['content-type'], 'application/jose');
    assert.equal(said.body.toString(), STATEMENT);
    assert.equal((await ask(running, path)).status, 404);
    assert.equal((await ask(running, `${path}?domain=acme.example`, { tls: true })).status, 404);
  });

  test('RFC 9110 9.3.2, 13.1.2: HEAD has no content, and a known ETag saves it', async () => {
    const path = '/search.cgi?email=ada@bravo.example';
    const head = await ask(running, path, { method: 'HEAD' });
    assert.deepEqual([head.status, head.body.length], [200, 0]);
    assert.equal(head.headers['content-length'], String(ada.der.length));
    const tag = String(head.headers['etag']);
    for (const known of [tag, `"other", W/${tag}`, '*']) {
      const said = await ask(running, path, { headers: { 'If-None-Match': known } });
      assert.deepEqual([said.status, said.body.length], [304, 0], known);
    }
    const changed = await ask(running, path, { headers: { 'If-None-Match': '"other"' } });
    assert.equal(changed.status, 200);
  });

  test('everything else is refused: methods, content, paths, long URLs and headers', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']) {
      const said = await ask(running, '/crl/ca.crl', { method });
      assert.deepEqual([said.status, said.headers['allow']], [405, 'GET, HEAD'], method);
      assert.equal(said.headers['connection'], 'close');
    }
    const expected: [string, number, Record<string, string>][] = [
      ['/', 404, {}],
      ['/search.cgi/../crl/ca.crl', 404, {}],
      ['/crl/%63a.crl', 404, {}],
      ['//crl/ca.crl', 404, {}],
      ['http://bravo.example', 404, {}],
      [`/search.cgi?email=${'a'.repeat(3_000)}`, 414, {}],
      ['/crl/ca.crl', 431, { 'X-Long': 'x'.repeat(9_000) }],
    ];
    for (const [path, status, headers] of expected) {
      assert.equal((await ask(running, path, { headers })).status, status, path);
    }
    const content = await ask(running, '/crl/ca.crl', {
      headers: { 'Content-Length': '2' },
      body: 'ab',
    });
    assert.equal(content.status, 400);
  });

  test('what speaks no HTTP, or half of it, harms nobody else', async () => {
    const lines = ['\x16\x03\x01\x02\x00', 'GET /\r\n\r\n', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n'];
    for (const line of lines) {
      const socket = connect({ host: '127.0.0.1', port: running.http });
      socket.on('error', () => undefined);
      socket.write(line);
      socket.resume();
      await once(socket, 'close');
    }
    assert.equal((await ask(running, '/search.cgi?email=ada@bravo.example')).status, 200);
  });
});

test('requests of one client are bounded, whatever they ask', async () => {
  await using running = await start({ limits: { searchesPerMinute: 3 } });
  const statuses: (number | undefined)[] = [];
  for (const path of ['/', '/crl/ca.crl', '/search.cgi?email=a@b.example', '/']) {
    statuses.push((await ask(running, path)).status);
  }
  assert.deepEqual(statuses, [404, 404, 404, 429]);
});

async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  // The directory looks at its files twice a second.
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 50));
}
