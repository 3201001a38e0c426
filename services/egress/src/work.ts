import type { QueueId } from '@sallyport/mail';
import type { DestinationLimits, JobSchedule } from '@sallyport/queue';
import { type DeliverPorts, deliver } from './deliver.ts';
import type { Destinations } from './destinations.ts';
import type { EgressOptions } from './options.ts';

/** Begins to work on `outgoing`; `active` holds the ids that are being worked on. */
export function startWork(
  schedule: JobSchedule,
  given: {
    readonly options: EgressOptions;
    readonly ports: DeliverPorts;
    readonly active: Set<QueueId>;
  },
): void {
  const { options, ports, active } = given;
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
      perDestination: limitsOf(options, ports.destinations),
    },
  );
}

/** What the config gives a destination, less of it while that is in trouble. */
function limitsOf(
  options: Pick<EgressOptions, 'perDestination' | 'rate' | 'destinations'>,
  destinations: Destinations,
): (destination: string) => DestinationLimits {
  const own = new Map(options.destinations.map((row) => [row.domain, row]));
  const others = { concurrency: options.perDestination, rate: options.rate };
  return (destination) => {
    const { concurrency, rate } = own.get(destination) ?? others;
    return {
      concurrency: destinations.concurrencyOf(destination, concurrency),
      ...(rate === null ? {} : { rate }),
    };
  };
}
