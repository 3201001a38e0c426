/** When which message is worked on: the embedded driver and the BullMQ driver of one contract. */
export { DestinationHealth, type Trouble } from './destination-health.ts';
export { createEmbeddedSchedule, type EmbeddedScheduleOptions } from './embedded.ts';
export { openRedisSchedule } from './open-redis.ts';
export { QueueGauges } from './queue-gauges.ts';
export type { RedisScheduleOptions } from './redis.ts';
export { restoreJobs } from './restore.ts';
export {
  DEFAULT_RETRY_SCHEDULE,
  type NextAttempt,
  nextAttempt,
  type RetrySchedule,
} from './retry.ts';
export type {
  DestinationLimits,
  JobCounts,
  JobHandler,
  JobOutcome,
  JobRef,
  JobSchedule,
  JobState,
  JobView,
  StartOptions,
  SurpriseBackOff,
} from './schedule.ts';
