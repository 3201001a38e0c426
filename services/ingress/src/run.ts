import { readFileSync } from 'node:fs';
import { type HealthServer, processClock, serveHealth, shownTlsCertificate } from '@sallyport/ipc';
import { createLogger, type Logger, Metrics } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';
import { z } from 'zod';
import { PasswordStore } from './auth/password-store.ts';
import { startIngress } from './ingress.ts';
import { type IngressOptions, ingressOptionsSchema } from './options.ts';
import { readSecretFile } from './secret-file.ts';
import type { TlsSettings } from './smtp/listener.ts';
import { type Wiring, wire } from './wiring.ts';

/** Runs the service until SIGTERM, or until its supervisor has gone. */
export async function run(
  optionsFile: string | undefined,
  testClock: string | undefined,
): Promise<void> {
  process.on('SIGINT', () => undefined); // Ctrl-C reaches the whole group; the supervisor decides
  const stopped = untilStopped();
  const clock = processClock(testClock);
  const logger = createLogger({
    service: 'ingress',
    now: () => clock.now(),
    write: (line) => process.stderr.write(line),
  });
  try {
    await serve(readOptions(optionsFile), { logger, clock, stopped });
  } catch (cause) {
    logger.error('service.failed', { cause });
    process.exitCode = 1;
  }
  if (process.connected) process.disconnect();
}

async function serve(
  options: IngressOptions,
  { logger, clock, stopped }: { logger: Logger; clock: Clock; stopped: Promise<void> },
): Promise<void> {
  const wiring = await wire(options, logger);
  const metrics = new Metrics('ingress');
  const tls = readTls(options);
  try {
    const ingress = await startIngress({
      options,
      ports: wiring.ports,
      tls,
      metrics,
      logins: options.login === null ? null : new PasswordStore(options.login.passwordFile, logger),
      clock,
      monotonicMs: () => performance.now(),
      logger,
    });
    logger.info('service.listening', { ports: ingress.ports });
    const health = await serveIngressHealth(options, { logger, metrics, tls, wiring });
    process.send?.('ready');
    await stopped;
    await health.close();
    await ingress.close();
  } finally {
    await wiring.close();
  }
}

/** Well while the spool has room. */
function serveIngressHealth(
  { healthSocket: path }: IngressOptions,
  of: {
    readonly logger: Logger;
    readonly metrics: Metrics;
    readonly tls: { readonly cert: Buffer } | null;
    readonly wiring: Wiring;
  },
): Promise<HealthServer> {
  const { logger, metrics, tls, wiring } = of;
  const shown = tls === null ? [] : [shownTlsCertificate(tls.cert, 'the SMTP ports')];
  return serveHealth({
    ...{ path, logger, metrics },
    check: async () =>
      (await wiring.ports.spool.hasRoomFor(0))
        ? { ok: true, sentence: 'takes mail' }
        : { ok: false, sentence: 'the disk of the spool is full, so no mail is accepted' },
    certificates: () => shown,
  });
}

function untilStopped(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  process.once('SIGTERM', () => resolve());
  process.once('disconnect', () => resolve());
  // The supervisor may have gone while we were loading.
  if (process.send !== undefined && !process.connected) resolve();
  return promise;
}

/** @throws Error with path and reason of each fault. */
function readOptions(path: string | undefined): IngressOptions {
  if (path === undefined) throw new Error('the one argument is the path of the options file');
  const parsed = ingressOptionsSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
  if (!parsed.success) throw new Error(`${path}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

function readTls({ tls }: IngressOptions): (TlsSettings & { readonly cert: Buffer }) | null {
  if (tls === null) return null;
  return {
    key: readSecretFile(tls.keyFile),
    cert: readFileSync(tls.certificateFile),
    clientAnchors: tls.clientAnchorsFile === null ? null : readFileSync(tls.clientAnchorsFile),
  };
}
