import { isIP } from 'node:net';
import { type AddressFinding, findAddresses } from '../doors/servers.ts';
import type { LocatePorts } from '../locate-types.ts';
import { type Exchanged, exchange, type HttpResponse, type HttpVersion } from './exchange.ts';
import { checkTarget, type HttpPlace, type HttpTarget } from './target.ts';

/** One exchange ends by then, whatever the server does, unless the caller knows that it is long. */
const WHOLE_MS = 10_000;

export interface HttpRequest extends HttpPlace {
  readonly method?: 'GET' | 'POST';
  readonly body?: Buffer;
  readonly contentType?: string;
  readonly accept?: string;
  readonly maxBytes: number;
  readonly timeoutMs?: number;
  /** From an earlier answer: status 304 says that it still stands (RFC 9110 section 13.1). */
  readonly unlessAs?: HttpVersion;
}

export type HttpAnswer =
  | (HttpResponse & {
      /** `name:port`. */
      readonly server: string;
      readonly overTls: boolean;
      readonly tookMs: number;
    })
  /** Scheme, user part, port, address that is not public: nothing was sent. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** DNS, connect, TLS, time, size, malformed. */
  | { readonly kind: 'failed'; readonly reason: string };

export type FetchPorts = Pick<
  LocatePorts,
  'resolver' | 'allowPrivateAddresses' | 'tlsAnchors' | 'memory'
>;

/**
 * One HTTP exchange with a stranger's server. Names are resolved by our own resolver, the address
 * is checked, and what was checked is connected to, so that no second DNS answer leads elsewhere
 * (SSRF). TLS is always verified. No redirect is followed, no cookie kept, no encoding taken.
 *
 * @returns `refused` and `failed` with a sentence for the log. Never throws for what the network does.
 */
export async function fetchBounded(
  request: HttpRequest,
  ports: FetchPorts,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const started = performance.now();
  const checked = checkTarget(request, ports);
  if (checked.kind === 'refused') return checked;
  const { target } = checked;
  const server = `${target.name}:${target.port}`;
  const label = `${target.url.origin} at ${server}`;
  const dead = ports.memory.whyDead(label);
  if (dead !== null) return failed(`was not reachable a moment ago: ${dead}`);
  const whole = AbortSignal.any([signal, AbortSignal.timeout(request.timeoutMs ?? WHOLE_MS)]);
  const found = await addressesOf(target, ports, whole);
  if (found.kind === 'refused') return found;
  if (found.kind === 'failure') return failed(found.reason);
  let last: Exchanged = { kind: 'unreachable', reason: 'it has no address' };
  for (const address of found.addresses) {
    last = await exchange(exchangeOf(request, { target, address, ports, signal: whole }));
    if (last.kind !== 'unreachable') break;
  }
  // A search that ran out of time says nothing about the server.
  if (last.kind === 'unreachable' && !whole.aborted) ports.memory.markDead(label, last.reason);
  if (last.kind !== 'response') return failed(whole.aborted ? 'it took too long' : last.reason);
  const tookMs = Math.round(performance.now() - started);
  return { ...last, server, overTls: target.overTls, tookMs };
}

function failed(reason: string): HttpAnswer {
  return { kind: 'failed', reason };
}

async function addressesOf(
  target: HttpTarget,
  ports: FetchPorts,
  signal: AbortSignal,
): Promise<AddressFinding> {
  if (isIP(target.name) !== 0) return { kind: 'addresses', addresses: [target.name] };
  return Promise.race([findAddresses(target.name, ports), whenAborted(signal)]);
}

function whenAborted(signal: AbortSignal): Promise<AddressFinding> {
  return new Promise((resolve) => {
    const tell = (): void =>
      resolve({ kind: 'failure', reason: 'DNS took too long', isAbsent: false });
    if (signal.aborted) tell();
    else signal.addEventListener('abort', tell, { once: true });
  });
}

interface Way {
  readonly target: HttpTarget;
  readonly address: string;
  readonly ports: FetchPorts;
  readonly signal: AbortSignal;
}

function exchangeOf(request: HttpRequest, { target, address, ports, signal }: Way) {
  const body = request.body ?? null;
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (request.accept !== undefined) headers['accept'] = request.accept;
  if (request.contentType !== undefined) headers['content-type'] = request.contentType;
  if (body !== null) headers['content-length'] = String(body.length);
  const { etag = null, lastModified = null } = request.unlessAs ?? {};
  if (etag !== null) headers['if-none-match'] = etag;
  if (lastModified !== null) headers['if-modified-since'] = lastModified;
  const { maxBytes, method = 'GET' } = request;
  return { target, address, method, headers, body, maxBytes, anchors: ports.tlsAnchors, signal };
}
