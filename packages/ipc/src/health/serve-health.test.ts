import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createLogger, Metrics } from '@sallyport/log';
import {
  connectSocket,
  type HealthParts,
  type HealthProtocol,
  healthProtocol,
  type IpcClient,
  serveHealth,
} from '../index.ts';

const logged: string[] = [];
const write = (line: string): void => void logged.push(line);
const logger = createLogger({ service: 'test', now: () => new Date(0), write });
let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'health-'));
});
after(() => rm(folder, { recursive: true }));

async function asked<T>(
  parts: Omit<HealthParts, 'path' | 'logger' | 'metrics'>,
  ask: (client: IpcClient<HealthProtocol>, path: string) => Promise<T>,
): Promise<T> {
  const path = join(folder, 'egress.sock');
  const server = await serveHealth({ path, logger, metrics: new Metrics('egress'), ...parts });
  const client = connectSocket({ path, protocol: healthProtocol, deadlineMs: 2_000 });
  try {
    return await ask(client, path);
  } finally {
    client.close();
    await server.close();
  }
}

test('without a path nothing is served', async () => {
  const server = await serveHealth({ path: undefined, logger, metrics: new Metrics('egress') });
  assert.ok(!process.getActiveResourcesInfo().includes('PipeServerWrap'));
  await server.close();
});

test('a check that throws is no good health, and its cause is in the log alone', async () => {
  const check = (): never => {
    throw new Error('the secret place');
  };
  const health = await asked({ check }, (client) => client.call('health', {}));
  assert.equal(health.ok, false);
  assert.doesNotMatch(health.sentence, /secret/);
  assert.match(logged.join(''), /health\.check-failed.*the secret place/);
});

test('a process without a check is well if it answers, and its socket is its own', async () => {
  const [health, mode] = await asked({}, async (client, path) => [
    await client.call('health', {}),
    (await stat(path)).mode & 0o777,
  ]);
  assert.deepEqual(health, { ok: true, sentence: 'works' });
  assert.equal(mode, 0o600);
});

test('figures of the process are there even if its own cannot be collected', async () => {
  const collect = () => Promise.reject(new Error('no'));
  const samples = await asked({ collect }, (client) => client.call('metrics', {}));
  assert.ok((samples['sallyport_process_resident_memory_bytes'] ?? 0) > 1_000_000);
  assert.ok((samples['sallyport_process_start_time_seconds'] ?? 0) > 1_700_000_000);
  assert.ok('sallyport_event_loop_lag_seconds{percentile="99"}' in samples);
});

test('certificates come page by page', async () => {
  const all = Array.from({ length: 23 }, (_, i) => {
    const certificate = Buffer.alloc(60_000, i).toString('base64');
    return { kind: 'tls' as const, name: `${i}`, certificate };
  });
  const names = await asked({ certificates: () => all }, async (client) => {
    const found: string[] = [];
    for (let more = true; more; ) {
      const page = await client.call('certificates', { from: found.length });
      found.push(...page.certificates.map(({ name }) => name));
      more = page.more;
    }
    return found;
  });
  assert.deepEqual(
    names,
    all.map(({ name }) => name),
  );
});
