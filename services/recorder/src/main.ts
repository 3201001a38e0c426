/**
 * recorder: appends audit events to the Merkle log and signs its heads.
 *
 * Reads     own options file, the log signing key, the audit folder.
 * Writes    the audit folder, append only; a torn tail after the last head is cut at start, and
 *           segments that are too old give way to their root.
 * Trusts    the gateway's own processes to tell what they did; no event to be well formed.
 * Exposure  one Unix socket; no network.
 * Standards RFC 9162 section 2.1, RFC 8032.
 *
 * Limits    a cut at the end of a head is found only against a checkpoint kept elsewhere.
 */
import { readFile } from 'node:fs/promises';
import { processClock } from '@sallyport/ipc';
import { createLogger } from '@sallyport/log';
import { recorderOptionsSchema } from './options.ts';
import { startRecorder } from './recorder.ts';

const [, , optionsFile = '', testClock] = process.argv;
const clock = processClock(testClock);
const logger = createLogger({
  service: 'recorder',
  now: () => clock.now(),
  write: (line) => process.stderr.write(line),
});
process.on('SIGINT', () => {}); // Ctrl-C reaches the whole group; the supervisor decides
try {
  const options = recorderOptionsSchema.parse(JSON.parse(await readFile(optionsFile, 'utf8')));
  const recorder = await startRecorder({ options, logger, clock });
  const stop = (reason: string) => () => void recorder.close(reason).finally(() => process.exit(0));
  process.once('SIGTERM', stop('asked to stop'));
  process.once('disconnect', stop('the supervisor is gone'));
  process.send?.('ready');
} catch (cause) {
  logger.error('recorder.not-started', { cause });
  process.exit(1);
}
