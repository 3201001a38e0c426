import {
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { HttpTarget } from './target.ts';

const CONNECT_MS = 3_000;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_INFORMATIONAL = 4;

/** One request to one address. */
export interface HttpExchange {
  readonly target: HttpTarget;
  /** The address that was checked; nothing else is connected to. */
  readonly address: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
  readonly maxBytes: number;
  readonly anchors: readonly string[] | undefined;
  readonly signal: AbortSignal;
}

/** Which state of a resource an answer shows (RFC 9110 section 8.8), in the server's words. */
export interface HttpVersion {
  readonly etag: string | null;
  readonly lastModified: string | null;
}

export interface HttpResponse {
  readonly kind: 'response';
  readonly status: number;
  readonly contentType: string | null;
  /** Empty unless the status is 200. */
  readonly body: Buffer;
  readonly version: HttpVersion;
}

export type Exchanged =
  | HttpResponse
  /** No connection, or no TLS with the right name: another address may do better. */
  | { readonly kind: 'unreachable'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** Never rejects; ends with `signal` at the latest, and leaves no socket open. */
export function exchange(talk: HttpExchange): Promise<Exchanged> {
  return new Promise((resolve) => {
    let isConnected = false;
    const outgoing = open(talk);
    const stop = (): void => void outgoing.destroy(new Error('it took too long'));
    const timer = setTimeout(stop, CONNECT_MS);
    const end = (result: Exchanged): void => {
      clearTimeout(timer);
      talk.signal.removeEventListener('abort', stop);
      outgoing.destroy();
      resolve(result);
    };
    const fail = (error: unknown): void =>
      end({ kind: isConnected ? 'failed' : 'unreachable', reason: reasonOf(error) });
    talk.signal.addEventListener('abort', stop, { once: true });
    outgoing.once('socket', (socket) => {
      socket.once(talk.target.overTls ? 'secureConnect' : 'connect', () => {
        isConnected = true;
        clearTimeout(timer);
      });
    });
    refuseEndlessPreface(outgoing);
    let isAnswered = false;
    outgoing.once('response', (incoming) => {
      isAnswered = true;
      void receive(incoming, talk.maxBytes).then(end, fail);
    });
    outgoing.on('error', fail);
    // A hang-up does not always come as an error; once there is a response, its end is what counts.
    outgoing.once('close', () => {
      if (!isAnswered) fail(new Error('the connection was closed'));
    });
    if (talk.signal.aborted) stop();
    else outgoing.end(talk.body ?? undefined);
  });
}

function open({ target, address, method, headers, anchors }: HttpExchange): ClientRequest {
  const { url, host, port, overTls } = target;
  const options: RequestOptions = {
    host: address,
    port,
    method,
    path: `${url.pathname}${url.search}`,
    headers: { host: url.host, ...headers },
    agent: false, // a connection of its own: nothing is left over from others, nothing is kept
    maxHeaderSize: MAX_HEADER_BYTES,
    insecureHTTPParser: false,
  };
  if (!overTls) return httpRequest(options);
  return httpsRequest({
    ...options,
    minVersion: 'TLSv1.2',
    // RFC 6066 section 3: SNI names no address; the certificate is then checked for the address.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(anchors === undefined ? {} : { ca: [...anchors] }),
  });
}

/** RFC 9110 section 15.2 lets a server send any number of 1xx responses first. */
function refuseEndlessPreface(outgoing: ClientRequest): void {
  let seen = 0;
  outgoing.on('information', () => {
    seen += 1;
    if (seen > MAX_INFORMATIONAL) outgoing.destroy(new Error('too many 1xx responses'));
  });
}

/** Rejects when the response is too long, encoded or cut short. */
async function receive(incoming: IncomingMessage, maxBytes: number): Promise<Exchanged> {
  const status = incoming.statusCode ?? 0;
  const head = {
    kind: 'response',
    status,
    contentType: incoming.headers['content-type'] ?? null,
    version: versionOf(incoming),
  } as const;
  // What stands in an error page or beside a redirect helps nobody here.
  if (status !== 200) return { ...head, body: Buffer.alloc(0) };
  const encoding = incoming.headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    throw new Error('the body is compressed, though that was not asked for');
  }
  const tooLong = `the body is longer than ${maxBytes} bytes`;
  if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) throw new Error(tooLong);
  const chunks: Buffer[] = [];
  let size = 0;
  incoming.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > maxBytes) incoming.destroy(new Error(tooLong));
    else chunks.push(chunk);
  });
  await ended(incoming);
  if (!incoming.complete) throw new Error('the body was cut short');
  return { ...head, body: Buffer.concat(chunks) };
}

/** These come back in a header of ours, so only what is plain and short is kept. */
const PLAIN = /^[\x20-\x7e]{1,200}$/;

function versionOf({ headers }: IncomingMessage): HttpVersion {
  const plain = (text: string | undefined): string | null =>
    text !== undefined && PLAIN.test(text) ? text : null;
  return { etag: plain(headers.etag), lastModified: plain(headers['last-modified']) };
}

function ended(incoming: IncomingMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    incoming.once('end', resolve);
    incoming.once('error', reject);
    incoming.once('close', () => reject(new Error('the body was cut short')));
  });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const code = 'code' in error && typeof error.code === 'string' ? `${error.code}: ` : '';
  return `${code}${error.message}`.slice(0, 200);
}
