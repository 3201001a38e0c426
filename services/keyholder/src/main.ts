/**
 * keyholder: composes domain signatures and unwraps content-encryption keys.
 *
 * Reads     key folder and what it is sealed under, own options file; PIN file, if keys are on a token.
 * Writes    nothing; tells the recorder.
 * Trusts    worker to have decided; never the bytes it sends.
 * Exposure  four Unix sockets; no network; no parser for MIME, CMS or foreign certificates.
 *           With a token also the vendor's module, in a thread, as native code.
 * Standards RFC 5652 section 5.4, RFC 8551, RFC 3183, RFC 3218, RFC 5753, RFC 7512.
 *
 * Limits    a worker that is taken over can get digests signed, recorded and rate-limited.
 */
import { readFile } from 'node:fs/promises';
import { processClock } from '@sallyport/ipc';
import { createLogger } from '@sallyport/log';
import { keyholderOptionsSchema } from './options.ts';
import { startKeyholder } from './start-keyholder.ts';

const [, , optionsFile = '', testClock] = process.argv;
const clock = processClock(testClock);
const logger = createLogger({
  service: 'keyholder',
  now: () => clock.now(),
  write: (line) => process.stderr.write(line),
});
process.on('SIGINT', () => {}); // Ctrl-C reaches the whole group; the supervisor decides
try {
  const options = keyholderOptionsSchema.parse(JSON.parse(await readFile(optionsFile, 'utf8')));
  const keyholder = await startKeyholder({ options, logger, clock });
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
