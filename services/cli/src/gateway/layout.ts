import { join } from 'node:path';
import type { GatewayConfig } from '@sallyport/config';
import type { SealSource } from '@sallyport/ipc';

/** Where everything of one gateway lies. Each process is let into its own part only. */
export interface GatewayLayout {
  readonly runtime: string;
  readonly spool: string;
  readonly audit: string;
  readonly policy: string;
  readonly index: string;
  /** What partners announced that they can read. Derived: deleting it loses preferences only. */
  readonly capabilities: string;
  /** Certificates that came with verified mail. Derived: deleting it loses candidates only. */
  readonly harvested: string;
  readonly keys: string;
  /** What the private keys are sealed under. */
  readonly seal: SealSource;
  readonly published: string;
  /** All that the directory may read: entries, users' certificates, statements, the CRL. */
  readonly publishedFolder: string;
  readonly publishedUsers: string;
  /** The CRL of our CA, DER. */
  readonly publishedCrl: string;
  /** `<domain>.jws`, what each domain says of itself. */
  readonly statements: string;
  readonly logKey: string;
  readonly ca: string;
  /** MTA-STS policies of other domains. Deleting one forgets what its domain demands. */
  readonly mtaStsPolicies: string;
  /** How TLS fared towards others, a file a day, until it is reported (RFC 8460). */
  readonly tlsReportCounts: string;
  /** Accounts of the console. */
  readonly accounts: string;
  /** The search index of the console. Derived: deleting it costs the time to build it again. */
  readonly consoleIndex: string;
  /** Which alerts the monitor sent. */
  readonly monitor: string;
  /** What each target of the shipper got last. */
  readonly shipper: string;
  /** What others report of their TLS towards us. */
  readonly tlsReportsReceived: string;
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
    readonly keyholderOperator: string;
    readonly keyholderConsole: string;
    readonly keyDesk: string;
    readonly outward: string;
    readonly inward: string;
    readonly advise: string;
    readonly egress: string;
  };
}

export function layoutOf(
  gateway: Pick<GatewayConfig['gateway'], 'dataFolder' | 'runtimeFolder'>,
  keys: Partial<GatewayConfig['keys']> = {},
): GatewayLayout {
  const data = gateway.dataFolder;
  const runtime = gateway.runtimeFolder;
  return {
    runtime,
    spool: join(data, 'spool'),
    audit: join(data, 'audit'),
    policy: join(data, 'policy'),
    index: join(data, 'index'),
    capabilities: join(data, 'capabilities'),
    harvested: join(data, 'harvested'),
    keys: join(data, 'keys'),
    seal: keys.seal ?? {
      kind: 'credential',
      credentialFile: join(data, 'keyholder', 'seal-credential'),
    },
    published: join(data, 'published', 'entries.json'),
    publishedFolder: join(data, 'published'),
    publishedUsers: join(data, 'published', 'users'),
    publishedCrl: join(data, 'published', 'ca.crl'),
    statements: join(data, 'published', 'statements'),
    logKey: join(data, 'recorder', 'log-key.pem'),
    ca: join(data, 'ca'),
    mtaStsPolicies: join(data, 'mta-sts'),
    tlsReportCounts: join(data, 'tls-report-counts'),
    accounts: join(data, 'accounts'),
    consoleIndex: join(data, 'console'),
    monitor: join(data, 'monitor'),
    shipper: join(data, 'shipper'),
    tlsReportsReceived: join(data, 'tls-reports'),
    pausedDestinations: join(data, 'egress-state', 'paused.json'),
    spoolKeys: {
      workerPublic: join(data, 'reader-keys', 'worker.pub.pem'),
      workerPrivate: join(data, 'worker', 'spool-key.pem'),
      egressPublic: join(data, 'reader-keys', 'egress.pub.pem'),
      egressPrivate: join(data, 'egress', 'spool-key.pem'),
    },
    // A folder for each: whose group it has may connect (deploy/tmpfiles.d).
    sockets: {
      recorder: join(runtime, 'recorder', 'socket'),
      keyholderOutward: join(runtime, 'keyholder-outward', 'socket'),
      keyholderInward: join(runtime, 'keyholder-inward', 'socket'),
      keyholderOperator: join(runtime, 'keyholder-operator', 'socket'),
      keyholderConsole: join(runtime, 'keyholder-console', 'socket'),
      keyDesk: join(runtime, 'key-desk', 'socket'),
      outward: join(runtime, 'outward', 'socket'),
      inward: join(runtime, 'inward', 'socket'),
      advise: join(runtime, 'advise', 'socket'),
      egress: join(runtime, 'egress', 'socket'),
    },
  };
}
