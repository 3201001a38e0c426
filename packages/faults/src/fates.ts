import type { FaultId } from './catalogue.ts';
import type { FaultFate } from './fault.ts';

/** What becomes of a message that meets a fault, in the order in which it can happen. */
export interface Fate {
  readonly fates: readonly [FaultFate, ...FaultFate[]];
  /** One sentence for admins. */
  readonly note: string;
}

const CLIENT_TRIES_AGAIN = {
  fates: ['waits'],
  note: 'Not taken. It stays with the client, which tries again.',
} as const;
const OVER_LIMIT = {
  fates: ['refused', 'comes back'],
  note: 'Inward it is refused inside DATA. Outward it comes back.',
} as const;
const NOT_TAKEN = {
  fates: ['refused'],
  note: 'Not taken. The client keeps it and must change something.',
} as const;
const WAITS_OR_CLIENT = {
  fates: ['waits', 'comes back'],
  note: 'Outward it waits in the queue and comes back after `retry.expiry`. Inward the reply is 451 and the partner tries again.',
} as const;
const INWARD_RULE = {
  fates: ['refused', 'held'],
  note: 'Refused inside DATA, or held, as `inbound.otherwise` says; `flag` delivers with a warning.',
} as const;
const OUTWARD_RULE = {
  fates: ['held', 'comes back'],
  note: 'Held, or sent back, as `outbound.otherwise` says.',
} as const;
const EGRESS_TRIES = {
  fates: ['waits', 'comes back'],
  note: 'Waits in `outgoing`, tried again; comes back after `retry.expiry`.',
} as const;
const EGRESS_RETURNS = {
  fates: ['comes back', 'held'],
  note: 'Comes back at once. What partners sent and is not proven theirs is held, so that no forged author gets a report.',
} as const;

/** What each fault does to a message. Complete: a fault without a row does not compile. */
export const FATES = {
  internal: WAITS_OR_CLIENT,
  overloaded: CLIENT_TRIES_AGAIN,
  'shutting-down': CLIENT_TRIES_AGAIN,
  'recorder-unavailable': WAITS_OR_CLIENT,
  'keyholder-unavailable': WAITS_OR_CLIENT,
  'worker-unavailable': CLIENT_TRIES_AGAIN,
  'too-many-connections': CLIENT_TRIES_AGAIN,
  'early-talker': CLIENT_TRIES_AGAIN,
  'too-many-errors': CLIENT_TRIES_AGAIN,
  'command-timeout': CLIENT_TRIES_AGAIN,
  'session-timeout': CLIENT_TRIES_AGAIN,
  'mechanism-unknown': NOT_TAKEN,
  'line-too-long': NOT_TAKEN,
  'bare-line-end': NOT_TAKEN,
  'nul-in-data': NOT_TAKEN,
  'syntax-error': NOT_TAKEN,
  'command-unknown': NOT_TAKEN,
  'command-not-implemented': NOT_TAKEN,
  'bad-sequence': NOT_TAKEN,
  'xclient-refused': NOT_TAKEN,
  'parameter-unknown': NOT_TAKEN,
  'starttls-required': NOT_TAKEN,
  'client-certificate-required': NOT_TAKEN,
  'tls-failed': CLIENT_TRIES_AGAIN,
  'authentication-required': NOT_TAKEN,
  'authentication-failed': NOT_TAKEN,
  'authentication-busy': CLIENT_TRIES_AGAIN,
  'authentication-encryption-required': NOT_TAKEN,
  'relay-denied': NOT_TAKEN,
  'sender-not-yours': NOT_TAKEN,
  'author-not-yours': NOT_TAKEN,
  'mailbox-syntax': NOT_TAKEN,
  'smtputf8-required': NOT_TAKEN,
  'recipient-unknown': NOT_TAKEN,
  'recipient-reserved': NOT_TAKEN,
  'recipient-check-unavailable': CLIENT_TRIES_AGAIN,
  'too-many-recipients': {
    fates: ['waits'],
    note: 'The client sends it to the other recipients in another transaction.',
  },
  'recipient-needs-own-transaction': {
    fates: ['waits'],
    note: 'The client sends it to this recipient in another transaction.',
  },
  'message-too-big': NOT_TAKEN,
  'spool-full': CLIENT_TRIES_AGAIN,
  'routing-loop': NOT_TAKEN,
  'verdict-timeout': CLIENT_TRIES_AGAIN,
  'tls-report-refused': {
    fates: ['refused'],
    note: 'Refused inside DATA: mail for `tls-reports` that is no TLS report about us which its submitter signed.',
  },
  'message-malformed': {
    fates: ['refused', 'comes back'],
    note: 'Inward it is refused inside DATA. Outward it comes back.',
  },
  'limit-exceeded': OVER_LIMIT,
  'content-too-big': OVER_LIMIT,
  'header-too-long': OVER_LIMIT,
  'too-many-parts': OVER_LIMIT,
  'nested-too-deeply': OVER_LIMIT,
  'too-many-recipient-infos': OVER_LIMIT,
  'too-many-signers': OVER_LIMIT,
  'too-many-certificates': OVER_LIMIT,
  'expands-too-far': OVER_LIMIT,
  'decryption-failed': {
    fates: ['refused', 'held'],
    note: 'Refused where the rule demands a signature, else taken and held. One reply for every cause; the log has the true one.',
  },
  'algorithm-unsupported': INWARD_RULE,
  'key-too-short': INWARD_RULE,
  'key-too-long': INWARD_RULE,
  'key-exponent-unsafe': INWARD_RULE,
  'message-integrity': INWARD_RULE,
  'signature-required': INWARD_RULE,
  'signer-not-trusted': INWARD_RULE,
  'signer-revoked': INWARD_RULE,
  'dmarc-failed': INWARD_RULE,
  'signer-not-published': INWARD_RULE,
  'signer-mismatch': INWARD_RULE,
  'encryption-required': INWARD_RULE,
  'content-refused': {
    fates: ['refused', 'comes back'],
    note: 'Inward it is refused inside DATA. Outward it comes back.',
  },
  'scanner-unavailable': {
    fates: ['waits', 'held'],
    note: 'Waits (inward: 451), or is held, as `filters.*.scannerDown` says. Never passed on unchecked.',
  },
  'directory-unreachable': {
    fates: ['waits', 'comes back'],
    note: 'Mandatory encryption waits and comes back after `retry.expiry`; `when-possible` waits for `lookupFailure.wait` and then does what `lookupFailure.then` says.',
  },
  'dns-failure': {
    fates: ['waits', 'comes back'],
    note: 'As with a directory that is down; at egress it waits and comes back after `retry.expiry`.',
  },
  'lookup-unavailable': {
    fates: ['held'],
    note: 'Only with `encrypt: when-possible` and `lookupFailure.then: hold`, after the waiting time.',
  },
  'revocation-unavailable': {
    fates: ['waits', 'comes back'],
    note: 'Only with `revocation: hard`. Outward it is like a directory that is down: mandatory encryption waits and comes back after `retry.expiry`. Inward the reply is 451 and the partner tries again.',
  },
  'recipient-certificate-missing': OUTWARD_RULE,
  'recipient-certificate-untrusted': OUTWARD_RULE,
  'recipient-certificate-expired': OUTWARD_RULE,
  'recipient-certificate-revoked': OUTWARD_RULE,
  'recipient-certificate-unfit': OUTWARD_RULE,
  'partner-key-changed': OUTWARD_RULE,
  'recipient-certificate-mismatch': OUTWARD_RULE,
  'no-common-algorithm': OUTWARD_RULE,
  'agreement-expired': { fates: ['held'], note: 'Held in both directions until it is renewed.' },
  'held-by-policy': {
    fates: ['held', 'comes back'],
    note: 'Held until a security admin releases or drops it; comes back after `hold.expiry`.',
  },
  'hold-expired': {
    fates: ['comes back'],
    note: 'Own mail comes back. What partners sent is removed with a record.',
  },
  'own-key-unavailable': {
    fates: ['waits', 'comes back'],
    note: 'Waits in the queue and comes back after `retry.expiry`.',
  },
  'inner-signature-invalid': OUTWARD_RULE,
  'review-required': OUTWARD_RULE,
  'list-attributes-unusable': OUTWARD_RULE,
  'label-unrecognised': INWARD_RULE,
  'originator-not-authentic': { fates: ['comes back'], note: 'Comes back; never signed.' },
  'dropped-by-operator': {
    fates: ['comes back'],
    note: 'Comes back if the operator asked to notify; else it is removed with a record.',
  },
  'protected-too-big': { fates: ['comes back'], note: 'Comes back before it is encrypted.' },
  'tls-not-offered': EGRESS_TRIES,
  'tls-not-trusted': EGRESS_TRIES,
  'tls-handshake-failed': EGRESS_TRIES,
  'tlsa-unavailable': EGRESS_TRIES,
  'dane-required': EGRESS_TRIES,
  'mx-not-proven': EGRESS_TRIES,
  'mta-sts-not-met': EGRESS_TRIES,
  'next-hop-unreachable': EGRESS_TRIES,
  'next-hop-deferred': EGRESS_TRIES,
  'next-hop-refused': EGRESS_RETURNS,
  'next-hop-lost': EGRESS_TRIES,
  'domain-unknown': EGRESS_RETURNS,
  'null-mx': EGRESS_RETURNS,
  'eight-bit-not-offered': EGRESS_RETURNS,
  'requiretls-not-offered': EGRESS_RETURNS,
  'requiretls-not-met': EGRESS_RETURNS,
  'smtputf8-not-offered': EGRESS_RETURNS,
  expired: EGRESS_RETURNS,
} as const satisfies Record<FaultId, Fate>;

/** One line of the table of outages: what is broken, under which rule, and what the message does. */
export interface Outage {
  readonly outage: string;
  readonly direction: 'outward' | 'inward' | 'both';
  /** The part of the rule that decides; empty if none does. */
  readonly rule: string;
  readonly fault: FaultId;
  /** What happens first. */
  readonly first: FaultFate;
  /** What happens if it stays broken or nobody acts; null if that is the end of it. */
  readonly then: FaultFate | 'goes on signed' | null;
}

type Row = readonly [
  outage: string,
  direction: Outage['direction'],
  rule: string,
  fault: FaultId,
  first: FaultFate,
  then: Outage['then'],
];

const REQUIRED = 'encrypt: required';
const HARD = 'trust.revocation: hard';
const HOLDS = 'encrypt: required, otherwise: hold';
const RETURNS = 'encrypt: required, otherwise: refuse';

const ROWS: readonly Row[] = [
  ['no certificate', 'outward', HOLDS, 'recipient-certificate-missing', 'held', 'comes back'],
  ['no certificate', 'outward', RETURNS, 'recipient-certificate-missing', 'comes back', null],
  ['certificate expired', 'outward', HOLDS, 'recipient-certificate-expired', 'held', 'comes back'],
  ['certificate expired', 'outward', RETURNS, 'recipient-certificate-expired', 'comes back', null],
  [
    "certificate not in the partner's name",
    'outward',
    HOLDS,
    'recipient-certificate-mismatch',
    'held',
    'comes back',
  ],
  [
    "certificate not in the partner's name",
    'outward',
    RETURNS,
    'recipient-certificate-mismatch',
    'comes back',
    null,
  ],
  [
    'certificate without a path to the anchor',
    'outward',
    HOLDS,
    'recipient-certificate-untrusted',
    'held',
    'comes back',
  ],
  [
    'certificate without a path to the anchor',
    'outward',
    RETURNS,
    'recipient-certificate-untrusted',
    'comes back',
    null,
  ],
  ['directory down', 'outward', REQUIRED, 'directory-unreachable', 'waits', 'comes back'],
  [
    'directory down',
    'outward',
    'encrypt: when-possible, lookupFailure.then: send-signed',
    'directory-unreachable',
    'waits',
    'goes on signed',
  ],
  [
    'directory down',
    'outward',
    'encrypt: when-possible, lookupFailure.then: hold',
    'lookup-unavailable',
    'held',
    'comes back',
  ],
  ['DNS SERVFAIL for the directory', 'outward', REQUIRED, 'dns-failure', 'waits', 'comes back'],
  [
    'DNS SERVFAIL for the directory',
    'outward',
    'encrypt: when-possible, lookupFailure.then: send-signed',
    'dns-failure',
    'waits',
    'goes on signed',
  ],
  [
    'CRL server down',
    'outward',
    `${REQUIRED}, ${HARD}`,
    'revocation-unavailable',
    'waits',
    'comes back',
  ],
  ['CRL server down', 'inward', HARD, 'revocation-unavailable', 'waits', null],
  [
    "partner's certificate revoked",
    'outward',
    HOLDS,
    'recipient-certificate-revoked',
    'held',
    'comes back',
  ],
  [
    "partner's certificate revoked",
    'outward',
    RETURNS,
    'recipient-certificate-revoked',
    'comes back',
    null,
  ],
  [
    "signer's certificate revoked",
    'inward',
    'otherwise: refuse',
    'signer-revoked',
    'refused',
    null,
  ],
  [
    "pinned partner's key changed",
    'outward',
    `${HOLDS}, keyChange: approve`,
    'partner-key-changed',
    'held',
    'comes back',
  ],
  ['DNS SERVFAIL for the mail host', 'outward', '', 'dns-failure', 'waits', 'comes back'],
  ['keyholder down', 'outward', '', 'keyholder-unavailable', 'waits', 'comes back'],
  ['keyholder down', 'inward', '', 'keyholder-unavailable', 'waits', null],
  ['recorder down: new mail', 'both', '', 'recorder-unavailable', 'waits', null],
  ['recorder down: accepted mail', 'outward', '', 'recorder-unavailable', 'waits', 'comes back'],
  ['worker down: judging', 'inward', '', 'worker-unavailable', 'waits', null],
  ['worker down: checking recipients', 'inward', '', 'recipient-check-unavailable', 'waits', null],
  ['judgement too slow', 'inward', '', 'verdict-timeout', 'waits', null],
  [
    'no active key of our own',
    'outward',
    'sign: domain',
    'own-key-unavailable',
    'waits',
    'comes back',
  ],
  ['no policy that can be read', 'both', '', 'internal', 'waits', 'comes back'],
  ['scanner down', 'outward', 'scannerDown: wait', 'scanner-unavailable', 'waits', 'comes back'],
  ['scanner down', 'inward', 'scannerDown: wait', 'scanner-unavailable', 'waits', null],
  ['scanner down', 'both', 'scannerDown: hold', 'scanner-unavailable', 'held', 'comes back'],
  [
    'no STARTTLS at the partner',
    'outward',
    'tls.level: encrypt and stricter',
    'tls-not-offered',
    'waits',
    'comes back',
  ],
  [
    "partner's TLS certificate not trusted or not in its name",
    'outward',
    'tls.level: fingerprint and stricter',
    'tls-not-trusted',
    'waits',
    'comes back',
  ],
  [
    'TLS version or cipher do not match',
    'outward',
    'tls.level: encrypt and stricter',
    'tls-handshake-failed',
    'waits',
    'comes back',
  ],
  ['TLSA records cannot be learnt', 'outward', '', 'tlsa-unavailable', 'waits', 'comes back'],
  [
    'no usable TLSA records under DNSSEC',
    'outward',
    'tls.level: dane-only',
    'dane-required',
    'waits',
    'comes back',
  ],
  ['MX without DNSSEC', 'outward', 'tls.level: verify', 'mx-not-proven', 'waits', 'comes back'],
  [
    "partner's server is not in its MTA-STS policy",
    'outward',
    'tls.mtaSts: auto',
    'mta-sts-not-met',
    'waits',
    'comes back',
  ],
  ['partner host down', 'outward', '', 'next-hop-unreachable', 'waits', 'comes back'],
  ['inner MTA down: delivering', 'inward', '', 'next-hop-unreachable', 'waits', 'held'],
  [
    'inner MTA down: checking recipients',
    'inward',
    'recipients: call-forward',
    'recipient-check-unavailable',
    'waits',
    null,
  ],
  [
    'partner came without TLS',
    'inward',
    'tls.level: encrypt',
    'starttls-required',
    'refused',
    null,
  ],
  ['agreement expired', 'both', '', 'agreement-expired', 'held', 'comes back'],
  ['spool disk full', 'both', '', 'spool-full', 'waits', null],
];

/** Every outage with its fate; the page of outages is made from it, and tests compare with it. */
export const OUTAGES: readonly Outage[] = ROWS.map(
  ([outage, direction, rule, fault, first, then]) => ({
    outage,
    direction,
    rule,
    fault,
    first,
    then,
  }),
);
