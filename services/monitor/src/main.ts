/**
 * monitor: tells how the gateway is: health, metrics and alerts of all its processes.
 *
 * Reads     own options file, policy versions, the published CRL, token and anchors of its webhook.
 * Writes    which alerts it sent, in a small file.
 * Trusts    the processes of this gateway to say how they are; nobody who asks by HTTP.
 * Exposure  HTTP in clear on inner addresses, read only, without a body; health sockets; posts to
 *           its webhook and to one mail server. Holds no key and reads no mail.
 * Standards RFC 9110, RFC 5321 section 3.3, RFC 3834 section 5.
 *
 * Limits    whoever reaches its port reads its figures: bind it to inner addresses. Of restarts it
 *           knows those that it saw.
 */
import { readFile } from 'node:fs/promises';
import { processClock } from '@sallyport/ipc';
import { createLogger } from '@sallyport/log';
import { monitorOptionsSchema } from './options.ts';
import { startMonitor } from './start.ts';

const [, , optionsFile = '', testClock] = process.argv;
const clock = processClock(testClock);
const logger = createLogger({
  service: 'monitor',
  now: () => clock.now(),
  write: (line) => process.stderr.write(line),
});
process.on('SIGINT', () => {}); // Ctrl-C reaches the whole group; the supervisor decides
try {
  const options = monitorOptionsSchema.parse(JSON.parse(await readFile(optionsFile, 'utf8')));
  const monitor = await startMonitor({ options, logger, clock });
  logger.info('monitor.listening', { ports: monitor.ports });
  const stop = () => void monitor.close().finally(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('disconnect', stop);
  process.send?.('ready');
} catch (cause) {
  logger.error('monitor.not-started', { cause });
  process.exit(1);
}
