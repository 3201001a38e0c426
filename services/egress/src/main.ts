/**
 * egress: relays what is in spool `outgoing` to next hops, under the TLS rule of each domain.
 *
 * Reads     own options file (the one argument), spool `outgoing`, policy, own spool key,
 *           TLS client key.
 * Writes    delivery state beside each queue file; counts for TLS reports; reports into `incoming` as origin `gateway`,
 *           failed mail of unproven authors into `hold`; tells the recorder.
 * Trusts    worker to have decided; no reply of a next hop, and no certificate before its check.
 * Exposure  one Unix socket; SMTP replies, TLS handshakes and DNS answers of strangers.
 * Standards RFC 5321, 1870, 2920, 3207, 3461, 3463, 3464, 6152, 6531, 7435, 7504, 7505, 8460, 8689, 9525.
 */
import { readFile } from 'node:fs/promises';
import { processClock } from '@sallyport/ipc';
import { createLogger } from '@sallyport/log';
import { egressOptionsSchema } from './options.ts';
import { startEgress } from './run.ts';

const STOP_GRACE_MS = 10_000;

const [, , optionsFile = '', testClock] = process.argv;
const clock = processClock(testClock);
const logger = createLogger({
  service: 'egress',
  now: () => clock.now(),
  write: (line) => process.stderr.write(line),
});
process.on('SIGINT', () => {}); // Ctrl-C reaches the whole group; the supervisor decides
try {
  const options = egressOptionsSchema.parse(JSON.parse(await readFile(optionsFile, 'utf8')));
  const egress = await startEgress({ options, logger, clock });
  const stop = () => {
    // Crash-only: what a next hop still holds up after this time is done again at the next start.
    setTimeout(() => process.exit(0), STOP_GRACE_MS);
    void egress.close().finally(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('disconnect', stop);
  process.send?.('ready');
} catch (cause) {
  logger.error('egress.not-started', { cause });
  process.exit(1);
}
