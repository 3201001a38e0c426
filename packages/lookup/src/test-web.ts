/** Web servers on loopback for the tests: honest ones, and ones that write what they like. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  createServer as createHttp,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer, type Socket } from 'node:net';
import type { Clock } from '@sallyport/mail';
import type { DnsAnswer, RecordData, RecordType, Resolver } from './dns/records.ts';
import { LookupMemory } from './memory.ts';

function portOf(server: Pick<Server, 'address'>): number {
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

export class TestClock implements Clock {
  time: number;

  constructor(time = Date.UTC(2026, 0, 1)) {
    this.time = time;
  }

  now(): Date {
    return new Date(this.time);
  }
}

export type ZoneAnswer = readonly unknown[] | 'servfail' | { readonly secure: readonly unknown[] };

/** A resolver with these answers; a function is asked each time anew. */
export interface TestZone {
  readonly [question: string]: ZoneAnswer | (() => ZoneAnswer);
}

function answerOf(name: string, found: ZoneAnswer | undefined): unknown {
  if (found === 'servfail') return { kind: 'failure', reason: 'servfail' };
  if (found === undefined) return { kind: 'none', reason: 'nxdomain', secure: false };
  const secure = 'secure' in found;
  const records = 'secure' in found ? found.secure : found;
  return { kind: 'answer', records, secure, ttl: 60, canonicalName: name };
}

/** What a fetch or a search needs, with every name of the zone on loopback. */
export function webPorts(zone: TestZone = {}, clock: Clock = new TestClock()) {
  const asked: string[] = [];
  const resolver: Resolver = {
    query: <Type extends RecordType>(name: string, type: Type) => {
      const question = `${type} ${name}`;
      asked.push(question);
      const entry = zone[question];
      const found = typeof entry === 'function' ? entry() : entry;
      return Promise.resolve(answerOf(name, found) as DnsAnswer<RecordData[Type]>);
    },
  };
  return {
    asked,
    resolver,
    clock,
    random: () => 0,
    memory: new LookupMemory(clock),
    allowPrivateAddresses: true,
  };
}

export interface RawServer extends AsyncDisposable {
  readonly port: number;
  /** Connections so far. */
  readonly connections: () => number;
}

/** Speaks no protocol: `answer` gets each connection once the client has said something. */
export async function startRaw(answer: (socket: Socket) => void, host = '127.0.0.1') {
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => open.delete(socket));
    socket.once('data', () => answer(socket));
  }).listen(0, host);
  await once(server, 'listening');
  const raw: RawServer = {
    port: portOf(server),
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return raw;
}

export interface WebAnswer {
  readonly status?: number;
  readonly type?: string;
  readonly body?: Buffer | string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What each path of the server yields; 404 for others. */
export type WebPages = (path: string, request: WebRequest) => WebAnswer | undefined;

export interface WebRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface WebServer extends AsyncDisposable {
  readonly port: number;
  /** Paths asked for, in order. */
  readonly asked: string[];
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

/** A real HTTP server; over TLS if a certificate and key are given, as PEM. */
export async function startWeb(
  pages: WebPages,
  tls: { readonly cert: string; readonly key: string } | null = null,
): Promise<WebServer> {
  const asked: string[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? '';
    asked.push(path);
    const { method = '', headers } = request;
    const page = pages(path, { method, headers, body: await bodyOf(request) });
    response.writeHead(page === undefined ? 404 : (page.status ?? 200), {
      'content-type': page?.type ?? 'application/octet-stream',
      ...page?.headers,
    });
    response.end(page?.body ?? '');
  };
  const listener: RequestListener = (request, response) => {
    serve(request, response).catch(() => response.destroy());
  };
  const server = (tls === null ? createHttp(listener) : createHttps(tls, listener)).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  return {
    port: portOf(server),
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
