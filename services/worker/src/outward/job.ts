import type { Logger } from '@sallyport/log';
import type { Clock, Content, QueueId } from '@sallyport/mail';
import type { ActivePolicy, PolicyReader } from '@sallyport/policy-store/read';
import type { DestinationHealth, RetrySchedule } from '@sallyport/queue';
import type { QueueFileHeader } from '@sallyport/spool';
import type { KnownCapabilities } from '../capabilities/known-capabilities.ts';
import type { Scanner } from '../filter/filter.ts';
import type { HashIndex } from '../shared/hash-index.ts';
import type { KeyChangeLog } from '../shared/key-change-log.ts';
import type { Keyring } from '../shared/keyholder-client.ts';
import type { LookupPorts } from '../shared/lookup-ports.ts';
import type { KeyWatch } from './key-watch.ts';
import type { ReportPorts } from './reports.ts';
import type { OutwardState } from './state.ts';
import type { Wait } from './wait.ts';

export interface OutwardPorts extends ReportPorts {
  readonly keyring: Keyring;
  readonly policy: PolicyReader;
  readonly lookup: LookupPorts;
  readonly keyChangeLog: KeyChangeLog;
  readonly keyWatch: KeyWatch;
  readonly scanner: Scanner | null;
  readonly sent: HashIndex;
  readonly capabilities: KnownCapabilities;
  /** What the next hop of a domain takes, in bytes; null if it does not say. */
  readonly nextHopLimit: (domain: string) => Promise<number | null>;
  /** Tells egress that there is a new message in `outgoing`. */
  readonly relay: (id: QueueId, destination?: string) => void;
  readonly retry: RetrySchedule;
  /** Domains about which nothing can be found out at present, and what the last try came to. */
  readonly destinations: DestinationHealth<Wait>;
  readonly logger: Logger;
  readonly clock: Clock;
}

export type JobResult = { readonly kind: 'done' } | { readonly kind: 'again'; readonly at: Date };

export const DONE: JobResult = { kind: 'done' };
export type ForwardEntry = QueueFileHeader['forwardPaths'][number];

/** One message on its way out, with what is known of it. */
export interface Job {
  readonly header: QueueFileHeader;
  readonly content: Content;
  readonly state: OutwardState;
  readonly active: ActivePolicy;
  /** The id under which it was accepted; keys are used in its name. */
  readonly acceptedAs: QueueId;
  /** Forward-paths that are settled; grows as the work goes on, and outlives an outage. */
  readonly settled: Set<string>;
}
