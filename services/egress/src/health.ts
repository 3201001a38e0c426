import { readFileSync } from 'node:fs';
import { type HealthServer, serveHealth, shownTlsCertificate } from '@sallyport/ipc';
import type { Logger, Metrics } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';
import { type JobSchedule, QueueGauges } from '@sallyport/queue';
import type { Spool } from '@sallyport/spool';
import type { EgressOptions } from './options.ts';

interface World {
  readonly options: EgressOptions;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Tells how egress is: what waits, and whether the schedule answers. */
export function serveEgressHealth(
  { options, logger, clock }: World,
  of: { readonly spool: Spool; readonly schedule: JobSchedule; readonly metrics: Metrics },
): Promise<HealthServer> {
  const { metrics, schedule } = of;
  const gauges = new QueueGauges({
    ...{ metrics, clock, schedule },
    folders: ['outgoing'],
    list: (folder) => of.spool.list(folder),
  });
  const { clientCertificate: client } = options;
  const shown =
    client === null
      ? []
      : [shownTlsCertificate(readFileSync(client.certificateFile), 'the TLS client of egress')];
  return serveHealth({
    ...{ path: options.healthSocket, logger, metrics },
    check: async () => {
      const { waiting, running } = await schedule.counts();
      return { ok: true, sentence: `messages that wait: ${waiting}, on their way: ${running}` };
    },
    collect: () => gauges.collect(),
    certificates: () => shown,
  });
}
