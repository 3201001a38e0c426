import { join } from 'node:path';
import type { GatewayConfig } from '@sallyport/config';

/** Where everything of one gateway lies. Each process is let into its own part only. */
export interface GatewayLayout {
  readonly runtime: string;
  readonly spool: string;
  readonly audit: string;
  readonly policy: string;
  readonly index: string;
  /** What partners announced that they can read. Derived: deleting it loses preferences only. */
  readonly capabilities: string;
  readonly keys: string;
  readonly published: string;
  readonly logKey: string;
  readonly ca: string;
  /** Egress remembers here which destinations an operator stopped. */
  readonly pausedDestinations: string;
  readonly spoolKeys: {
    readonly workerPublic: string;
    readonly workerPrivate: string;
    readonly egressPublic: string;
    readonly egressPrivate: string;
  };
  readonly sockets: {
    readonly recorder: string;
    readonly keyholderOutward: string;
    readonly keyholderInward: string;
    readonly outward: string;
    readonly inward: string;
    readonly advise: string;
    readonly egress: string;
  };
}

export function layoutOf(gateway: GatewayConfig['gateway']): GatewayLayout {
  const data = gateway.dataFolder;
  const runtime = gateway.runtimeFolder;
  return {
    runtime,
    spool: join(data, 'spool'),
    audit: join(data, 'audit'),
    policy: join(data, 'policy'),
    index: join(data, 'index'),
    capabilities: join(data, 'capabilities'),
    keys: join(data, 'keys'),
    published: join(data, 'published', 'entries.json'),
    logKey: join(data, 'recorder', 'log-key.pem'),
    ca: join(data, 'ca'),
    pausedDestinations: join(data, 'egress-state', 'paused.json'),
    spoolKeys: {
      workerPublic: join(data, 'reader-keys', 'worker.pub.pem'),
      workerPrivate: join(data, 'worker', 'spool-key.pem'),
      egressPublic: join(data, 'reader-keys', 'egress.pub.pem'),
      egressPrivate: join(data, 'egress', 'spool-key.pem'),
    },
    sockets: {
      recorder: join(runtime, 'recorder.sock'),
      keyholderOutward: join(runtime, 'keyholder-outward.sock'),
      keyholderInward: join(runtime, 'keyholder-inward.sock'),
      outward: join(runtime, 'outward.sock'),
      inward: join(runtime, 'inward.sock'),
      advise: join(runtime, 'advise.sock'),
      egress: join(runtime, 'egress.sock'),
    },
  };
}
