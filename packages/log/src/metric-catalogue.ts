/** One metric: what it counts, who serves it, and every value that its labels can have. */
export interface MetricRow {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** The processes that serve it. */
  readonly by: readonly string[];
  /** A closed list of values, or `word`: words of our own such as fault ids, bounded in number. */
  readonly labels: Readonly<Record<string, readonly string[] | 'word'>>;
  /** Upper bounds of a histogram. */
  readonly buckets?: readonly number[];
}

/** Every process of a gateway that serves metrics. */
export const METRIC_SERVERS = [
  'recorder',
  'keyholder',
  'worker-outward',
  'worker-inward',
  'worker-advise',
  'egress',
  'directory',
  'console',
  'shipper',
  'monitor',
  'ingress',
] as const;
export type MetricServer = (typeof METRIC_SERVERS)[number];

const SHORT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const WAITING_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400];

/** Doors behind which somebody is asked, and the proofs of a path. */
const ASKED_DOORS = [
  'smimea',
  'cert',
  'ldap',
  'ldap-srv',
  'http-srv',
  'trial',
  'harvested',
  'issuers',
  'revocation',
] as const;

const QUEUES = ['incoming', 'outgoing', 'hold', 'corrupt'] as const;
const ORIGINS = ['outward', 'inward', 'gateway'] as const;
const QUEUE_OWNERS = ['worker-outward', 'egress'] as const;

/**
 * Every metric of the gateway (Prometheus names, base units). No label ever holds what a stranger
 * or a person wrote: no address, no domain, no name of a partner.
 */
export const METRICS = {
  sallyport_received_messages_total: {
    type: 'counter',
    help: 'Messages whose data a client sent whole, by what it was told.',
    by: ['ingress'],
    labels: { direction: ['outward', 'inward'], outcome: ['accepted', 'refused'] },
  },
  sallyport_refusals_total: {
    type: 'counter',
    help: 'Commands, recipients and messages that were refused, as the audit log has them.',
    by: ['recorder'],
    labels: {
      stage: ['connect', 'ehlo', 'auth', 'mail', 'rcpt', 'data', 'judge', 'decide'],
      fault: 'word',
    },
  },
  sallyport_verdict_duration_seconds: {
    type: 'histogram',
    help: 'From the end of mail data to our reply.',
    by: ['ingress'],
    labels: { direction: ['outward', 'inward'] },
    buckets: SHORT_SECONDS,
  },
  sallyport_accepted_messages_total: {
    type: 'counter',
    help: 'Messages that the gateway answers for, by origin, as the audit log has them.',
    by: ['recorder'],
    labels: { direction: ORIGINS },
  },
  sallyport_decisions_total: {
    type: 'counter',
    help: 'Decisions on outward mail, each for one or more recipients.',
    by: ['recorder'],
    labels: { decision: ['protect', 'sign-only', 'pass', 'hold', 'refuse', 'wait'] },
  },
  sallyport_judgements_total: {
    type: 'counter',
    help: 'Judgements on inward mail.',
    by: ['recorder'],
    labels: { decision: ['deliver', 'hold', 'refuse', 'wait'] },
  },
  sallyport_held_messages_total: {
    type: 'counter',
    help: 'Messages that went into quarantine.',
    by: ['recorder'],
    labels: { fault: 'word' },
  },
  sallyport_logins_total: {
    type: 'counter',
    help: 'Logins at the submission port.',
    by: ['recorder'],
    labels: { outcome: ['ok', 'refused', 'locked'] },
  },
  sallyport_notices_total: {
    type: 'counter',
    help: 'Events that a person should hear of; each is an alert of the monitor too.',
    by: ['recorder'],
    labels: {
      kind: [
        'partner-key-changed',
        'log-recovered',
        'key-quarantined',
        'duplicate-ciphertext',
        'corrupt-found',
      ],
    },
  },
  sallyport_audit_events_total: {
    type: 'counter',
    help: 'Events that are in the audit log, under a signed head.',
    by: ['recorder'],
    labels: {},
  },
  sallyport_audit_commit_duration_seconds: {
    type: 'histogram',
    help: 'One commit of the audit log: composed, signed, written and synced.',
    by: ['recorder'],
    labels: {},
    buckets: SHORT_SECONDS,
  },
  sallyport_audit_write_failures_total: {
    type: 'counter',
    help: 'Commits of the audit log that the disk did not take.',
    by: ['recorder'],
    labels: {},
  },
  sallyport_audit_writable: {
    type: 'gauge',
    help: '1 while the audit log can be written; at 0 no message is accepted and no key is used.',
    by: ['recorder'],
    labels: {},
  },
  sallyport_audit_leaves: {
    type: 'gauge',
    help: 'Leaves under the last signed head.',
    by: ['recorder'],
    labels: {},
  },
  sallyport_key_use_duration_seconds: {
    type: 'histogram',
    help: 'One use of a private key with both its records, by what came of it.',
    by: ['keyholder'],
    labels: {
      operation: ['sign', 'sign-dkim', 'unwrap', 'sign-request', 'sign-statement'],
      outcome: ['done', 'failed', 'not-recorded'],
    },
    buckets: SHORT_SECONDS,
  },
  sallyport_keys: {
    type: 'gauge',
    help: 'Keys that the keyholder has loaded.',
    by: ['keyholder'],
    labels: {
      class: ['domain-signing', 'domain-confidentiality', 'dkim', 'statement'],
      state: ['generated', 'pending', 'active', 'decrypt-only', 'retired', 'destroyed'],
    },
  },
  sallyport_lookups_total: {
    type: 'counter',
    help: 'Steps of searches for certificates, by door and what came of them.',
    by: ['worker-outward', 'worker-inward', 'worker-advise'],
    labels: {
      door: ['pinned', ...ASKED_DOORS],
      outcome: ['found', 'nothing', 'usable', 'unusable', 'failed', 'skipped'],
    },
  },
  sallyport_lookup_duration_seconds: {
    type: 'histogram',
    help: 'One step of a search for certificates that asked somebody.',
    by: ['worker-outward', 'worker-inward', 'worker-advise'],
    labels: { door: ASKED_DOORS },
    buckets: SHORT_SECONDS,
  },
  sallyport_queue_messages: {
    type: 'gauge',
    help: 'Messages in a folder of the spool; counted at most every 2 s.',
    by: QUEUE_OWNERS,
    labels: { queue: QUEUES },
  },
  sallyport_queue_oldest_age_seconds: {
    type: 'gauge',
    help: 'Age of the oldest message in a folder of the spool; 0 if there is none.',
    by: QUEUE_OWNERS,
    labels: { queue: QUEUES },
  },
  sallyport_queue_jobs: {
    type: 'gauge',
    help: 'Jobs of the schedule.',
    by: QUEUE_OWNERS,
    labels: { state: ['waiting', 'running'] },
  },
  sallyport_deliveries_total: {
    type: 'counter',
    help: 'Recipients by what a delivery attempt came to.',
    by: ['egress'],
    labels: { direction: ORIGINS, outcome: ['relayed', 'deferred', 'failed', 'expired'] },
  },
  sallyport_relayed_tls_total: {
    type: 'counter',
    help: 'Recipients that mail was relayed for, by the TLS level of the rule and what the session had.',
    by: ['egress'],
    labels: {
      level: ['none', 'may', 'encrypt', 'fingerprint', 'verify', 'secure', 'dane', 'dane-only'],
      session: ['clear', 'encrypted', 'authenticated'],
    },
  },
  sallyport_accepted_to_relayed_seconds: {
    type: 'histogram',
    help: 'From the moment that a message was taken to its relay, by recipient.',
    by: ['egress'],
    labels: { direction: ORIGINS },
    buckets: WAITING_SECONDS,
  },
  sallyport_up: {
    type: 'gauge',
    help: '1 if the process answered the monitor, 0 if not.',
    by: ['monitor'],
    labels: { process: METRIC_SERVERS },
  },
  sallyport_ready: {
    type: 'gauge',
    help: '1 if the process can do its work, 0 if not.',
    by: ['monitor'],
    labels: { process: METRIC_SERVERS },
  },
  sallyport_process_restarts_total: {
    type: 'counter',
    help: 'Times that the monitor saw a process begin anew.',
    by: ['monitor'],
    labels: { process: METRIC_SERVERS },
  },
  sallyport_certificate_expiry_seconds: {
    type: 'gauge',
    help: 'Time until the first certificate of its kind ends; negative once it has ended.',
    by: ['monitor'],
    labels: {
      kind: ['domain-signing', 'domain-confidentiality', 'statement', 'tls', 'partner', 'anchor'],
    },
  },
  sallyport_agreement_expiry_seconds: {
    type: 'gauge',
    help: 'Time until the first agreement with a partner ends; negative once it has ended.',
    by: ['monitor'],
    labels: {},
  },
  sallyport_crl_expiry_seconds: {
    type: 'gauge',
    help: 'Time until the published CRL of our own CA is due; negative once it is overdue.',
    by: ['monitor'],
    labels: {},
  },
  sallyport_alerts_open: {
    type: 'gauge',
    help: 'Alerts that stand and are not resolved.',
    by: ['monitor'],
    labels: {},
  },
  sallyport_alerts_sent_total: {
    type: 'counter',
    help: 'Alerts, reminders and resolve messages, by channel and outcome.',
    by: ['monitor'],
    labels: { channel: ['mail', 'webhook'], outcome: ['sent', 'failed'] },
  },
  sallyport_process_start_time_seconds: {
    type: 'gauge',
    help: 'When the process began, since the Unix epoch, by the clock of the machine.',
    by: METRIC_SERVERS,
    labels: {},
  },
  sallyport_process_cpu_seconds_total: {
    type: 'counter',
    help: 'Processor time of the process.',
    by: METRIC_SERVERS,
    labels: {},
  },
  sallyport_process_resident_memory_bytes: {
    type: 'gauge',
    help: 'Resident memory of the process.',
    by: METRIC_SERVERS,
    labels: {},
  },
  sallyport_process_heap_used_bytes: {
    type: 'gauge',
    help: 'Memory that JavaScript values of the process take.',
    by: METRIC_SERVERS,
    labels: {},
  },
  sallyport_event_loop_lag_seconds: {
    type: 'gauge',
    help: 'Lateness of timers since the last collection; percentile 100 is the greatest.',
    by: METRIC_SERVERS,
    labels: { percentile: ['50', '99', '100'] },
  },
} as const satisfies Readonly<Record<`sallyport_${string}`, MetricRow>>;

export type MetricName = keyof typeof METRICS;
type MetricType = MetricRow['type'];

/** The metrics of one type. */
export type NameOf<Type extends MetricType> = {
  [Name in MetricName]: (typeof METRICS)[Name]['type'] extends Type ? Name : never;
}[MetricName];

/** The labels that a metric must have. */
export type LabelsOf<Name extends MetricName> = {
  readonly [Label in keyof (typeof METRICS)[Name]['labels']]: string;
};
