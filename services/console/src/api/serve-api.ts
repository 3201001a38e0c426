import fastifySwagger from '@fastify/swagger';
import type { Permission } from '@sallyport/accounts';
import { IpcUnavailable } from '@sallyport/ipc';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../actor.ts';
import type { Desk } from '../desk/desk.ts';
import { fileBody } from '../file-body.ts';
import type { Identity, SignIn } from '../identity.ts';
import { IdempotencyKeys, type SentAnswer } from './idempotency.ts';
import { PROBLEM_PATH, PROBLEM_TYPE, PROBLEMS, type Problem, problemBody } from './problem.ts';
import type { ApiAnswer, ApiRoute } from './route.ts';

export const API_ROOT = '/api/v1';

export interface ApiPorts {
  readonly routes: readonly ApiRoute[];
  readonly desk: Desk;
  readonly signIn: SignIn;
}

/** Serves every route below /api/v1, and the OpenAPI document that is made of the same schemas. */
export async function serveApi(app: FastifyInstance, ports: ApiPorts): Promise<void> {
  await app.register(
    async (api) => {
      await api.register(fastifySwagger, {
        openapi: {
          openapi: '3.1.0',
          info: { title: 'Sallyport', version: '1' },
          servers: [{ url: API_ROOT }],
          components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
          security: [{ token: [] }],
        },
        stripBasePath: true,
      });
      // Parsed by the schemas themselves, in `route`: what fastify gets is for the document.
      api.setValidatorCompiler(() => () => true);
      api.setSerializerCompiler(() => (value) => JSON.stringify(value));
      // A form of a stranger's page can send these and cannot send JSON.
      api.removeContentTypeParser(['application/x-www-form-urlencoded', 'text/plain']);
      const keys = new IdempotencyKeys();
      for (const one of ports.routes) addRoute(api, one, { ...ports, keys });
      api.get('/openapi.json', { schema: { hide: true } }, async () => api.swagger());
      api.get<{ Params: { id: string } }>(
        '/problems/:id',
        { schema: { hide: true } },
        async (request, reply) => {
          const { id } = request.params;
          const found = Object.entries(PROBLEMS).find(([name]) => name === id);
          if (found === undefined) return await sendProblem(reply, { id: 'not-found' });
          return { type: `${PROBLEM_PATH}/${id}`, ...found[1] };
        },
      );
      api.setNotFoundHandler(async (_, reply) => await sendProblem(reply, { id: 'not-found' }));
      api.setErrorHandler(async (error, request, reply) => {
        await sendProblem(reply, problemOf(error, request.id, ports.desk));
      });
    },
    { prefix: API_ROOT },
  );
}

interface RoutePorts extends ApiPorts {
  readonly keys: IdempotencyKeys;
}

function addRoute(api: FastifyInstance, one: ApiRoute, ports: RoutePorts): void {
  api.route({
    method: one.method,
    url: one.path,
    schema: documentOf(one),
    handler: async (request, reply) => {
      const identity = await ports.signIn.identify(request);
      const problem = checkIdentity(one, identity, request, ports.signIn);
      if (problem !== null || identity === null) {
        return await sendProblem(reply, problem ?? { id: 'not-signed-in' });
      }
      return await answerOnce(one, { actor: identity.actor, request, reply, ports });
    },
  });
}

/** What asks a person, as the pages do, to have signed in a short while ago. */
const ASKS_FRESH: readonly Permission[] = ['account.change', 'policy.approve', 'policy.activate'];

function checkIdentity(
  one: ApiRoute,
  identity: Identity | null,
  request: FastifyRequest,
  signIn: SignIn,
): Problem | null {
  if (identity === null) return { id: 'not-signed-in' };
  if (!identity.actor.permissions.has(one.permission)) {
    return { id: 'not-allowed', detail: `This needs the permission ${one.permission}.` };
  }
  if (one.method !== 'GET' && ASKS_FRESH.includes(one.permission) && !identity.isFresh) {
    return { id: 'not-allowed', detail: 'Sign in again: this was too long ago.' };
  }
  return one.method !== 'GET' && signIn.isForged(request, identity) ? { id: 'forged' } : null;
}

interface Asked {
  readonly actor: Actor;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly ports: RoutePorts;
}

/** A change that comes a second time under the same Idempotency-Key is answered, and not done again. */
async function answerOnce(one: ApiRoute, asked: Asked): Promise<unknown> {
  const { actor, request, reply, ports } = asked;
  const key = request.headers['idempotency-key'];
  if (one.method === 'GET' || typeof key !== 'string') return await answer(one, asked);
  const { method, url, body } = request;
  const begun = ports.keys.begin({
    key,
    owner: actor.accountId,
    request: JSON.stringify([method, url, body ?? null, request.headers['if-match'] ?? null]),
    now: ports.desk.ports.clock.now(),
  });
  if (begun.kind === 'problem') return await sendProblem(reply, { id: begun.id });
  if (begun.kind === 'again') return await sendAgain(reply, begun.answer);
  try {
    // Kept as soon as it is done, whoever still waits for it: the key is there for answers that get lost.
    const value = await answer(one, asked);
    const isKept = typeof value === 'string' && reply.statusCode < 500; // not what failed for want of a part
    if (isKept) {
      begun.finish({ status: reply.statusCode, headers: headersOf(reply), body: value });
    } else if (reply.raw.closed) begun.finish(null);
    else reply.raw.once('close', () => begun.finish(null));
    return value;
  } catch (error) {
    begun.finish(null);
    throw error;
  }
}

function headersOf(reply: FastifyReply): Record<string, string> {
  return Object.fromEntries(
    ['content-type', 'location', 'etag'].flatMap((name) => {
      const value = reply.getHeader(name);
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
}

async function sendAgain(reply: FastifyReply, { status, headers, body }: SentAnswer) {
  return await reply.status(status).headers(headers).send(body);
}

async function answer(one: ApiRoute, { actor, request, reply, ports }: Asked): Promise<unknown> {
  const { params, query, body } = request;
  const { desk } = ports;
  const now = desk.ports.clock.now();
  const prepared = one.prepare({ actor, params, query, body, desk, now });
  if (prepared.kind === 'problem') return await problemText(reply, prepared.problem);
  let seen: string | null = null;
  if (one.hasEtag) {
    const etag = await prepared.etag();
    seen = etag;
    const ended = etag === null ? { id: 'not-found' as const } : checkCondition(request, etag);
    if (ended !== null) return await problemText(reply, ended);
    if (one.method === 'GET') reply.header('etag', etag);
    if (isUnchanged(request, etag)) return await reply.status(304).send();
  }
  return await sendAnswer(reply, await prepared.handle(seen));
}

/** A change says which state it is meant for, so that nobody undoes what they have not seen. */
function checkCondition({ method, headers }: FastifyRequest, etag: string): Problem | null {
  if (method === 'GET') return null;
  const condition = headers['if-match'];
  if (condition === undefined) return { id: 'precondition-required' };
  return namesTag(condition, etag) ? null : { id: 'precondition-failed' };
}

function isUnchanged({ method, headers }: FastifyRequest, etag: string | null): boolean {
  const condition = headers['if-none-match'];
  return method === 'GET' && condition !== undefined && etag !== null && namesTag(condition, etag);
}

/** RFC 9110 section 13.1.1: `*` is any; a list names several. */
function namesTag(header: string | string[], etag: string): boolean {
  const tags = [header].flat().join(',').split(',');
  return tags.some((tag) => tag.trim() === etag || tag.trim() === '*');
}

async function sendAnswer(reply: FastifyReply, given: ApiAnswer<unknown>): Promise<unknown> {
  if (given.kind === 'problem') return await problemText(reply, given.problem);
  if (given.kind === 'file') {
    const name = given.name.replace(/[^A-Za-z0-9._-]/g, '_');
    reply.header('content-disposition', `attachment; filename="${name}"`).type(given.type);
    return fileBody(given.bytes);
  }
  if (given.kind === 'created')
    reply.status(201).header('location', `${API_ROOT}${given.location}`);
  const cursor = nextCursor(given.value);
  if (cursor !== null) {
    const next = new URL(reply.request.url, 'https://console.invalid');
    next.searchParams.set(cursor.name, cursor.value);
    reply.header('link', `<${next.pathname}${next.search}>; rel="next"`);
  }
  reply.type('application/json; charset=utf-8');
  return JSON.stringify(given.value);
}

/** Of a page of a list: `after` where the oldest stands first. */
function nextCursor(value: unknown): { readonly name: string; readonly value: string } | null {
  if (typeof value !== 'object' || value === null || !('items' in value)) return null;
  if ('before' in value && typeof value.before === 'number') {
    return { name: 'before', value: String(value.before) };
  }
  if ('after' in value && typeof value.after === 'string') {
    return { name: 'after', value: value.after };
  }
  return null;
}

async function problemText(reply: FastifyReply, problem: Problem): Promise<string> {
  reply.status(PROBLEMS[problem.id].status).type(PROBLEM_TYPE);
  if (problem.id === 'not-signed-in') reply.header('www-authenticate', 'Bearer');
  return JSON.stringify(problemBody(problem, reply.request.url));
}

async function sendProblem(reply: FastifyReply, problem: Problem): Promise<FastifyReply> {
  return await reply.send(await problemText(reply, problem));
}

/** What a surprise is to the outside: fastify's own refusals by their status, all else `internal`. */
function problemOf(error: unknown, request: string, { ports }: Desk): Problem {
  if (error instanceof IpcUnavailable) return { id: 'part-unavailable' };
  const status =
    error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
      ? error.statusCode
      : 500;
  if (status === 413) return { id: 'too-large' };
  if (status === 415) return { id: 'unsupported-type' };
  if (status === 429) return { id: 'too-many-requests' };
  if (status < 500) return { id: 'bad-request' };
  ports.logger.error('console.api-fault', { cause: error, request });
  return { id: 'internal', detail: `Number ${request} in the log of the console.` };
}

function schemaOf(schema: z.ZodType): object {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', target: 'draft-2020-12' });
}

const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  instance: z.string(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
});

function documentOf(one: ApiRoute): object {
  const { summary, permission, params, query, body, result } = one;
  const problem = {
    description: 'RFC 9457',
    content: { [PROBLEM_TYPE]: { schema: schemaOf(problemSchema) } },
  };
  return {
    summary,
    operationId: `${one.method.toLowerCase()} ${one.path}`,
    'x-permission': permission,
    ...(Object.keys(params.shape).length === 0 ? {} : { params: schemaOf(params) }),
    ...(Object.keys(query.shape).length === 0 ? {} : { querystring: schemaOf(query) }),
    ...(body === null ? {} : { body: schemaOf(body) }),
    response: {
      200: { description: summary, content: { 'application/json': { schema: schemaOf(result) } } },
      '4xx': problem,
      '5xx': problem,
    },
  };
}
