import { request } from 'node:https';
import { readPrivateFile } from '@sallyport/ipc';
import { anchorsOf } from './anchors.ts';

const DEADLINE_MS = 15_000;
const MAX_TOKEN_BYTES = 4_096;
const MAX_HEADER_BYTES = 8 * 1024;

/** A place of the config that takes JSON. Paths are absolute. */
export interface PostTarget {
  readonly url: string;
  /** Its first line is the bearer token; mode 0600. Null: none. */
  readonly tokenFile: string | null;
  /** PEM; null for the system list. */
  readonly anchorsFile: string | null;
}

/** What goes there. */
export interface Posted {
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

/**
 * Posts JSON over HTTPS, on a connection of its own. No redirect is followed; of the answer only the
 * status is read. Token and anchors are read each time, so that new ones count without a restart.
 *
 * @returns the status.
 * @throws Error if there is no answer in time, its certificate is not good, or a file cannot be read.
 */
export async function postJson(target: PostTarget, posted: Posted): Promise<number> {
  const { text, headers = {}, deadlineMs = DEADLINE_MS } = posted;
  const settings = {
    method: 'POST',
    agent: false,
    ca: await anchorsOf(target.anchorsFile),
    minVersion: 'TLSv1.2',
    maxHeaderSize: MAX_HEADER_BYTES,
    headers: {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      ...headers,
      ...(await authorization(target.tokenFile)),
    },
    signal: AbortSignal.timeout(deadlineMs),
  } as const;
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const call = request(target.url, settings, (answer) => {
    resolve(answer.statusCode ?? 0);
    answer.destroy();
  });
  // Not once: what is cut off after its answer may fail again, and nobody would hear it.
  call.on('error', reject);
  call.end(text);
  return await promise;
}

async function authorization(tokenFile: string | null): Promise<{ authorization?: string }> {
  if (tokenFile === null) return {};
  const [token = ''] = String(await readPrivateFile(tokenFile, MAX_TOKEN_BYTES)).split(/\r?\n/, 1);
  return { authorization: `Bearer ${token.trim()}` };
}
