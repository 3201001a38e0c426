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
import { runProcess } from '@sallyport/ipc';
import { keyholderOptionsSchema } from './options.ts';
import { startKeyholder } from './start-keyholder.ts';

await runProcess({
  service: 'keyholder',
  options: keyholderOptionsSchema,
  start: async (options, world) => {
    const keyholder = await startKeyholder({ options, ...world });
    const reload = () =>
      keyholder
        .reload()
        .catch((cause: unknown) => world.logger.error('keys.not-reloaded', { cause }));
    process.on('SIGHUP', () => void reload()); // after `sallyport key …`
    return () => keyholder.close();
  },
});
