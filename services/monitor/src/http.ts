import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '@sallyport/log';
import { EXPOSITION_TYPE } from './exposition.ts';

const MAX_HEADER_BYTES = 8 * 1024;
const MAX_CONNECTIONS = 32;
const MAX_REQUESTS_PER_SOCKET = 1_000;
const REQUEST_MS = 3_000;
/** How often it is looked whose time is over; Node's own is half a minute. */
const CHECK_MS = 500;
const IDLE_MS = 15_000;

/** What is answered. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** The answers of the three paths. Each is asked for anew. */
export interface Answers {
  readonly healthz: () => Promise<Answer>;
  readonly readyz: () => Promise<Answer>;
  readonly metrics: () => Promise<Answer>;
}

/** An answer of JSON. */
export function jsonAnswer(status: number, value: unknown): Answer {
  return { status, type: 'application/json', body: `${JSON.stringify(value)}\n` };
}

/** An answer of metrics. */
export function metricsAnswer(body: string): Answer {
  return { status: 200, type: EXPOSITION_TYPE, body };
}

/** Serves GET and HEAD of /healthz, /readyz and /metrics. @throws if a port cannot be taken. */
export async function listenHttp(
  listen: readonly { readonly host: string; readonly port: number }[],
  answers: Answers,
  logger: Logger,
): Promise<{ readonly ports: readonly number[]; close(): Promise<void> }> {
  const servers: Server[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(servers.map(closeServer));
  };
  try {
    for (const { host, port } of listen) {
      const server = createServer(
        {
          maxHeaderSize: MAX_HEADER_BYTES,
          requestTimeout: REQUEST_MS,
          headersTimeout: REQUEST_MS,
          connectionsCheckingInterval: CHECK_MS,
        },
        (request, response) => void answerTo(request, response, { answers, logger }),
      );
      server.maxConnections = MAX_CONNECTIONS;
      server.maxRequestsPerSocket = MAX_REQUESTS_PER_SOCKET;
      server.keepAliveTimeout = IDLE_MS;
      server.setTimeout(IDLE_MS);
      server.listen(port, host);
      await once(server, 'listening');
      servers.push(server);
    }
  } catch (cause) {
    await close();
    throw cause;
  }
  return { ports: servers.map((server) => (server.address() as AddressInfo).port), close };
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

async function answerTo(
  request: IncomingMessage,
  response: ServerResponse,
  of: { readonly answers: Answers; readonly logger: Logger },
): Promise<void> {
  try {
    const answer = await answerOf(request, of.answers);
    response.writeHead(answer.status, {
      'content-type': answer.type,
      'content-length': Buffer.byteLength(answer.body),
      'cache-control': 'no-store',
      ...(answer.status === 405 ? { allow: 'GET, HEAD' } : {}),
      // A body that nobody reads is not waited for.
      ...(hasBody(request) ? { connection: 'close' } : {}),
    });
    response.end(request.method === 'HEAD' ? undefined : answer.body);
  } catch (cause) {
    of.logger.error('http.failed', { cause });
    response.destroy();
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

async function answerOf(request: IncomingMessage, answers: Answers): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return jsonAnswer(405, { error: 'only GET and HEAD' });
  }
  switch (request.url?.split('?', 1)[0]) {
    case '/healthz':
      return await answers.healthz();
    case '/readyz':
      return await answers.readyz();
    case '/metrics':
      return await answers.metrics();
    default:
      return jsonAnswer(404, { error: 'there are /healthz, /readyz and /metrics' });
  }
}
