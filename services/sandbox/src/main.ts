/**
 * sandbox: a DNS server and mail sinks on loopback, for trying and testing. Never in production.
 *
 * Synopsis  main.ts OPTIONS.json   (options.ts says what it and the zones file hold)
 * Reads     the zones file, again when it changes; TLS keys of sinks.
 * Writes    messages into the folders of the sinks: NNNNNN.eml, and the envelope as NNNNNN.json.
 * Tells     its parent `ready`, then one object a message (SinkReport).
 * Exposure  loopback only: DNS on UDP and TCP, SMTP.
 * Ends      on SIGTERM, or when the process that started it goes; SIGINT is for that one.
 * Standards RFC 1035, RFC 2308, RFC 6891, RFC 5321.
 * Limits    `secure: true` sets the AD bit, nothing is signed; no wildcards, no zone transfer.
 */
import { readFile } from 'node:fs/promises';
import { createLogger } from '@sallyport/log';
import { systemClock } from '@sallyport/mail';
import { type RunningServer, startDns } from './dns-server.ts';
import { sandboxOptionsSchema } from './options.ts';
import { startSink } from './sink.ts';

const logger = createLogger({
  service: 'sandbox',
  now: () => systemClock.now(),
  write: (line) => process.stderr.write(line),
});

process.on('SIGINT', () => undefined);
const [file] = process.argv.slice(2);
if (file === undefined) throw new Error('one argument: the JSON options file');
const options = sandboxOptionsSchema.parse(JSON.parse(await readFile(file, 'utf8')));
const running: RunningServer[] = [await startDns(options.dns, logger)];
for (const sink of options.sinks) {
  running.push(await startSink(sink, { logger, report: (report) => process.send?.(report) }));
}
logger.info('sandbox.listening', { ports: running.map(({ port }) => port) });

const stop = (): void => {
  void Promise.all(running.map((server) => server.close())).then(() => process.exit(0));
};
process.once('SIGTERM', stop);
process.once('disconnect', stop);
process.send?.('ready');
