/**
 * shipper: copies the newest signed head of the audit log to places that the gateway cannot change.
 *
 * Reads     own options file, the audit folder, anchors and tokens of its targets.
 * Writes    a small folder of its own, and the target files.
 * Trusts    the log key in the audit folder to say what is a head; no target but by its certificate.
 * Exposure  none: it listens nowhere. Connects to its targets only.
 * Standards RFC 5424, RFC 5425.
 *
 * Limits    what happens between two copies is proven by the next one only.
 */
import { readFile } from 'node:fs/promises';
import { processClock, serveHealth } from '@sallyport/ipc';
import { createLogger, Metrics } from '@sallyport/log';
import { NewestHead } from './newest-head.ts';
import { shipperOptionsSchema } from './options.ts';
import { Position } from './position.ts';
import { Shipment } from './shipment.ts';
import { createTarget } from './target.ts';

const [, , optionsFile = '', testClock] = process.argv;
const clock = processClock(testClock);
const logger = createLogger({
  service: 'shipper',
  now: () => clock.now(),
  write: (line) => process.stderr.write(line),
});
process.on('SIGINT', () => {}); // Ctrl-C reaches the whole group; the supervisor decides
try {
  const options = shipperOptionsSchema.parse(JSON.parse(await readFile(optionsFile, 'utf8')));
  const { gatewayName, everyMs } = options;
  const heads = new NewestHead(options.auditFolder);
  const health = await serveHealth({
    path: options.healthSocket,
    logger,
    metrics: new Metrics('shipper'),
  });
  const ending = new AbortController();
  const runs = options.targets.map(async (one) => {
    const target = createTarget(one, gatewayName);
    const position = new Position(options.stateFolder, target.name, JSON.stringify(one));
    const parts = { gatewayName, heads, target, position, everyMs, clock, logger };
    await new Shipment(parts).run(ending.signal);
  });
  const stop = (): void => {
    ending.abort();
    // A copy on its way ends within its deadline, or comes again after the next start.
    void Promise.allSettled([...runs, health.close()]).finally(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('disconnect', stop);
  process.send?.('ready');
} catch (cause) {
  logger.error('shipper.not-started', { cause });
  process.exit(1);
}
