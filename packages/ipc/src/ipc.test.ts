import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createLogger } from '@sallyport/log';
import { z } from 'zod';
import {
  connectSocket,
  defineProtocol,
  type Handlers,
  IpcRefused,
  IpcUnavailable,
  serveSocket,
} from './index.ts';

const protocol = defineProtocol({
  double: { params: z.strictObject({ n: z.number() }), result: z.strictObject({ n: z.number() }) },
  slow: { params: z.strictObject({}), result: z.strictObject({}) },
  refuse: { params: z.strictObject({}), result: z.strictObject({}) },
  explode: { params: z.strictObject({}), result: z.strictObject({}) },
  echo: { params: z.strictObject({ text: z.string() }), result: z.strictObject({ n: z.int() }) },
  huge: { params: z.strictObject({}), result: z.strictObject({ text: z.string() }) },
});

let folder = '';
let count = 0;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ipc-'));
});
after(() => rm(folder, { recursive: true }));

function setup(options: { maxInFlight?: number } = {}) {
  count += 1;
  const path = join(folder, `${count}.sock`);
  const lines: string[] = [];
  const logger = createLogger({
    service: 'test',
    now: () => new Date(0),
    write: (line) => lines.push(line),
  });
  const open: Array<() => void> = [];
  const state = { slowRunning: 0, slowMost: 0, closedSeen: 0 };
  const handlers: Handlers<typeof protocol> = {
    double: ({ n }) => ({ n: n * 2 }),
    slow: async (_params, context) => {
      state.slowRunning += 1;
      state.slowMost = Math.max(state.slowMost, state.slowRunning);
      context.closed.addEventListener('abort', () => {
        state.closedSeen += 1;
      });
      await new Promise<void>((resolve) => open.push(resolve));
      state.slowRunning -= 1;
      return {};
    },
    refuse: () => {
      throw new IpcRefused('own-key-unavailable', 'no such key');
    },
    explode: () => {
      throw new Error('secret detail');
    },
    echo: ({ text }) => ({ n: text.length }),
    huge: () => ({ text: 'x'.repeat(2 * 1024 * 1024) }),
  };
  return {
    path,
    lines,
    open,
    state,
    serve: () => serveSocket({ path, protocol, handlers, logger, ...options }),
    client: connectSocket({ path, protocol, deadlineMs: 5_000 }),
  };
}

function rawFrame(body: string): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(Buffer.byteLength(body));
  return Buffer.concat([header, Buffer.from(body)]);
}

async function rawAnswer(socket: Socket): Promise<unknown> {
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return JSON.parse(chunk.subarray(4).toString());
}

const unavailable = (kind: string) => (error: unknown) =>
  error instanceof IpcUnavailable && error.kind === kind;
const refused = (fault: string | null, message: RegExp) => (error: unknown) =>
  error instanceof IpcRefused && error.fault === fault && message.test(error.message);

test('a call with nobody listening fails as unavailable, and works once someone listens', async () => {
  const { client, serve } = setup();
  await assert.rejects(client.call('double', { n: 1 }), unavailable('connect'));
  const server = await serve();
  assert.deepEqual(await client.call('double', { n: 4 }), { n: 8 });
  client.close();
  await server.close();
});

test('unknown methods and wrong parameters are refused, and the connection goes on', async () => {
  const { path, serve } = setup();
  const server = await serve();
  const socket = connect(path);
  socket.write(rawFrame(JSON.stringify({ id: 1, method: '__proto__', params: {} })));
  assert.deepEqual(await rawAnswer(socket), {
    id: 1,
    error: { fault: null, message: 'unknown-method' },
  });
  socket.write(rawFrame(JSON.stringify({ id: 2, method: 'double', params: { n: 1, more: 1 } })));
  assert.match(JSON.stringify(await rawAnswer(socket)), /invalid-params/);
  socket.write(rawFrame(JSON.stringify({ id: 3, method: 'double', params: { n: 2 } })));
  assert.deepEqual(await rawAnswer(socket), { id: 3, result: { n: 4 } });
  socket.destroy();
  await server.close();
});

test('a frame over the limit or one that is no request ends the connection', async () => {
  const { path, serve, lines } = setup();
  const server = await serve();
  for (const bytes of [Buffer.from('ffffffff00', 'hex'), rawFrame('{"id":'), rawFrame('[]')]) {
    const socket = connect(path);
    socket.on('error', () => {});
    socket.write(bytes);
    await once(socket, 'close');
  }
  assert.equal(lines.length, 3);
  await server.close();
});

test('a refusal keeps its fault; a surprise is internal and tells nothing', async () => {
  const { client, serve, lines } = setup();
  const server = await serve();
  await assert.rejects(client.call('refuse', {}), refused('own-key-unavailable', /no such key/));
  await assert.rejects(client.call('explode', {}), refused('internal', /^internal$/));
  await assert.rejects(client.call('huge', {}), refused('internal', /^internal$/));
  assert.match(lines.join(''), /secret detail/);
  await assert.rejects(client.call('echo', { text: 'x'.repeat(2 * 1024 * 1024) }), RangeError);
  client.close();
  await server.close();
});

test('a deadline, an abort and a full queue each fail the call alone', async () => {
  const { path, client, serve, open } = setup();
  const server = await serve();
  await assert.rejects(client.call('slow', {}, { deadlineMs: 20 }), unavailable('deadline'));
  const controller = new AbortController();
  const aborted = client.call('slow', {}, { signal: controller.signal });
  controller.abort();
  await assert.rejects(aborted, unavailable('aborted'));
  const narrow = connectSocket({ path, protocol, deadlineMs: 5_000, maxInFlight: 1 });
  const first = narrow.call('double', { n: 1 });
  await assert.rejects(narrow.call('double', { n: 1 }), unavailable('busy'));
  assert.deepEqual(await first, { n: 2 });
  assert.deepEqual(await client.call('double', { n: 2 }), { n: 4 });
  for (const release of open) release();
  narrow.close();
  client.close();
  await server.close();
});

test('calls in flight fail when the server goes; the next call connects again', async () => {
  const { path, client } = setup();
  const silent = createServer((socket) => {
    socket.once('data', () => socket.destroy());
  });
  await new Promise<void>((resolve) => silent.listen(path, resolve));
  const [a, b] = await Promise.allSettled([
    client.call('double', { n: 1 }),
    client.call('double', { n: 2 }),
  ]);
  assert.ok(a.status === 'rejected' && unavailable('lost')(a.reason));
  assert.ok(b.status === 'rejected' && unavailable('lost')(b.reason));
  await new Promise((resolve) => silent.close(resolve));
  await assert.rejects(client.call('double', { n: 1 }), unavailable('connect'));
});

test('a client that leaves is seen by the handler', async () => {
  const { client, serve, open, state } = setup();
  const server = await serve();
  const call = client.call('slow', {});
  await client.call('double', { n: 1 });
  client.close();
  await assert.rejects(call, unavailable('closed'));
  while (state.closedSeen === 0) await new Promise((resolve) => setImmediate(resolve));
  for (const release of open) release();
  await server.close();
});

test('calls over the bound of one connection wait their turn and none is lost', async () => {
  const { client, serve, open, state } = setup({ maxInFlight: 3 });
  const server = await serve();
  const calls = Promise.all(Array.from({ length: 20 }, () => client.call('slow', {})));
  let released = 0;
  while (released < 20) {
    await new Promise((resolve) => setImmediate(resolve));
    released += open.length;
    for (const release of open.splice(0)) release();
  }
  await calls;
  assert.equal(state.slowMost, 3);
  client.close();
  await server.close();
});

test('close lets calls in flight end and removes the socket file', async () => {
  const { path, client, serve, open } = setup();
  const server = await serve();
  const call = client.call('slow', {});
  await client.call('double', { n: 1 });
  const closing = server.close();
  for (const release of open) release();
  assert.deepEqual(await call, {});
  await closing;
  assert.equal(existsSync(path), false);
  client.close();
});

test('the socket file is for its owner alone; a stale one is replaced, another file is not', async () => {
  const { path, serve } = setup();
  const server = await serve();
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await assert.rejects(serve(), /another server answers/);
  await server.close();
  await writeFile(path, 'mine');
  await assert.rejects(serve(), /is no socket/);
});

test('20,000 pipelined calls are answered at far over 3,000 a second', async () => {
  const { client, serve } = setup();
  const server = await serve();
  const calls = 20_000;
  const start = performance.now();
  let next = 0;
  const caller = async () => {
    while (next < calls) {
      const n = next;
      next += 1;
      const answer = await client.call('double', { n });
      assert.equal(answer.n, n * 2);
    }
  };
  await Promise.all(Array.from({ length: 50 }, caller));
  const ms = performance.now() - start;
  console.log(
    `${Math.round((calls / ms) * 1_000)} calls a second, client and server in one process`,
  );
  assert.ok(ms < 6_000, `${ms} ms`);
  client.close();
  await server.close();
});
