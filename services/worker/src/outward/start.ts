import { connectSocket, egressProtocol, hintProtocol, serveSocket } from '@sallyport/ipc';
import { parseMailbox, type QueueId, repeat } from '@sallyport/mail';
import { DestinationHealth, type JobSchedule, QueueGauges } from '@sallyport/queue';
import type { Spool } from '@sallyport/spool';
import { KnownCapabilities } from '../capabilities/known-capabilities.ts';
import { createInwardPorts, openSentIndex } from '../inward/ports.ts';
import { releaseInward } from '../inward/release.ts';
import type { OutwardOptions } from '../options.ts';
import { KeyChangeLog } from '../shared/key-change-log.ts';
import { Keyring } from '../shared/keyholder-client.ts';
import { createLookupPorts } from '../shared/lookup-ports.ts';
import { type PolicyInForce, policyTrouble } from '../shared/policy-trouble.ts';
import { createRecorder } from '../shared/recorder-client.ts';
import type { Runtime, Started } from '../shared/runtime.ts';
import { openSpool } from '../shared/spool-client.ts';
import { Backlog } from './backlog.ts';
import { handleOutward } from './handle.ts';
import { expireHeld } from './hold-expiry.ts';
import type { JobResult, OutwardPorts } from './job.ts';
import { KeyWatch } from './key-watch.ts';
import { nextHopLimits } from './next-hop-limits.ts';
import { reportToAuthor } from './reports.ts';
import { createOutwardSchedule, outwardJob, restoreOutward } from './schedule.ts';
import { outwardVerbs } from './verbs.ts';

const SCAN_EVERY_MS = 60_000;
const HINT_DEADLINE_MS = 5_000;

/** Role outward: works through `incoming` and answers queue verbs. */
export async function startOutward(options: OutwardOptions, runtime: Runtime): Promise<Started> {
  const { clock, logger } = runtime;
  const spool = await openSpool(options.spool, logger);
  const path = options.egressSocket;
  const egress = connectSocket({ path, protocol: egressProtocol, deadlineMs: HINT_DEADLINE_MS });
  const tools = { spool, ...(await openTools(options, runtime)) };
  const inward = await createInwardPorts(options, runtime, tools);
  const schedule = await createOutwardSchedule(options.queue, clock, logger);
  const relay = (id: QueueId, destination?: string): void => {
    // A hint that is lost loses no mail: egress scans its folder each minute.
    egress
      .call('hint', destination === undefined ? { id } : { id, destination })
      .catch((cause: unknown) => logger.info('hint.lost', { queueId: id, cause }));
  };
  const ports: OutwardPorts = {
    ...tools,
    clock,
    logger,
    policy: inward.policy,
    scanner: inward.scanner,
    keyWatch: new KeyWatch({ ...tools, logger }),
    capabilities: new KnownCapabilities(options.capabilitiesFolder),
    ownDomains: new Set(options.domains.map((domain) => domain.name)),
    nextHopLimit: nextHopLimits(egress, clock),
    gatewayName: options.gatewayName,
    relay,
    added: async (id) => {
      const job = await outwardJob(spool, id);
      if (job !== null) await schedule.add(job);
    },
    retry: retryOf(options),
    destinations: new DestinationHealth({ clock, schedule: retryOf(options) }),
  };
  const worked = new ActiveJobs((id) => handleOutward(id, ports));
  const server = await serveSocket({
    path: options.listen,
    protocol: hintProtocol,
    handlers: outwardVerbs({
      ...tools,
      schedule,
      holdExpiryMs: options.holdExpiryMs,
      roomAfter: (id) => worked.backlog.room(id, performance.now()),
      clock,
      isActive: (id) => worked.has(id),
      releaseInward: (id, record) => releaseInward(id, { ...inward, relay, record }),
      notifyDropped: (folder, id) => notifyDropped(folder, id, ports),
    }),
    logger,
  });
  schedule.start((job) => worked.run(job.id), {
    concurrency: options.concurrency,
    perDestination: limitsOf(options.concurrency, ports),
  });
  const scan = async (): Promise<void> => {
    await restoreOutward(spool, schedule, ports.destinations);
    await expireHeld(ports, options.holdExpiryMs);
  };
  await restoreOutward(spool, schedule, ports.destinations);
  const stopScanning = repeat(clock, SCAN_EVERY_MS, () => {
    scan().catch((cause: unknown) => logger.error('scan.failed', { cause }));
  });
  return {
    health: healthOf(runtime, { spool, schedule, policy: ports.policy }),
    close: async () => {
      stopScanning();
      await server.close();
      await schedule.close();
      egress.close();
      await spool.close();
    },
  };
}

/** Well while the schedule answers; what waits is counted when somebody asks. */
function healthOf(
  { metrics, clock }: Runtime,
  of: { readonly spool: Spool; readonly schedule: JobSchedule; readonly policy: PolicyInForce },
): NonNullable<Started['health']> {
  const { spool, schedule, policy } = of;
  const folders = ['incoming', 'hold', 'corrupt'] as const;
  const gauges =
    metrics === undefined
      ? null
      : new QueueGauges({
          ...{ metrics, clock, folders, schedule },
          list: (folder) => spool.list(folder),
        });
  return {
    check: async () => {
      const unusable = await policyTrouble(policy);
      if (unusable !== null) return unusable;
      const { waiting, running } = await schedule.counts();
      return { ok: true, sentence: `messages that wait: ${waiting}, in work: ${running}` };
    },
    collect: async () => await gauges?.collect(),
  };
}

/** Where the lookups for one domain take long, the mail of others goes on. */
function limitsOf(concurrency: number, { destinations }: OutwardPorts) {
  const share = Math.max(1, Math.floor((concurrency * 3) / 4));
  return (name: string) => ({ concurrency: destinations.concurrencyOf(name, share) });
}

async function openTools(options: OutwardOptions, runtime: Runtime) {
  const { clock } = runtime;
  const recorder = createRecorder(options.recorderSocket);
  return {
    sent: await openSentIndex(options, runtime),
    recorder,
    lookup: await createLookupPorts(options, clock, runtime.metrics),
    keyChangeLog: new KeyChangeLog(recorder),
    keyring: new Keyring({ path: options.keyholderSocket, role: 'outward', clock }),
  };
}

function retryOf({ retry }: OutwardOptions): OutwardPorts['retry'] {
  return {
    minBackOffMs: retry.firstMs,
    maxBackOffMs: retry.longestMs,
    warnAfterMs: retry.delayWarningMs,
    expireAfterMs: retry.expiryMs,
  };
}

/** Knows what is being worked on: nobody may drop that. */
class ActiveJobs {
  readonly #ids = new Set<QueueId>();
  readonly #handle: (id: QueueId) => Promise<JobResult>;
  readonly backlog = new Backlog();

  constructor(handle: (id: QueueId) => Promise<JobResult>) {
    this.#handle = handle;
  }

  has(id: QueueId): boolean {
    return this.#ids.has(id);
  }

  async run(id: QueueId): Promise<JobResult> {
    this.#ids.add(id);
    this.backlog.started(id);
    try {
      return await this.#handle(id);
    } finally {
      this.#ids.delete(id);
    }
  }
}

async function notifyDropped(
  folder: 'incoming' | 'hold',
  id: QueueId,
  ports: OutwardPorts,
): Promise<boolean> {
  const stored = await ports.spool.read(folder, id);
  if (stored.kind !== 'ok' || stored.header.origin === 'inward') return false;
  const recipients = stored.header.forwardPaths.filter((one) => parseMailbox(one.path) !== null);
  const sentence = 'Returned: an operator removed the message from the queue.';
  const report = { action: 'failed', fault: 'dropped-by-operator', sentence, recipients } as const;
  return await reportToAuthor(stored.header, stored.content, report, ports);
}
