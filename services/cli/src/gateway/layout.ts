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
    readonly outward: string;
    readonly inward: string;
    readonly advise: string;
    readonly egress: string;
  };
}

export function layoutOf(
  gateway: GatewayConfig['gateway'],
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
    tlsReportsReceived: join(data, 'tls-reports'),
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
      keyholderOperator: join(runtime, 'keyholder-operator.sock'),
      outward: join(runtime, 'outward.sock'),
      inward: join(runtime, 'inward.sock'),
      advise: join(runtime, 'advise.sock'),
      egress: join(runtime, 'egress.sock'),
    },
  };
}
