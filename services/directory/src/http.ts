import { createHash } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Logger } from '@sallyport/log';
import type { PublishedFiles } from './http-files.ts';
import { type Answer, searchCertificates, searchCrls, tell } from './http-search.ts';
import { type ClientLimiter, clientOf } from './limiter.ts';
import type { Published } from './published.ts';

const MAX_URL_CHARACTERS = 2_048;
const MAX_PARAMETERS = 16;

/** What node:http keeps to before we see a request. */
export const HTTP_LIMITS = {
  maxHeaderSize: 8 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 2_000,
} as const;

export interface HttpPorts {
  readonly published: Published;
  readonly files: PublishedFiles;
  readonly limiter: ClientLimiter;
  readonly overTls: boolean;
  readonly logger: Logger;
}

/**
 * Answers GET and HEAD for certificates and CRLs (RFC 4387) and, over TLS, for the domain's signed
 * statement; everything else is refused. In clear certificates and CRLs are as good as over TLS:
 * they carry their proof in themselves.
 */
export function createHttpListener(ports: HttpPorts): RequestListener {
  return (request, response) => {
    answer(request, ports)
      .catch((cause: unknown) => {
        ports.logger.error('request.failed', { cause });
        return tell(503, 'try again later');
      })
      .then((found) => send(found, request, response))
      .catch((cause: unknown) => {
        ports.logger.error('response.failed', { cause });
        response.destroy();
      });
  };
}

async function answer(request: IncomingMessage, ports: HttpPorts): Promise<Answer> {
  const client = clientOf(request.socket.remoteAddress ?? 'unknown');
  if (!ports.limiter.maySearch(client))
    return tell(429, 'too many requests, try again in a minute');
  if (request.method !== 'GET' && request.method !== 'HEAD') return tell(405, 'only GET and HEAD');
  const length = request.headers['content-length'] ?? '0';
  if (length !== '0' || request.headers['transfer-encoding'] !== undefined) {
    return tell(400, 'a request has no content here');
  }
  const target = request.url ?? '';
  if (target.length > MAX_URL_CHARACTERS) return tell(414, 'too long');
  // RFC 9112 section 3.2.2: the absolute form is accepted too.
  const [path, query] = splitOnce(target.replace(/^https?:\/\/[^/?]*/i, ''), '?');
  const parameters = new URLSearchParams(query);
  if (parameters.size > MAX_PARAMETERS) return tell(400, 'too many parameters');
  return await route(path, { parameters, host: request.headers.host ?? '', ports });
}

async function route(
  path: string,
  asked: {
    readonly parameters: URLSearchParams;
    readonly host: string;
    readonly ports: HttpPorts;
  },
): Promise<Answer> {
  const { parameters, ports } = asked;
  // RFC 4387 section 3.3: the two stores by their well-known host, or by path on one host.
  const isCrlHost = /^crls\./i.test(asked.host);
  switch (path) {
    case '/search.cgi':
      return isCrlHost
        ? searchCrls(parameters, await ports.files.crl())
        : await searchCertificates(parameters, ports.published);
    case '/certificates/search.cgi':
      return await searchCertificates(parameters, ports.published);
    case '/crls/search.cgi':
      return searchCrls(parameters, await ports.files.crl());
    case '/crl/ca.crl': {
      const crl = await ports.files.crl();
      return crl === null ? notFound() : crlAnswer(crl.der);
    }
    case '/.well-known/domsec-statement': {
      // What is said of TLS and policy counts only from a host that TLS has named.
      const body = ports.overTls ? await ports.files.statement(parameters.get('domain')) : null;
      if (body === null) return notFound();
      return { status: 200, type: 'application/jose', body, cache: 'max-age=300' };
    }
    default:
      return notFound();
  }
}

function notFound(): Answer {
  return tell(404, 'nothing here');
}

function crlAnswer(body: Buffer): Answer {
  return { status: 200, type: 'application/pkix-crl', body, cache: 'max-age=60' };
}

function splitOnce(text: string, at: string): readonly [string, string] {
  const index = text.indexOf(at);
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)];
}

/** Header and content go in one write (RFC 4387 section 2.5.5). */
function send(found: Answer, request: IncomingMessage, response: ServerResponse): void {
  const { status, type, body, cache } = found;
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Cache-Control', cache);
  if (status === 405) response.setHeader('Allow', 'GET, HEAD');
  if (status === 429) response.setHeader('Retry-After', '60');
  // What is left unread of a request that we refuse must not be taken for the next one.
  if (status >= 400 && status !== 404) response.setHeader('Connection', 'close');
  if (status === 200) {
    const tag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
    response.setHeader('ETag', tag);
    if (isNoneMatch(request.headers['if-none-match'], tag)) {
      response.writeHead(304).end();
      return;
    }
  }
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': body.length });
  if (request.method === 'HEAD') response.end();
  else response.end(body);
}

/** RFC 9110 section 13.1.2. */
function isNoneMatch(field: string | undefined, tag: string): boolean {
  if (field === undefined) return false;
  const tags = field.split(',').map((one) => one.trim().replace(/^W\//, ''));
  return tags.includes(tag) || field.trim() === '*';
}
