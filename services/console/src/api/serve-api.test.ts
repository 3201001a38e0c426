import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type FastifyInstance, fastify } from 'fastify';
import { z } from 'zod';
import type { Identity, SignIn } from '../identity.ts';
import { type TestConsole, testConsole } from '../testing.ts';
import { type ApiRoute, pageOf, pageQuery, route } from './route.ts';
import { API_ROOT, serveApi } from './serve-api.ts';

/** What the routes of this file read and change. */
const FIRST = { value: 'first', version: 1, done: 0, breaks: false, gate: Promise.resolve() };
const state = { ...FIRST };

const valueBody = z.strictObject({ value: z.string().min(1).max(10), odd: z.boolean().optional() });
const result = z.strictObject({ value: z.string() });

const routes: readonly ApiRoute[] = [
  route({
    method: 'GET',
    path: '/thing',
    permission: 'policy.propose',
    summary: 'The thing.',
    result,
    etag: async () => `"${state.version}"`,
    handle: async () => ({ kind: 'ok', value: { value: state.value } }),
  }),
  route({
    method: 'PUT',
    path: '/thing',
    permission: 'policy.propose',
    summary: 'Changes it.',
    body: valueBody,
    result,
    etag: async () => `"${state.version}"`,
    handle: async ({ body: { value } }) => {
      state.value = value;
      state.version += 1;
      return { kind: 'ok', value: { value } };
    },
  }),
  route({
    method: 'POST',
    path: '/things/:name',
    permission: 'policy.propose',
    summary: 'Makes one.',
    params: z.strictObject({ name: z.string() }),
    body: valueBody,
    result,
    handle: async ({ params: { name }, body: { value } }) => {
      if (state.breaks) throw new Error('a secret of the inside');
      state.done += 1;
      await state.gate;
      return { kind: 'created', value: { value }, location: `/things/${name}` };
    },
  }),
  route({
    method: 'GET',
    path: '/things',
    permission: 'policy.propose',
    summary: 'A list.',
    query: z.strictObject(pageQuery),
    result: pageOf(z.string()),
    handle: async ({ query: { limit, before = 10 } }) => {
      const items = Array.from({ length: Math.min(limit, before) }, (_, at) => `${before - at}`);
      return { kind: 'ok', value: { items, before: before > limit ? before - limit : null } };
    },
  }),
];

const signIn: SignIn = {
  identify: async ({ headers }): Promise<Identity | null> => {
    const name = headers['x-who'];
    if (typeof name !== 'string') return null;
    const permissions = new Set(name === 'poor' ? [] : (['policy.propose'] as const));
    const actor = { accountId: name, name, roles: [], permissions, via: 'session' as const };
    return { actor, csrf: 'c', isFresh: true };
  },
  isForged: ({ headers }) => headers['x-csrf'] !== 'c',
  register: () => {},
};

interface Call {
  readonly method?: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly url: string;
  readonly who?: string | null;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

describe('the API', () => {
  let world: TestConsole;
  let app: FastifyInstance;
  const connections = new Set<Socket>();
  before(async () => {
    world = await testConsole();
    app = fastify({ bodyLimit: 10_000 });
    await serveApi(app, { routes, desk: world.desk, signIn });
    app.server.on('connection', (socket) => connections.add(socket));
  });
  beforeEach(() => {
    Object.assign(state, FIRST);
  });
  after(async () => {
    await app.close();
    await world[Symbol.asyncDispose]();
  });

  const call = async ({ method = 'GET', url, who = 'ann', body, headers }: Call) =>
    await app.inject({
      method,
      url: `${API_ROOT}${url}`,
      headers: {
        ...(who === null ? {} : { 'x-who': who, 'x-csrf': 'c' }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
  type Answer = Awaited<ReturnType<typeof call>>;
  const assertProblem = (answer: Answer, status: number, id: string): void => {
    assert.equal(answer.statusCode, status, answer.payload);
    assert.match(String(answer.headers['content-type']), /^application\/problem\+json/);
    const body = answer.json<Record<string, unknown>>();
    assert.equal(body['type'], `/api/v1/problems/${id}`);
    assert.equal(body['status'], status);
    assert.equal(typeof body['title'], 'string');
  };

  test('nobody and somebody without the permission get a problem, and nothing is done', async () => {
    const change = { method: 'POST', url: '/things/a', body: { value: 'x' } } as const;
    const nobody = await call({ ...change, who: null });
    assertProblem(nobody, 401, 'not-signed-in');
    assert.equal(nobody.headers['www-authenticate'], 'Bearer');
    assertProblem(await call({ ...change, who: 'poor' }), 403, 'not-allowed');
    assertProblem(await call({ ...change, headers: { 'x-csrf': 'guessed' } }), 403, 'forged');
    assert.equal(state.done, 0);
  });

  test('the permission is asked for before anything of the request is read', async () => {
    const answer = await call({ method: 'POST', url: '/things/a', who: 'poor', body: { odd: 1 } });
    assertProblem(answer, 403, 'not-allowed');
  });

  test('RFC 9457: each field that cannot be used is named', async () => {
    const body = { value: '', odd: 'yes', more: 1 };
    const answer = await call({ method: 'POST', url: '/things/a', body });
    assertProblem(answer, 422, 'invalid-fields');
    const { errors } = answer.json<{ errors: { pointer: string }[] }>();
    assert.deepEqual(errors.map(({ pointer }) => pointer).sort(), ['/', '/odd', '/value']);
    const query = await call({ url: '/things?limit=0&colour=red' });
    assertProblem(query, 422, 'invalid-fields');
    assert.match(query.payload, /limit/);
    assert.equal(state.done, 0);
  });

  test('each kind of problem has a page under its own address', async () => {
    const { type } = (await call({ url: '/things?limit=0' })).json<{ type: string }>();
    const page = await app.inject({ url: type });
    assert.equal(page.statusCode, 200);
    assert.equal(page.json<{ type: string }>().type, type);
    for (const id of ['none', 'constructor', '__proto__']) {
      assert.equal((await call({ url: `/problems/${id}`, who: null })).statusCode, 404, id);
    }
  });

  test('what is not there, is too large, is no JSON or is a form is a problem as well', async () => {
    assertProblem(await call({ url: '/nothing' }), 404, 'not-found');
    const method = 'POST';
    const url = '/things/a';
    const large = await call({ method, url, body: { value: 'x'.repeat(20_000) } });
    assertProblem(large, 413, 'too-large');
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    assertProblem(await call({ method, url, body: 1, headers: form }), 415, 'unsupported-type');
    const plain = { 'content-type': 'text/plain' };
    assertProblem(await call({ method, url, body: 1, headers: plain }), 415, 'unsupported-type');
    const payload = '{"value":';
    const headers = { 'x-who': 'ann', 'x-csrf': 'c', 'content-type': 'application/json' };
    const broken = await app.inject({ method, url: `${API_ROOT}${url}`, headers, payload });
    assertProblem(broken, 400, 'bad-request');
    assert.equal(state.done, 0);
  });

  test('a surprise is a number in the log, and no word of it in the answer', async () => {
    state.breaks = true;
    const answer = await call({ method: 'POST', url: '/things/a', body: { value: 'x' } });
    assertProblem(answer, 500, 'internal');
    assert.doesNotMatch(answer.payload, /secret/);
  });

  test('RFC 9110 13.1.1: a change names the state that it is meant for', async () => {
    const change = { method: 'PUT', url: '/thing', body: { value: 'second' } } as const;
    assertProblem(await call(change), 428, 'precondition-required');
    const stale = await call({ ...change, headers: { 'if-match': '"0", "7"' } });
    assertProblem(stale, 412, 'precondition-failed');
    assert.equal(state.value, 'first');
    const { etag } = (await call({ url: '/thing' })).headers;
    assert.equal(etag, '"1"');
    const done = await call({ ...change, headers: { 'if-match': `"0", ${etag}` } });
    assert.equal(done.statusCode, 200);
    assert.equal(state.value, 'second');
    const late = await call({ ...change, headers: { 'if-match': String(etag) } });
    assertProblem(late, 412, 'precondition-failed');
    assert.equal((await call({ ...change, headers: { 'if-match': '*' } })).statusCode, 200);
  });

  test('RFC 9110 13.1.2: what was read already is not sent again', async () => {
    const headers = { 'if-none-match': '"1"' };
    const same = await call({ url: '/thing', headers });
    assert.equal(same.statusCode, 304);
    assert.equal(same.payload, '');
    assert.equal(same.headers['etag'], '"1"');
    state.version = 2;
    assert.equal((await call({ url: '/thing', headers })).statusCode, 200);
  });

  test('a change that comes a second time under its key is answered, and not done again', async () => {
    const headers = { 'idempotency-key': 'one' };
    const change = { method: 'POST', url: '/things/a', body: { value: 'x' }, headers } as const;
    const first = await call(change);
    assert.equal(first.statusCode, 201);
    assert.equal(first.headers.location, '/api/v1/things/a');
    const second = await call(change);
    assert.deepEqual(
      [second.statusCode, second.payload, second.headers.location],
      [first.statusCode, first.payload, first.headers.location],
    );
    assert.equal(state.done, 1);
    const other = await call({ ...change, body: { value: 'y' } });
    assertProblem(other, 422, 'key-reused');
    assertProblem(await call({ ...change, url: '/things/b' }), 422, 'key-reused');
    assert.equal(state.done, 1);
  });

  test('a key belongs to the account that sent it', async () => {
    const headers = { 'idempotency-key': 'shared' };
    const change = { method: 'POST', url: '/things/a', body: { value: 'x' }, headers } as const;
    await call(change);
    await call({ ...change, who: 'ben' });
    assert.equal(state.done, 2);
  });

  test('what failed in between is done when it comes again', async () => {
    const headers = { 'idempotency-key': 'again' };
    const change = { method: 'POST', url: '/things/a', body: { value: 'x' }, headers } as const;
    state.breaks = true;
    assert.equal((await call(change)).statusCode, 500);
    state.breaks = false;
    assert.equal((await call(change)).statusCode, 201);
    assert.equal(state.done, 1);
  });

  test('the same change is not begun a second time while the first is at work', async () => {
    const headers = { 'idempotency-key': 'both' };
    const change = { method: 'POST', url: '/things/a', body: { value: 'x' }, headers } as const;
    const { promise, resolve } = Promise.withResolvers<void>();
    state.gate = promise;
    const first = call(change);
    while (state.done === 0) await new Promise(setImmediate);
    assertProblem(await call(change), 409, 'key-in-use');
    resolve();
    assert.equal((await first).statusCode, 201);
    assert.equal((await call(change)).statusCode, 201);
    assert.equal(state.done, 1);
  });

  test('what was done for a client that is gone is not done again under its key', async () => {
    const headers = { 'idempotency-key': 'gone' };
    const { promise, resolve } = Promise.withResolvers<void>();
    state.gate = promise;
    const address = await app.listen({ port: 0, host: '127.0.0.1' });
    const leaving = new AbortController();
    const sent = fetch(`${address}${API_ROOT}/things/a`, {
      method: 'POST',
      headers: { ...headers, 'x-who': 'ann', 'x-csrf': 'c', 'content-type': 'application/json' },
      body: JSON.stringify({ value: 'x' }),
      signal: leaving.signal,
    });
    while (state.done === 0) await new Promise(setImmediate);
    const closed = Promise.withResolvers<void>();
    for (const socket of connections) socket.once('close', () => closed.resolve());
    leaving.abort();
    await assert.rejects(sent);
    await closed.promise;
    resolve();
    const change = { method: 'POST', url: '/things/a', body: { value: 'x' }, headers } as const;
    assert.equal((await call(change)).statusCode, 201);
    assert.equal(state.done, 1);
  });

  test('a key that is no visible ASCII, or too long, is refused', async () => {
    for (const key of ['', 'a b', 'x'.repeat(129)]) {
      const headers = { 'idempotency-key': key };
      const answer = await call({
        method: 'POST',
        url: '/things/a',
        body: { value: 'x' },
        headers,
      });
      assertProblem(answer, 400, 'bad-request');
    }
    assert.equal(state.done, 0);
  });

  test('a list is read page by page along the links, to its end', async () => {
    const items: string[] = [];
    let url: string | null = '/things?limit=4';
    while (url !== null) {
      const answer: Answer = await call({ url });
      items.push(...answer.json<{ items: string[] }>().items);
      const next = /^<\/api\/v1([^>]+)>; rel="next"$/.exec(String(answer.headers['link'] ?? ''));
      url = next?.[1] ?? null;
      assert.ok(items.length <= 10);
    }
    assert.deepEqual(items, ['10', '9', '8', '7', '6', '5', '4', '3', '2', '1']);
  });

  test('the OpenAPI document has every route, with its permission and its schemas', async () => {
    const document = (await call({ url: '/openapi.json' })).json<{
      openapi: string;
      paths: Record<string, Record<string, { 'x-permission': string; parameters?: object[] }>>;
    }>();
    assert.equal(document.openapi, '3.1.0');
    for (const one of routes) {
      const path = document.paths[one.path.replace(/:(\w+)/g, '{$1}')];
      assert.equal(path?.[one.method.toLowerCase()]?.['x-permission'], one.permission, one.path);
    }
    assert.match(JSON.stringify(document), /"maxLength":10/);
  });
});
