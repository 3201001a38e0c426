import { readFileSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { isSystemError } from '@sallyport/disk';
import {
  connectSocket,
  egressProtocol,
  hintProtocol,
  recorderProtocol,
  serveSocket,
} from '@sallyport/ipc';
import { type Logger, Metrics } from '@sallyport/log';
import { createResolver, type FetchPorts, LookupMemory, systemRandom } from '@sallyport/lookup';
import { type Clock, parseDomain, type QueueId, repeat } from '@sallyport/mail';
import { PolicyReader } from '@sallyport/policy-store/read';
import {
  createEmbeddedSchedule,
  DestinationHealth,
  type JobSchedule,
  openRedisSchedule,
} from '@sallyport/queue';
import { Spool } from '@sallyport/spool';
import { MtaStsLocator, TlsContexts } from '@sallyport/transport';
import { z } from 'zod';
import { AddressHealth } from './address-health.ts';
import type { DeliverPorts } from './deliver.ts';
import { createOutgoingFiles } from './files.ts';
import { createReportFormatter } from './formatter.ts';
import { serveEgressHealth } from './health.ts';
import { pausedSet, restoreOutgoing } from './jobs.ts';
import { MtaStsFolder } from './mta-sts-store.ts';
import type { EgressOptions } from './options.ts';
import { SessionPool } from './pool.ts';
import type { RouteLocator, WorkerHint } from './ports.ts';
import { SizeProbe } from './probe-size.ts';
import { createRecorder } from './recorder.ts';
import { createRouteLocator } from './routes.ts';
import type { SendPorts } from './tls-reports/send.ts';
import { TlsReports } from './tls-reports/tls-reports.ts';
import { createVerbs } from './verbs.ts';
import { startWork } from './work.ts';

const RECORDER_DEADLINE_MS = 10_000;
const HINT_DEADLINE_MS = 5_000;
const MAX_JOBS = 2_000_000;
/** RFC 8461 section 3.3: what is known is looked at often enough to be fetched anew each day. */
const MTA_STS_REFRESH_MS = 3_600_000;
const TLS_REPORT_LOOK_MS = 60_000;

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
  const recorderClient = connectRecorder(options);
  const metrics = new Metrics('egress');
  const worker = createWorkerHint(options.workerSocket, logger);
  const schedule = await createSchedule(world);
  const pool = createPool(world);
  const { routes, mtaSts, fetch } = createRoutes(world);
  const own = {
    files: createOutgoingFiles(spool),
    recorder: createRecorder(recorderClient, () => performance.now()),
    worker,
    clock,
  };
  const tlsReports = await createTlsReports(world, { ...own, fetch });
  const ports: DeliverPorts = {
    ...own,
    formatter: createReportFormatter(options),
    ...(tlsReports === null ? {} : { tlsReports }),
    ...{ routes, pool, metrics, logger },
    addresses: new AddressHealth(clock),
    destinations: new DestinationHealth({ clock, schedule: retrySchedule(options) }),
    timeouts: options.timeouts,
    schedule: retrySchedule(options),
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
  startWork(schedule, { options, ports, active });
  const scan = () =>
    restoreOutgoing(spool, schedule, ports.destinations).catch((cause: unknown) => {
      logger.error('spool.scan-failed', { cause });
    });
  await scan();
  const health = await serveEgressHealth(world, { spool, schedule, metrics });
  const repeated = [
    repeat(clock, options.scanMs, () => void scan()),
    repeat(clock, MTA_STS_REFRESH_MS, () => void refresh(mtaSts, logger)),
    repeat(clock, TLS_REPORT_LOOK_MS, () => void tlsReports?.sendDue()),
  ];
  return {
    close: async () => {
      for (const stop of repeated) stop();
      await health.close();
      await server.close();
      await schedule.close();
      pool.close();
      await tlsReports?.close();
      worker.close();
      recorderClient.close();
      await spool.close();
    },
  };
}

function connectRecorder({ recorderSocket: path }: EgressOptions) {
  return connectSocket({ path, protocol: recorderProtocol, deadlineMs: RECORDER_DEADLINE_MS });
}

async function refresh(mtaSts: { refreshAll(): Promise<void> }, logger: Logger): Promise<void> {
  try {
    await mtaSts.refreshAll();
  } catch (cause) {
    logger.error('mta-sts.refresh-failed', { cause });
  }
}

function openSpool(options: EgressOptions, logger: Logger): Promise<Spool> {
  return Spool.open({
    folder: options.spool.folder,
    readerKeys: { worker: readFileSync(options.spool.workerPublicKeyFile, 'utf8') },
    privateKey: { name: 'egress', pem: readFileSync(options.spool.privateKeyFile, 'utf8') },
    logger,
  });
}

function createPool({ options, logger, clock }: World): SessionPool {
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
      clock,
    },
    logger,
  });
}

function createRoutes({ options, clock, logger }: World): {
  readonly routes: RouteLocator;
  readonly mtaSts: MtaStsLocator;
  readonly fetch: FetchPorts;
} {
  const policy = new PolicyReader(options.policyFolder, clock);
  const resolver = createResolver({
    servers: options.dns.servers.map(({ host, port }) => ({ address: host, port })),
    trusted: options.dns.trusted,
    timeoutMs: options.dns.timeoutMs,
    clock,
    random: systemRandom,
  });
  const { folder, allowPrivateAddresses, tlsAnchorsFile } = options.mtaSts;
  const fetch: FetchPorts = {
    resolver,
    memory: new LookupMemory(clock),
    allowPrivateAddresses,
    ...(tlsAnchorsFile === null ? {} : { tlsAnchors: [readFileSync(tlsAnchorsFile, 'utf8')] }),
  };
  const mtaSts = new MtaStsLocator({
    ...fetch,
    clock,
    store: new MtaStsFolder({ folder, logger }),
    onProblem: (domain, reason) => logger.warn('mta-sts.fetch-failed', { domain, reason }),
  });
  const routes = createRouteLocator({
    rows: options.routes,
    ownDomains: options.ownDomains,
    mxPort: options.mxPort,
    resolver,
    mtaSts,
    policy: (version) => (version === undefined ? policy.current() : policy.version(version)),
  });
  return { routes, mtaSts, fetch };
}

async function createTlsReports(
  { options, clock, logger }: World,
  ports: Omit<SendPorts, 'from'>,
): Promise<TlsReports | null> {
  const { tlsReports, gatewayName, ownDomains, localAddress } = options;
  if (tlsReports === null) return null;
  const domain = parseDomain(tlsReports.submitter);
  if (domain === null) throw new Error(`${tlsReports.submitter} is no domain`);
  return await TlsReports.open({
    ...{ ...tlsReports, gatewayName, ownDomains, clock, logger },
    sendingIp: localAddress,
    ports: { ...ports, from: { localPart: 'postmaster', domain } },
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
    if (isSystemError(cause, 'ENOENT')) return [];
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
