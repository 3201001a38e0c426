import type { HealthParts } from '@sallyport/ipc';
import type { Logger, Metrics } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';

/** What every role gets beside its options. */
export interface Runtime {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Left out: nobody counts. */
  readonly metrics?: Metrics;
}

/** A role at work. */
export interface Started {
  /** How it is; left out, it is well if it answers. */
  readonly health?: Pick<HealthParts, 'check' | 'collect'>;
  close(): Promise<void>;
}
