import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { createTestCa } from '../test-support/certificates.ts';
import { type PostTarget, postJson } from './post-json.ts';

const ca = createTestCa();
const identity = ca.issue({ names: ['localhost'] });
/** What each path answers, raw, once the request is there. */
const ANSWERS: Readonly<Record<string, string>> = {
  '/ok': 'HTTP/1.1 204 No Content\r\n\r\n',
  '/elsewhere': 'HTTP/1.1 307 Go\r\nLocation: /ok\r\n\r\n',
  '/endless-head': `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
  '/endless-body': `HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n${'z'.repeat(99_999)}`,
  '/informs': 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(50),
  '/silent': '',
};
const asked: { path: string; authorization: string | undefined; text: string }[] = [];
const server = createServer(identity, (request) => {
  let text = '';
  request.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  request.on('end', () => {
    const path = request.url ?? '';
    asked.push({ path, authorization: request.headers.authorization, text });
    (request.socket as TLSSocket).write(ANSWERS[path] ?? '');
  });
});
let folder = '';
let port = 0;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'post-'));
  await writeFile(join(folder, 'ca.pem'), ca.caPem);
  await writeFile(join(folder, 'token'), 'a-token \nnot this\n', { mode: 0o600 });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
after(async () => {
  server.closeAllConnections();
  server.close();
  ca.remove();
  await rm(folder, { recursive: true });
});

const post = (path: string, change: Partial<PostTarget> = {}): Promise<number> => {
  const files = { tokenFile: null, anchorsFile: join(folder, 'ca.pem') };
  const target = { url: `https://localhost:${port}${path}`, ...files, ...change };
  return postJson(target, { text: '{}', deadlineMs: 300 });
};

test('the status is the answer, and a redirect is not followed', async () => {
  assert.equal(await post('/ok'), 204);
  assert.equal(await post('/elsewhere'), 307);
  assert.deepEqual(
    asked.map(({ path }) => path),
    ['/ok', '/elsewhere'],
  );
});

test('what is silent, informs for ever or says too much comes to an end', async () => {
  await assert.rejects(post('/silent'), /aborted|timeout/i);
  await assert.rejects(post('/informs'), /aborted|timeout/i);
  await assert.rejects(post('/endless-head'), /overflow/i);
  assert.equal(await post('/endless-body'), 200, 'the body is not read');
});

test('the first line of the token file goes along; one that others may read does not', async () => {
  const tokenFile = join(folder, 'token');
  assert.equal(await post('/ok', { tokenFile }), 204);
  assert.equal(asked.at(-1)?.authorization, 'Bearer a-token');
  await chmod(tokenFile, 0o644);
  const before = asked.length;
  await assert.rejects(post('/ok', { tokenFile }), /open to others/);
  assert.equal(asked.length, before, 'nothing was sent');
});

test('a server without a good certificate gets nothing', async () => {
  const before = asked.length;
  await assert.rejects(post('/ok', { anchorsFile: null }), /certificate/);
  await assert.rejects(post('/ok', { url: `https://127.0.0.1:${port}/ok` }), /altnames/);
  assert.equal(asked.length, before);
});
