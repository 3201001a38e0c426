import type { QueueId } from '@sallyport/mail';
import type { JobRef, JobSchedule } from './schedule.ts';

const BATCH = 500;

/**
 * The owner's scan: makes the jobs again that the schedule does not know. Run at start and each
 * minute; recovery is the normal path.
 *
 * `jobOf` is asked for missing ids only; null means that the file is gone by now.
 *
 * @returns how many were added.
 */
export async function restoreJobs(options: {
  readonly ids: AsyncIterable<QueueId>;
  readonly schedule: JobSchedule;
  readonly jobOf: (id: QueueId) => Promise<JobRef | null>;
}): Promise<number> {
  let added = 0;
  let batch: QueueId[] = [];
  const addMissing = async (): Promise<void> => {
    for (const id of await options.schedule.missing(batch)) {
      const job = await options.jobOf(id);
      if (job === null) continue;
      await options.schedule.add(job);
      added += 1;
    }
    batch = [];
  };
  for await (const id of options.ids) {
    batch.push(id);
    if (batch.length === BATCH) await addMissing();
  }
  await addMissing();
  return added;
}
