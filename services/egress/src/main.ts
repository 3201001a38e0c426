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
import { setTimeout as sleep } from 'node:timers/promises';
import { runProcess } from '@sallyport/ipc';
import { egressOptionsSchema } from './options.ts';
import { startEgress } from './run.ts';

const STOP_GRACE_MS = 10_000;

await runProcess({
  service: 'egress',
  options: egressOptionsSchema,
  start: async (options, world) => {
    const egress = await startEgress({ options, ...world });
    // Crash-only: what a next hop still holds up after this time is done again at the next start.
    return () => Promise.race([egress.close(), sleep(STOP_GRACE_MS)]);
  },
});
