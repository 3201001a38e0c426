import { postJson } from '@sallyport/transport';
import type { TargetOptions } from './options.ts';
import type { Checkpoint, Shipped, Target } from './target.ts';

type HttpsOptions = Extract<TargetOptions, { kind: 'https' }>;

/** Posts each head as JSON; only an answer 2xx says that it is there. */
export function httpsTarget(options: HttpsOptions): Target {
  const { host, pathname } = new URL(options.url);
  return { name: `https ${host}${pathname}`, ship: (checkpoint) => ship(options, checkpoint) };
}

async function ship(options: HttpsOptions, { text, hash }: Checkpoint): Promise<Shipped> {
  try {
    // A head that comes twice is the same head.
    const status = await postJson(options, { text, headers: { 'idempotency-key': hash } });
    if (status >= 200 && status < 300) return { kind: 'shipped' };
    return { kind: 'away', reason: `answered ${status}` };
  } catch (error) {
    return { kind: 'away', reason: error instanceof Error ? error.message : String(error) };
  }
}
