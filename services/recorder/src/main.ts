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
import { runProcess } from '@sallyport/ipc';
import { recorderOptionsSchema } from './options.ts';
import { startRecorder } from './recorder.ts';

await runProcess({
  service: 'recorder',
  options: recorderOptionsSchema,
  start: async (options, world) => {
    const recorder = await startRecorder({ options, ...world });
    return (reason) => recorder.close(reason);
  },
});
