import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { makeServerTls } from '../test-peers.ts';
import { startRaw, startWeb, type TestZone, webPorts } from '../test-web.ts';
import { type FetchPorts, fetchBounded, type HttpAnswer, type HttpRequest } from './fetch.ts';

const HOST = 'ca.bravo.example';
const LOOPBACK: TestZone = { [`A ${HOST}`]: ['127.0.0.1'] };
const never = new AbortController().signal;

/** A client that leaves may reset the connection: that is a close as well. */
function closeOf(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.once('close', resolve));
}

interface Try {
  readonly ports?: FetchPorts;
  readonly signal?: AbortSignal;
  readonly request?: Partial<HttpRequest>;
}

function get(url: string, { ports, signal, request }: Try = {}): Promise<HttpAnswer> {
  return fetchBounded(
    { url, maxBytes: 1_000, ...request },
    ports ?? webPorts(LOOPBACK),
    signal ?? never,
  );
}

/** What comes of a server that answers with these bytes and hangs up. */
async function answerTo(bytes: string | readonly string[], rest: Try = {}): Promise<HttpAnswer> {
  await using server = await startRaw((socket) => {
    for (const part of typeof bytes === 'string' ? [bytes] : bytes) socket.write(part);
    socket.end();
  });
  return await get(`http://${HOST}:${server.port}/x`, rest);
}

function reasonOf(answer: HttpAnswer): string {
  return answer.kind === 'response' ? `response ${answer.status}` : answer.reason;
}

function assertFailed(answer: HttpAnswer, pattern: RegExp): void {
  assert.equal(answer.kind, 'failed', reasonOf(answer));
  assert.match(reasonOf(answer), pattern);
}

describe('what is refused before anything is sent', () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['a file URL', 'file:///etc/passwd', /scheme/],
    ['an ldap URL', 'ldap://ca.bravo.example/', /scheme/],
    ['a gopher URL', 'gopher://ca.bravo.example/', /scheme/],
    ['a user part', 'http://user:secret@ca.bravo.example/', /user part/],
    ['an empty user part with a password', 'http://:x@ca.bravo.example/', /user part/],
    ['SMTP', 'http://ca.bravo.example:25/', /port 25/],
    ['SSH', 'https://ca.bravo.example:22/', /port 22/],
    ['port 0', 'http://ca.bravo.example:0/', /port 0/],
    ['a port that is none', 'http://ca.bravo.example:65536/', /no URL/],
    ['a line break in the URL', 'http://ca.bravo.example/\r\nHost: x', /no URL/],
    ['a tab that the URL parser would drop', 'http://ca.bravo\t.example/', /no URL/],
    ['what is no URL', 'http//x', /no URL/],
    ['a URL over 2,048 characters', `http://ca.bravo.example/${'a'.repeat(2_048)}`, /too long/],
    ['loopback', 'http://127.0.0.1:8080/', /not public/],
    ['loopback in octal', 'http://0177.0.0.1:8080/', /not public/],
    ['loopback as one number', 'http://2130706433:8080/', /not public/],
    ['loopback behind percent signs', 'http://%31%32%37.0.0.1:8080/', /not public/],
    ['loopback in IPv6', 'http://[::1]:8080/', /not public/],
    ['loopback mapped into IPv6', 'http://[::ffff:127.0.0.1]:8080/', /not public/],
    ['link-local, where clouds keep their credentials', 'http://169.254.169.254/', /not public/],
    ['a private network', 'https://10.1.2.3/', /not public/],
    ['the unspecified address', 'http://0.0.0.0:8080/', /not public/],
  ];
  for (const [name, url, pattern] of cases) {
    test(`${name} is refused`, async () => {
      const ports = { ...webPorts(LOOPBACK), allowPrivateAddresses: false };
      const answer = await get(url, { ports });
      assert.equal(answer.kind, 'refused', reasonOf(answer));
      assert.match(reasonOf(answer), pattern);
      assert.deepEqual(ports.asked, []);
    });
  }

  for (const address of ['127.0.0.1', '192.168.1.1', '169.254.169.254']) {
    test(`a name that leads to ${address} is refused`, async () => {
      const zone = { [`A ${HOST}`]: [address], [`AAAA ${HOST}`]: ['::1'] };
      const ports = { ...webPorts(zone), allowPrivateAddresses: false };
      const answer = await get(`http://${HOST}/`, { ports });
      assert.deepEqual(answer, { kind: 'refused', reason: 'its address is not public' });
    });
  }

  test('the name and port that SRV leads to are checked like those of a URL', async () => {
    const ports = { ...webPorts(LOOPBACK), allowPrivateAddresses: false };
    const to = (name: string, port: number) =>
      get(`http://${HOST}/`, { ports, request: { connectTo: { name, port } } });
    assert.match(reasonOf(await to('127.0.0.1', 8080)), /not public/);
    assert.match(reasonOf(await to('[::1]', 8080)), /not public/);
    assert.match(reasonOf(await to(HOST, 25)), /port 25/);
    assert.equal((await to(HOST, 8080)).kind, 'refused');
    const elsewhere = { connectTo: { name: HOST, port: 8080 } };
    const literal = await get('https://192.0.2.1/', {
      ports: webPorts(LOOPBACK),
      request: elsewhere,
    });
    assert.equal(literal.kind, 'refused');
  });
});

describe('DNS', () => {
  test('a name without address and DNS that is down are failures with different words', async () => {
    assertFailed(await get('http://other.example/'), /has no address/);
    const down = webPorts({ [`A ${HOST}`]: 'servfail', [`AAAA ${HOST}`]: 'servfail' });
    assertFailed(await get(`http://${HOST}/`, { ports: down }), /DNS failed/);
  });

  test('a name is looked up once, and what was checked is connected to (rebinding)', async () => {
    await using second = await startRaw((socket) => socket.destroy(), '127.0.0.2');
    await using first = await startWeb(() => ({ body: 'first' }));
    let asked = 0;
    const ports = webPorts({
      [`A ${HOST}`]: () => {
        asked += 1;
        return [asked === 1 ? '127.0.0.1' : '127.0.0.2'];
      },
    });
    const answer = await get(`http://${HOST}:${first.port}/`, { ports });
    assert.equal(answer.kind === 'response' && answer.body.toString(), 'first');
    assert.equal(asked, 1);
    assert.equal(second.connections(), 0);
  });

  test('the next address is tried when one does not answer', async () => {
    await using server = await startWeb(() => ({ body: 'here' }));
    const ports = webPorts({ [`A ${HOST}`]: ['127.0.0.9', '127.0.0.1'] });
    const answer = await get(`http://${HOST}:${server.port}/`, { ports });
    assert.equal(answer.kind === 'response' && answer.body.toString(), 'here');
  });
});

describe('RFC 9110: what a hostile server answers', () => {
  const HEAD = 'HTTP/1.1 200 OK\r\n';

  test('a redirect is not followed, and its body is not read', async () => {
    await using inner = await startRaw((socket) => socket.destroy());
    const location = `Location: http://127.0.0.1:${inner.port}/\r\n`;
    const answer = await answerTo(`HTTP/1.1 302 Found\r\n${location}Content-Length: 2\r\n\r\nhi`);
    assert.equal(answer.kind === 'response' && answer.status, 302);
    assert.equal(answer.kind === 'response' && answer.body.length, 0);
    assert.equal(inner.connections(), 0);
  });

  const malformed: readonly (readonly [string, string | readonly string[], RegExp])[] = [
    ['an announced body that is too long', `${HEAD}Content-Length: 1001\r\n\r\n`, /longer than/],
    ['a body cut short', `${HEAD}Content-Length: 10\r\n\r\nabc`, /cut short|aborted|closed/],
    ['two lengths', `${HEAD}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`, /HPE_/],
    ['length and chunks', `${HEAD}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n`, /HPE_/],
    ['a negative length', `${HEAD}Content-Length: -1\r\n\r\n`, /HPE_/],
    ['chunks of no size', `${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc`, /HPE_/],
    ['chunks without end', `${HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`, /cut|abort/],
    [
      'a chunk of 2^64 bytes',
      `${HEAD}Transfer-Encoding: chunked\r\n\r\n${'f'.repeat(17)}\r\n`,
      /./,
    ],
    ['a compressed body', `${HEAD}Content-Encoding: gzip\r\n\r\nabc`, /compressed/],
    ['a header of 20,000 bytes', `${HEAD}X: ${'a'.repeat(20_000)}\r\n\r\n`, /HPE_HEADER_OVERFLOW/],
    ['5,000 header fields', `${HEAD}${'X: 12345\r\n'.repeat(5_000)}\r\n`, /HPE_HEADER_OVERFLOW/],
    ['100 early hints', `${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(100)}${HEAD}\r\n`, /1xx/],
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n', /HPE_/],
    [
      'a protocol switch',
      'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
      /./,
    ],
    ['silence and a hang-up', '', /hang up|closed/],
  ];
  for (const [name, bytes, pattern] of malformed) {
    test(`${name} is a failure`, async () => assertFailed(await answerTo(bytes), pattern));
  }

  test('a body without end is cut off at the limit', async () => {
    await using server = await startRaw((socket) => {
      const pour = (): void => {
        while (!socket.destroyed && socket.write('a'.repeat(16_384)));
      };
      socket.write(`${HEAD}\r\n`);
      socket.on('drain', pour);
      pour();
    });
    assertFailed(await get(`http://${HOST}:${server.port}/`), /longer than 1000 bytes/);
  });

  test('chunks without end are cut off at the limit', async () => {
    await using server = await startRaw((socket) => {
      const pour = (): void => {
        while (!socket.destroyed && socket.write('3\r\nabc\r\n'.repeat(2_000)));
      };
      socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`);
      socket.on('drain', pour);
      pour();
    });
    assertFailed(await get(`http://${HOST}:${server.port}/`), /longer than 1000 bytes/);
  });

  test('what follows an announced body is no part of it', async () => {
    const answer = await answerTo(`${HEAD}Content-Length: 3\r\n\r\nabcdef`);
    if (answer.kind === 'response') assert.equal(answer.body.toString(), 'abc');
    else assert.equal(answer.kind, 'failed');
  });
});

describe('time', () => {
  const drip = (socket: Socket): void => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n');
    const timer = setInterval(() => socket.write('a'), 5);
    socket.once('close', () => clearInterval(timer));
  };
  const slow: readonly (readonly [string, (socket: Socket) => void])[] = [
    ['drips its body', drip],
    ['drips its header', (socket) => void socket.write('HTTP/1.1 200')],
    ['says nothing', () => undefined],
  ];
  for (const [name, behaviour] of slow) {
    test(`a server that ${name} is left when time is over, and its socket closed`, async () => {
      const closed: Promise<unknown>[] = [];
      await using server = await startRaw((socket) => {
        closed.push(closeOf(socket));
        behaviour(socket);
      });
      const signal = AbortSignal.timeout(150);
      const ports = webPorts(LOOPBACK);
      const url = `http://${HOST}:${server.port}/`;
      assertFailed(await get(url, { signal, ports }), /too long/);
      await Promise.all(closed);
      // Slowness is no proof that the server is down.
      await using good = await startWeb(() => ({ body: 'x' }));
      assert.equal((await get(`http://${HOST}:${good.port}/`, { ports })).kind, 'response');
    });
  }

  test('a TLS handshake that never comes ends, and its socket is closed', async () => {
    const closed: Promise<unknown>[] = [];
    await using server = await startRaw((socket) => void closed.push(closeOf(socket)));
    const signal = AbortSignal.timeout(150);
    assertFailed(await get(`https://${HOST}:${server.port}/`, { signal }), /too long/);
    await Promise.all(closed);
  });

  test('with a signal that is over nothing is connected to', async () => {
    await using server = await startRaw((socket) => socket.destroy());
    const url = `http://${HOST}:${server.port}/`;
    assertFailed(await get(url, { signal: AbortSignal.abort() }), /too long/);
    assert.equal(server.connections(), 0);
  });

  test('a server that is down is left alone for a minute', async () => {
    const gone = await startRaw(() => undefined);
    await gone[Symbol.asyncDispose]();
    const ports = webPorts(LOOPBACK);
    const url = `http://${HOST}:${gone.port}/`;
    assertFailed(await get(url, { ports }), /ECONNREFUSED/);
    assertFailed(await get(url, { ports }), /a moment ago/);
  });
});

describe('TLS is always verified', () => {
  const withTls = async (
    certificateName: string,
    body: (url: string, anchor: string) => Promise<void>,
  ): Promise<void> => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-web-'));
    try {
      const tls = await makeServerTls(folder, certificateName);
      const cert = await readFile(tls.certificateFile, 'utf8');
      const key = await readFile(tls.keyFile, 'utf8');
      await using server = await startWeb(() => ({ body: 'ok' }), { cert, key });
      await body(`https://${HOST}:${server.port}/`, tls.anchor);
    } finally {
      await rm(folder, { recursive: true });
    }
  };
  const trusting = (anchor: string): FetchPorts => ({
    ...webPorts({ ...LOOPBACK, 'A web.elsewhere.example': ['127.0.0.1'] }),
    tlsAnchors: [anchor],
  });

  test('a certificate of a foreign CA is a failure', () =>
    withTls(HOST, async (url) => {
      assertFailed(await get(url), /UNABLE_TO_|SELF_SIGNED/);
    }));

  test('a certificate of another name is a failure', () =>
    withTls('other.example', async (url, anchor) => {
      assertFailed(await get(url, { ports: trusting(anchor) }), /ALTNAME/);
    }));

  test('the right name is a response', () =>
    withTls(HOST, async (url, anchor) => {
      const answer = await get(url, { ports: trusting(anchor) });
      assert.equal(answer.kind === 'response' && answer.overTls, true, reasonOf(answer));
    }));

  test('where SRV leads, the name of the URL still counts', () =>
    withTls(HOST, async (url, anchor) => {
      const connectTo = { name: 'web.elsewhere.example', port: Number(new URL(url).port) };
      const through = (target: string) =>
        get(target, { ports: trusting(anchor), request: { connectTo } });
      assert.equal((await through(`https://${HOST}/`)).kind, 'response');
      assertFailed(await through('https://other.example/'), /ALTNAME/);
    }));

  test('an address in a URL is checked against the addresses of the certificate', () =>
    withTls(HOST, async (url, anchor) => {
      const port = new URL(url).port;
      const ports = trusting(anchor);
      const answer = await get(`https://127.0.0.1:${port}/`, { ports });
      assert.equal(answer.kind, 'response', reasonOf(answer));
    }));

  test('clear text where TLS is asked for is a failure', async () => {
    await using server = await startWeb(() => ({ body: 'ok' }));
    assertFailed(await get(`https://${HOST}:${server.port}/`), /SSL|EPROTO/);
  });
});

describe('an honest exchange', () => {
  test('yields status, type and body, and sends Host and no cookie', async () => {
    await using server = await startWeb((path, { method, headers, body }) => ({
      type: 'application/pkix-crl',
      body: `${method} ${path} ${headers.host} ${headers.cookie} ${body.toString()}`,
    }));
    const url = `http://${HOST}:${server.port}/a%20b?c=d`;
    const request = {
      method: 'POST',
      body: Buffer.from('abc'),
      contentType: 'text/plain',
    } as const;
    const answer = await get(url, { request });
    assert.ok(answer.kind === 'response', reasonOf(answer));
    assert.equal(answer.contentType, 'application/pkix-crl');
    assert.equal(answer.body.toString(), `POST /a%20b?c=d ${HOST}:${server.port} undefined abc`);
    assert.equal(answer.server, `${HOST}:${server.port}`);
    assert.equal(answer.overTls, false);
  });

  test('RFC 9110 13.1: a version comes back in the condition of the next request', async () => {
    const version = { etag: '"1"', lastModified: 'Sat, 21 Nov 2026 10:00:00 GMT' };
    await using server = await startWeb((_path, { headers }) =>
      headers['if-none-match'] === '"1"' && headers['if-modified-since'] === version.lastModified
        ? { status: 304 }
        : { body: 'x', headers: { etag: '"1"', 'last-modified': version.lastModified } },
    );
    const url = `http://${HOST}:${server.port}/`;
    const first = await get(url);
    assert.ok(first.kind === 'response');
    assert.deepEqual(first.version, version);
    const second = await get(url, { request: { unlessAs: first.version } });
    assert.equal(second.kind === 'response' && second.status, 304);
  });

  test('a version that is no plain text is not kept', async () => {
    const answer = await answerTo('HTTP/1.1 200 OK\r\nETag: "\xe9"\r\nContent-Length: 0\r\n\r\n');
    assert.equal(answer.kind === 'response' && answer.version.etag, null);
  });

  test('a body of exactly the limit is taken', async () => {
    await using server = await startWeb(() => ({ body: 'a'.repeat(1_000) }));
    const answer = await get(`http://${HOST}:${server.port}/`);
    assert.equal(answer.kind === 'response' && answer.body.length, 1_000);
  });
});
