import type { RedisScheduleOptions } from './redis.ts';
import type { JobSchedule } from './schedule.ts';

/** The schedule of many hosts. BullMQ is loaded only here: most gateways run without it. */
export async function openRedisSchedule(options: RedisScheduleOptions): Promise<JobSchedule> {
  const { createRedisSchedule } = await import('./redis.ts');
  return createRedisSchedule(options);
}
