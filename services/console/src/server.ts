import { readFile } from 'node:fs/promises';
import fastifyCookie from '@fastify/cookie';
import fastifyFormbody from '@fastify/formbody';
import { IpcUnavailable } from '@sallyport/ipc';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { apiRoutes } from './api/index.ts';
import { serveApi } from './api/serve-api.ts';
import { type Assets, loadAssets } from './assets.ts';
import type { Desk } from './desk/desk.ts';
import { fileBody } from './file-body.ts';
import { html } from './html.ts';
import type { Exchange, Identity, ShowPage, SignIn } from './identity.ts';
import { pages } from './pages/index.ts';
import type { Page, PageAnswer } from './pages/page.ts';
import { frame } from './pages/shell.ts';
import { THEMES, type Theme } from './pages/theme.ts';
import { type NoticeKey, notices } from './texts/en/notices.ts';
import { en } from './texts/en.ts';

const MAX_BODY_BYTES = 1024 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;
const MAX_CONNECTIONS = 500;
const THEME_COOKIE = '__Host-theme';
const YEAR_S = 365 * 86_400;

/** No script or style but our own files, no frame, no other host. */
const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=()',
  'cache-control': 'no-store',
} as const;

export interface ServerPorts {
  readonly desk: Desk;
  readonly signIn: SignIn;
}

/** The console over HTTPS, not listening yet: pages, API, assets. */
export async function createServer({ desk, signIn }: ServerPorts): Promise<FastifyInstance> {
  const { options } = desk.ports;
  const app = fastify({
    https: {
      cert: await readFile(options.tls.certificateFile),
      key: await readFile(options.tls.keyFile),
      minVersion: 'TLSv1.2',
    },
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: REQUEST_TIMEOUT_MS * 2,
    routerOptions: { maxParamLength: 512 },
    forceCloseConnections: true,
    trustProxy: false,
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  const assets = await loadAssets();
  const { host, hostname } = new URL(options.publicUrl);
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS);
    // It would bind every other server on a developer's own host as well (RFC 6797 section 8.3).
    if (hostname !== 'localhost') {
      reply.header('strict-transport-security', `max-age=${YEAR_S}`);
    }
    // A name of a stranger's that leads here (DNS rebinding) is not ours.
    if (request.headers.host !== host) await reply.status(421).send('');
  });
  await app.register(fastifyCookie);
  await app.register(fastifyFormbody, { bodyLimit: MAX_BODY_BYTES });
  assets.register(app);
  const show = showPage(desk, assets);
  const site: Site = { desk, signIn, show };
  // Before any route: a route keeps the handler that there is when it is added.
  answerFaults(app, site);
  signIn.register(app, show);
  for (const page of pages) addPage(app, page, site);
  addTheme(app, site);
  await serveApi(app, { routes: apiRoutes, desk, signIn });
  return app;
}

interface Site {
  readonly desk: Desk;
  readonly signIn: SignIn;
  readonly show: ShowPage;
}

/** What is not there, what cannot be read, and what must not happen, each on a page. */
function answerFaults(app: FastifyInstance, { desk, signIn, show }: Site): void {
  app.setNotFoundHandler(async (request, reply) => {
    const identity = await signIn.identify(request);
    const { title, sentence } = en.shell.notFound;
    const body = html`<p>${sentence}</p>`;
    await show({ request, reply, identity, status: 404 }, { title, body });
  });
  app.setErrorHandler(async (error, request, reply) => {
    // Who is signed in keeps the way to other pages; not if that is what went wrong.
    const identity = await signIn.identify(request).catch(() => null);
    const exchange = { request, reply, identity };
    const status = statusOf(error);
    if (status !== 500) {
      const { title, sentence } = status === 503 ? en.shell.unavailable : en.shell.badInput;
      return await show({ ...exchange, status }, { title, body: html`<p>${sentence}</p>` });
    }
    desk.ports.logger.error('console.fault', { cause: error, request: request.id });
    const { title, sentence } = en.shell.fault;
    const body = html`<p>${sentence} <code>${request.id}</code></p>`;
    return await show({ ...exchange, status }, { title, body });
  });
}

/** A part that is away, a request that fastify cannot read, or a surprise. */
function statusOf(error: unknown): number {
  if (error instanceof IpcUnavailable) return 503;
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : null;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : 500;
}

/** The frame of this console around whatever page. */
function showPage(desk: Desk, assets: Assets): ShowPage {
  return async ({ request, reply, identity, status = 200 }, page) => {
    const url = new URL(request.url, 'https://console.invalid');
    const document = frame({
      ...page,
      actor: identity?.actor ?? null,
      csrf: identity?.csrf ?? null,
      path: url.pathname,
      back: backOf(request.method, url),
      notice: noticeOf(url.searchParams.get('notice')),
      isIndexBehind: identity !== null && desk.ports.index.isBehind(),
      theme: themeOf(request.cookies[THEME_COOKIE]),
      gatewayName: desk.ports.options.gatewayName,
      asset: assets.addressOf,
      text: en,
    });
    return await reply.status(status).type('text/html; charset=utf-8').send(document.toString());
  };
}

/** The page again, with its search but without what it said once. */
function backOf(method: string, { pathname, searchParams }: URL): string {
  const search = new URLSearchParams(method === 'GET' ? searchParams : '');
  search.delete('notice');
  return search.size === 0 ? pathname : `${pathname}?${search}`;
}

function noticeOf(key: string | null): NoticeKey | null {
  return key !== null && Object.hasOwn(notices, key) ? (key as NoticeKey) : null;
}

function themeOf(text: string | undefined): Theme {
  return THEMES.find((theme) => theme === text) ?? 'auto';
}

function addPage(app: FastifyInstance, page: Page, site: Site): void {
  app.route({
    method: page.method,
    url: page.path,
    handler: async (request, reply) => {
      const identity = await site.signIn.identify(request);
      const { csrf } = identity ?? {};
      if (identity === null || csrf === null || csrf === undefined) {
        return await toSignIn(request, reply);
      }
      const exchange = { request, reply, identity };
      const { actor } = identity;
      if (page.permission !== 'signed-in' && !actor.permissions.has(page.permission)) {
        return await sendPlain(site, { ...exchange, status: 403 }, en.shell.forbidden);
      }
      if (page.method === 'POST' && site.signIn.isForged(request, identity)) {
        return await sendPlain(site, { ...exchange, status: 403 }, en.shell.forged);
      }
      if (page.freshFor !== undefined && !identity.isFresh) {
        const query = new URLSearchParams({ next: filled(page.freshFor, request.params) });
        return await reply.redirect(`/sign-in/again?${query}`, 303);
      }
      const answer = await page.answer({
        actor,
        csrf,
        params: (request.params ?? {}) as Readonly<Record<string, string>>,
        query: new URL(request.url, 'https://console.invalid').searchParams,
        form: formOf(request.body),
        desk: site.desk,
        now: site.desk.ports.clock.now(),
        text: en,
      });
      return await sendAnswer(site, exchange, answer);
    },
  });
}

/** A path as fastify writes it, with the parameters of a request. */
function filled(path: string, params: unknown): string {
  const values = new Map(Object.entries(params ?? {}));
  return path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(values.get(name))));
}

async function sendPlain(
  site: Site,
  exchange: Exchange,
  { title, sentence }: { readonly title: string; readonly sentence: string },
): Promise<FastifyReply> {
  return await site.show(exchange, { title, body: html`<p>${sentence}</p>` });
}

/** What people wanted to see is shown after they signed in; only an address of ours is kept. */
async function toSignIn(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const wanted = request.method === 'GET' && request.url !== '/' ? request.url : null;
  const query = wanted === null ? '' : `?${new URLSearchParams({ next: wanted })}`;
  return await reply.redirect(`/sign-in${query}`, 303);
}

function formOf(body: unknown): URLSearchParams {
  const form = new URLSearchParams();
  if (typeof body !== 'object' || body === null) return form;
  for (const [name, value] of Object.entries(body)) {
    for (const one of [value].flat()) if (typeof one === 'string') form.append(name, one);
  }
  return form;
}

async function sendAnswer(
  site: Site,
  exchange: Exchange & { readonly identity: Identity },
  answer: PageAnswer,
): Promise<FastifyReply> {
  const { reply } = exchange;
  switch (answer.kind) {
    case 'page':
      return await site.show({ ...exchange, status: answer.status ?? 200 }, answer);
    case 'not-found':
      return await sendPlain(site, { ...exchange, status: 404 }, en.shell.notFound);
    case 'redirect': {
      const [path = '/', query] = answer.to.split('?');
      const search = new URLSearchParams(query);
      if (answer.theme !== undefined) setTheme(reply, answer.theme);
      if (answer.notice !== undefined) search.set('notice', answer.notice);
      return await reply.redirect(search.size === 0 ? path : `${path}?${search}`, 303);
    }
    case 'file': {
      const name = answer.name.replace(/[^A-Za-z0-9._-]/g, '_');
      reply.header('content-disposition', `attachment; filename="${name}"`).type(answer.type);
      return await reply.send(fileBody(answer.bytes));
    }
  }
}

function setTheme(reply: FastifyReply, theme: Theme): void {
  reply.setCookie(THEME_COOKIE, theme, {
    path: '/',
    secure: true,
    httpOnly: true,
    sameSite: 'strict',
    maxAge: YEAR_S,
  });
}

function addTheme(app: FastifyInstance, site: Site): void {
  const page: Page = {
    method: 'POST',
    path: '/theme',
    permission: 'signed-in',
    answer: async ({ form }) => {
      const back = form.get('back') ?? '/';
      // An address of ours begins with one slash: two would be another host's.
      const to = /^\/(?![/\\])[\x21-\x7e]*$/.test(back) ? back : '/';
      const theme = themeOf(form.get('theme') ?? undefined);
      return { kind: 'redirect', to, theme, notice: 'theme-changed' };
    },
  };
  addPage(app, page, site);
}
