/**
 * directory: publishes our certificates by LDAP and HTTP, to whoever names an address exactly.
 *
 * Synopsis  main.ts OPTIONS.json   (options.ts says what it holds)
 * Reads     published certificates, statements and the CRL, again when they change; its TLS key.
 * Writes    nothing.
 * Trusts    nobody: anonymous, read-only, no enumeration, bounded per client.
 * Exposure  LDAP, LDAPS, HTTP and HTTPS to the world; own parser of 16 KiB messages on package der.
 * Ends      on SIGTERM, or when the process that started it goes; SIGINT is for that one.
 * Standards RFC 4511, RFC 4512 section 5.1, RFC 4513 section 5.1, RFC 4523, RFC 2798 section 2.8,
 *           RFC 4387, RFC 2585.
 * Limits    no paging, no matching rules beyond equality, no LDAP URL of other servers; users'
 *           certificates are not found by their issuer (iHash), which would list them.
 */
import { readFile } from 'node:fs/promises';
import { runProcess, serveHealth, shownTlsCertificate } from '@sallyport/ipc';
import { Metrics } from '@sallyport/log';
import { systemClock } from '@sallyport/mail';
import { directoryOptionsSchema } from './options.ts';
import { startDirectory } from './server.ts';

await runProcess({
  service: 'directory',
  options: directoryOptionsSchema,
  start: async (options, { logger }) => {
    const running = await startDirectory(options, { clock: systemClock, logger });
    const tlsFile = options.tlsCertificateFile;
    const shown =
      tlsFile === undefined ? [] : [shownTlsCertificate(await readFile(tlsFile), 'the directory')];
    const health = await serveHealth({
      path: options.healthSocket,
      logger,
      metrics: new Metrics('directory'),
      certificates: () => shown,
    });
    logger.info('directory.listening', { ports: running.ports });
    return () => Promise.all([health.close(), running.close()]);
  },
});
