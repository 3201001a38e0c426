import { request } from 'node:https';
import { readPrivateFile } from '@sallyport/ipc';
import { anchorsOf } from './anchors.ts';
import type { TargetOptions } from './options.ts';
import type { Checkpoint, Shipped, Target } from './target.ts';

const DEADLINE_MS = 15_000;
const MAX_TOKEN_BYTES = 4_096;

type HttpsOptions = Extract<TargetOptions, { kind: 'https' }>;

/** Posts each head as JSON; only an answer 2xx says that it is there. */
export function httpsTarget(options: HttpsOptions): Target {
  const { host, pathname } = new URL(options.url);
  return { name: `https ${host}${pathname}`, ship: (checkpoint) => ship(options, checkpoint) };
}

async function ship(options: HttpsOptions, { text, hash }: Checkpoint): Promise<Shipped> {
  try {
    const ca = await anchorsOf(options.anchorsFile);
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      // A head that comes twice is the same head.
      'idempotency-key': hash,
      ...(await authorization(options.tokenFile)),
    };
    const status = await post(options.url, { ca, headers, body: text });
    if (status >= 200 && status < 300) return { kind: 'shipped' };
    return { kind: 'away', reason: `answered ${status}` };
  } catch (error) {
    return { kind: 'away', reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Read each time, so that a new token counts without a restart. */
async function authorization(tokenFile: string | null): Promise<{ authorization?: string }> {
  if (tokenFile === null) return {};
  const [token = ''] = String(await readPrivateFile(tokenFile, MAX_TOKEN_BYTES)).split(/\r?\n/, 1);
  return { authorization: `Bearer ${token}` };
}

async function post(
  url: string,
  of: { readonly ca: string | string[]; readonly headers: object; readonly body: string },
): Promise<number> {
  return await new Promise((resolve, reject) => {
    const call = request(url, {
      method: 'POST',
      agent: false,
      ca: of.ca,
      minVersion: 'TLSv1.2',
      headers: { ...of.headers },
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    call.once('error', reject);
    call.once('response', (response) => {
      // Its status is the answer; whatever it says beside it is not read.
      response.destroy();
      resolve(response.statusCode ?? 0);
    });
    call.end(of.body);
  });
}
