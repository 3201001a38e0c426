/**
 * console: pages and an API for those who run the gateway, over HTTPS on the inner network.
 *
 * Reads     own options file, TLS files, policy versions, accounts, the audit folder.
 * Writes    policy versions and their steps, accounts, its search index (derived).
 * Trusts    who signed in, within the permissions of their roles; no text of any message or partner.
 * Exposure  HTTPS; asks recorder, worker advise, worker outward, egress, keyholder and key desk.
 * Standards RFC 9110, RFC 9457, Web Authentication Level 3, OpenID Connect Core 1.0.
 *
 * Limits    sessions and Idempotency-Keys are forgotten when it starts again.
 */
import { readFile } from 'node:fs/promises';
import { processClock, serveHealth } from '@sallyport/ipc';
import { createLogger, Metrics } from '@sallyport/log';
import { consoleOptionsSchema } from './options.ts';
import { startConsole } from './start.ts';

const [, , optionsFile = '', testClock] = process.argv;
const clock = processClock(testClock);
const logger = createLogger({
  service: 'console',
  now: () => clock.now(),
  write: (line) => process.stderr.write(line),
});
process.on('SIGINT', () => {}); // Ctrl-C reaches the whole group; the supervisor decides
try {
  const options = consoleOptionsSchema.parse(JSON.parse(await readFile(optionsFile, 'utf8')));
  const running = await startConsole({ options, clock, logger });
  const metrics = new Metrics('console');
  const health = await serveHealth({ path: options.healthSocket, logger, metrics });
  const stop = (): void =>
    void Promise.all([running.close(), health.close()]).finally(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('disconnect', stop);
  process.send?.('ready');
} catch (cause) {
  logger.error('console.not-started', { cause });
  process.exit(1);
}
