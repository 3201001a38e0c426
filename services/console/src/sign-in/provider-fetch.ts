import { request as httpsRequest } from 'node:https';

const MAX_BYTES = 1024 * 1024;
const TIMEOUT_MS = 10_000;

/** What the OpenID client asks the provider with. */
export interface ProviderCall {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
}

/**
 * A bounded `fetch` to the provider: HTTPS only, verified against the given anchors alone if there
 * are some, no redirect followed. The built-in one cannot be given anchors.
 *
 * @throws Error if the provider is not reached, is not believed, or says too much.
 */
export async function fetchFromProvider(
  url: string,
  call: ProviderCall,
  anchors: string | null,
): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const body = call.body === undefined || call.body === null ? '' : String(call.body);
  const outgoing = httpsRequest(
    new URL(url),
    {
      method: call.method,
      headers: { ...call.headers, 'content-length': Buffer.byteLength(body) },
      agent: false,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(anchors === null ? {} : { ca: anchors }),
    },
    (answer) => {
      const chunks: Buffer[] = [];
      let size = 0;
      answer.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_BYTES) answer.destroy(new Error('the provider says too much'));
        else chunks.push(chunk);
      });
      answer.on('error', reject);
      answer.on('end', () => {
        const status = answer.statusCode ?? 500;
        // All that is read of the header: no cookie of the provider's is kept.
        const type = answer.headers['content-type'] ?? '';
        const isBare = status === 204 || status === 304;
        const init = { status, headers: { 'content-type': type } };
        resolve(new Response(isBare ? null : Buffer.concat(chunks), init));
      });
    },
  );
  outgoing.on('error', reject);
  outgoing.end(body);
  return await promise;
}
