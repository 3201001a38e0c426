/**
 * keyholder: composes domain signatures and unwraps content-encryption keys.
 *
 * Reads     key folder, own options file.
 * Writes    nothing; tells the recorder.
 * Trusts    worker to have decided; never the bytes it sends.
 * Exposure  two Unix sockets; no network; no parser for MIME, CMS or foreign certificates.
 * Standards RFC 5652 section 5.4, RFC 8551, RFC 3183, RFC 3218, RFC 5753.
 *
 * Limits    a worker that is taken over can get digests signed, recorded and rate-limited.
 */
import { readFile } from 'node:fs/promises';
import { createLogger } from '@sallyport/log';
import { systemClock } from '@sallyport/mail';
import { startKeyholder } from './keyholder.ts';
import { keyholderOptionsSchema } from './options.ts';

const logger = createLogger({
  service: 'keyholder',
  now: () => systemClock.now(),
  write: (line) => process.stderr.write(line),
});
const [, , optionsFile = ''] = process.argv;
process.on('SIGINT', () => {}); // Ctrl-C reaches the whole group; the supervisor decides
try {
  const options = keyholderOptionsSchema.parse(JSON.parse(await readFile(optionsFile, 'utf8')));
  const keyholder = await startKeyholder({ options, logger, clock: systemClock });
  const stop = () => void keyholder.close().finally(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('disconnect', stop);
  const reload = () =>
    keyholder.reload().catch((cause: unknown) => logger.error('keys.not-reloaded', { cause }));
  process.on('SIGHUP', () => void reload()); // after `sallyport key …`
  process.send?.('ready');
} catch (cause) {
  logger.error('keyholder.not-started', { cause });
  process.exit(1);
}
