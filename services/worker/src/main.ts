/**
 * worker: reads strangers' messages: opens, verifies, filters, decides, protects.
 *
 * Role outward takes mail from `incoming` to `outgoing`; role inward judges mail inside DATA;
 * role advise answers console and command line and touches no mail.
 *
 * Reads     own options file, policy versions, spool (not advise).
 * Writes    spool `tmp`, `outgoing`, `hold`; hashes of keys seen and messages sent. advise: nothing.
 * Trusts    keyholder to use keys and recorder to keep the log; never the bytes of a message.
 * Exposure  one Unix socket; DNS, LDAP and clamd outward; advise: mail servers of partners, to
 *           look at their TLS. Holds no domain key.
 * Standards RFC 3183, RFC 8551, RFC 5652, RFC 8601, RFC 3464.
 */
import { readFile } from 'node:fs/promises';
import { processClock, serveHealth } from '@sallyport/ipc';
import { createLogger, Metrics } from '@sallyport/log';
import { never } from '@sallyport/mail';
import { type WorkerOptions, workerOptionsSchema } from './options.ts';
import type { Runtime, Started } from './shared/runtime.ts';

process.on('SIGINT', () => {}); // Ctrl-C reaches the whole group; the supervisor decides
const [, , optionsFile = '', testClock] = process.argv;
const clock = processClock(testClock);
const options = workerOptionsSchema.parse(JSON.parse(await readFile(optionsFile, 'utf8')));
const service = `worker-${options.role}` as const;
const metrics = new Metrics(service);
const write = (line: string): void => void process.stderr.write(line);
const logger = createLogger({ service, now: () => clock.now(), write });
try {
  const started = await start(options, { clock, logger, metrics });
  const path = options.healthSocket;
  const health = await serveHealth({ path, logger, metrics, ...started.health });
  const stop = (): void =>
    void Promise.all([started.close(), health.close()]).finally(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('disconnect', stop);
  process.send?.('ready');
} catch (cause) {
  logger.error('worker.not-started', { cause });
  process.exit(1);
}

async function start(given: WorkerOptions, runtime: Runtime): Promise<Started> {
  switch (given.role) {
    case 'outward':
      return await (await import('./outward/start.ts')).startOutward(given, runtime);
    case 'inward':
      return await (await import('./inward/start.ts')).startInward(given, runtime);
    case 'advise':
      return await (await import('./advise/start.ts')).startAdvise(given, runtime);
    default:
      return never(given);
  }
}
