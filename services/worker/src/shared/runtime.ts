import type { Logger } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';

/** What every role gets beside its options. */
export interface Runtime {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A role at work. */
export interface Started {
  close(): Promise<void>;
}
