import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { getCACertificates } from 'node:tls';
import { readPrivateFile } from '@sallyport/ipc';
import type { AlertChannel } from './message.ts';
import type { AlertOptions } from './options.ts';

const DEADLINE_MS = 10_000;
const MAX_TOKEN_BYTES = 4_096;

type WebhookOptions = NonNullable<AlertOptions['webhook']>;

/** Posts alerts as JSON over HTTPS. Only an answer 2xx says that they are there. */
export function webhook(options: WebhookOptions): AlertChannel {
  return {
    name: 'webhook',
    send: async (message) => {
      const body = JSON.stringify({ version: 1, ...message });
      const status = await post(options, body);
      if (status < 200 || status > 299) throw new Error(`the webhook answered ${status}`);
    },
  };
}

async function post(options: WebhookOptions, body: string): Promise<number> {
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(await authorization(options)),
  };
  const ca = await anchors(options);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const signal = AbortSignal.timeout(DEADLINE_MS);
  // One connection for each call; Node follows no redirect here.
  const settings = {
    method: 'POST',
    agent: false,
    ca,
    minVersion: 'TLSv1.2',
    headers,
    signal,
  } as const;
  const call = request(options.url, settings, (answer) => {
    resolve(answer.statusCode ?? 0);
    answer.destroy(); // what it says beside its status is not read
  });
  call.on('error', reject);
  call.end(body);
  return await promise;
}

// Read each time, so that a new token counts without a restart.
async function authorization({ tokenFile }: WebhookOptions): Promise<{ authorization?: string }> {
  if (tokenFile === null) return {};
  const text = (await readPrivateFile(tokenFile, MAX_TOKEN_BYTES)).toString();
  return { authorization: `Bearer ${text.split(/\r?\n/, 1)[0] ?? ''}` };
}

async function anchors({ anchorsFile }: WebhookOptions): Promise<string | string[]> {
  return anchorsFile === null ? getCACertificates('system') : await readFile(anchorsFile, 'utf8');
}
