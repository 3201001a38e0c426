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
import { runProcess, serveHealth } from '@sallyport/ipc';
import { Metrics } from '@sallyport/log';
import { consoleOptionsSchema } from './options.ts';
import { startConsole } from './start.ts';

await runProcess({
  service: 'console',
  options: consoleOptionsSchema,
  start: async (options, world) => {
    const running = await startConsole({ options, ...world });
    const metrics = new Metrics('console');
    const { logger } = world;
    const health = await serveHealth({ path: options.healthSocket, logger, metrics });
    return () => Promise.all([running.close(), health.close()]);
  },
});
