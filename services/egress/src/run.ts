import { readFileSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import {
  connectSocket,
  egressProtocol,
  hintProtocol,
  recorderProtocol,
  serveSocket,
} from '@sallyport/ipc';
import type { Logger } from '@sallyport/log';
import { createResolver, systemRandom } from '@sallyport/lookup';
import type { Clock, QueueId } from '@sallyport/mail';
import { PolicyReader } from '@sallyport/policy-store/read';
import { createEmbeddedSchedule, type JobSchedule, openRedisSchedule } from '@sallyport/queue';
import { Spool } from '@sallyport/spool';
import { TlsContexts } from '@sallyport/transport';
import { z } from 'zod';
import { type DeliverPorts, deliver } from './deliver.ts';
import { createOutgoingFiles } from './files.ts';
import { createReportFormatter } from './formatter.ts';
import { pausedSet, restoreOutgoing } from './jobs.ts';
import type { EgressOptions } from './options.ts';
import { SessionPool } from './pool.ts';
import type { RouteLocator, WorkerHint } from './ports.ts';
import { SizeProbe } from './probe-size.ts';
import { createRecorder } from './recorder.ts';
import { createRouteLocator } from './routes.ts';
import { createVerbs } from './verbs.ts';

const RECORDER_DEADLINE_MS = 10_000;
const HINT_DEADLINE_MS = 5_000;
const MAX_JOBS = 2_000_000;

interface World {
  readonly options: EgressOptions;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Egress as it runs. */
export interface RunningEgress {
  close(): Promise<void>;
}

/** Starts egress: socket, schedule, first scan. Resolves when it is ready. */
export async function startEgress(world: World): Promise<RunningEgress> {
  const { options, logger, clock } = world;
  const spool = await openSpool(options, logger);
  const recorderClient = connectSocket({
    path: options.recorderSocket,
    protocol: recorderProtocol,
    deadlineMs: RECORDER_DEADLINE_MS,
  });
  const worker = createWorkerHint(options.workerSocket, logger);
  const schedule = await createSchedule(world);
  const pool = createPool(options, logger);
  const routes = createRoutes(world);
  const ports: DeliverPorts = {
    files: createOutgoingFiles(spool),
    recorder: createRecorder(recorderClient, () => performance.now()),
    formatter: createReportFormatter(options),
    worker,
    clock,
    routes,
    pool,
    timeouts: options.timeouts,
    schedule: retrySchedule(options),
    logger,
    pausedDestinations: pausedSet(schedule, clock),
  };
  const active = new Set<QueueId>();
  const server = await serveSocket({
    path: options.listen,
    protocol: egressProtocol,
    logger,
    handlers: createVerbs({
      ...ports,
      spool,
      schedule,
      probe: new SizeProbe({ routes, pool, clock }),
      savePaused: () => savePaused(options.pausedFile, schedule),
      active,
    }),
  });
  schedule.start(
    async (job) => {
      active.add(job.id);
      try {
        return await deliver(job.id, ports);
      } finally {
        active.delete(job.id);
      }
    },
    {
      concurrency: options.concurrency,
      perDestination: { concurrency: options.perDestination },
    },
  );
  const scan = () =>
    restoreOutgoing(spool, schedule).catch((cause: unknown) => {
      logger.error('spool.scan-failed', { cause });
    });
  await scan();
  const timer = setInterval(() => void scan(), options.scanMs);
  return {
    close: async () => {
      clearInterval(timer);
      await server.close();
      await schedule.close();
      pool.close();
      worker.close();
      recorderClient.close();
      await spool.close();
    },
  };
}

function openSpool(options: EgressOptions, logger: Logger): Promise<Spool> {
  return Spool.open({
    folder: options.spool.folder,
    readerKeys: { worker: readFileSync(options.spool.workerPublicKeyFile, 'utf8') },
    privateKey: { name: 'egress', pem: readFileSync(options.spool.privateKeyFile, 'utf8') },
    logger,
  });
}

function createPool(options: EgressOptions, logger: Logger): SessionPool {
  const { clientCertificate, localAddress, timeouts } = options;
  const client =
    clientCertificate === null
      ? null
      : {
          certificatePem: readFileSync(clientCertificate.certificateFile, 'utf8'),
          keyPem: readFileSync(clientCertificate.keyFile, 'utf8'),
        };
  return new SessionPool({
    ...options.connections,
    settings: {
      ehloName: options.gatewayName,
      localAddress: localAddress ?? undefined,
      timeouts,
      contexts: new TlsContexts(client),
    },
    logger,
  });
}

function createRoutes({ options, clock }: World): RouteLocator {
  const policy = new PolicyReader(options.policyFolder, clock);
  const resolver = createResolver({
    servers: options.dns.servers.map(({ host, port }) => ({ address: host, port })),
    trusted: options.dns.trusted,
    timeoutMs: options.dns.timeoutMs,
    clock,
    random: systemRandom,
  });
  return createRouteLocator({
    rows: options.routes,
    ownDomains: options.ownDomains,
    mxPort: options.mxPort,
    resolver,
    policy: () => policy.current(),
  });
}

function retrySchedule({ retry }: EgressOptions) {
  return {
    minBackOffMs: retry.firstMs,
    maxBackOffMs: retry.longestMs,
    expireAfterMs: retry.expiryMs,
    warnAfterMs: retry.delayWarningMs,
  };
}

async function createSchedule({ options, clock, logger }: World): Promise<JobSchedule> {
  if (options.queue.driver === 'redis') {
    // The URL may hold a password, so it stays in its file until it is used.
    const url = (await readFile(options.queue.urlFile, 'utf8')).trim();
    return await openRedisSchedule({ url, name: 'egress', clock, logger });
  }
  const paused = await loadPaused(options.pausedFile);
  return createEmbeddedSchedule({ clock, logger, maxJobs: MAX_JOBS, paused });
}

const pausedSchema = z.array(z.string().max(255)).max(100_000);

async function loadPaused(file: string | null): Promise<string[]> {
  if (file === null) return [];
  try {
    return pausedSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
    throw new Error('the file of paused destinations cannot be read', { cause });
  }
}

async function savePaused(file: string | null, schedule: JobSchedule): Promise<void> {
  if (file === null) return;
  await writeFile(`${file}.new`, JSON.stringify(await schedule.paused()), { flush: true });
  await rename(`${file}.new`, file);
}

function createWorkerHint(path: string | null, logger: Logger): WorkerHint & { close(): void } {
  if (path === null) return { incoming: () => {}, close: () => {} };
  const client = connectSocket({ path, protocol: hintProtocol, deadlineMs: HINT_DEADLINE_MS });
  return {
    incoming: (id) => {
      // The worker scans the spool each minute: a lost hint costs time, not mail.
      client.call('hint', { id }).catch((cause: unknown) => {
        logger.warn('hint.lost', { queueId: id, cause });
      });
    },
    close: () => client.close(),
  };
}
