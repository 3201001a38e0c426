import { z } from 'zod';
import {
  common,
  count,
  domain,
  faultId,
  queueId,
  sha256Hex,
  text,
  time,
  tls,
  word,
} from './base.ts';

const output = z.strictObject({
  id: queueId,
  folder: z.enum(['incoming', 'outgoing', 'hold']).optional(),
});

/** How revocation was checked, and what came of it for the whole path; absent: no path was proven. */
const revocation = z.strictObject({
  mode: z.enum(['hard', 'soft', 'off']),
  status: z.enum(['good', 'unknown', 'not-checked']),
});

/** The certificate that is encrypted to: where it was found, whose it is, why it is trusted. */
const encryptedTo = {
  door: word.optional(),
  owner: z.enum(['domain', 'user']).optional(),
  proof: z.enum(['path', 'pinned', 'dnssec']).optional(),
  revocation: revocation.optional(),
};

/** Domains of others that a message is to, or claims to be from; the first hundred. */
const domains = z.array(domain).max(100).optional();

/** The verdict words of an opened message (design section 8). */
const verdict = z.strictObject({
  signature: z.enum(['valid', 'invalid', 'none', 'unverifiable']),
  signatureType: word.nullable(),
  signer: z.string().max(512).nullable(),
  originator: z.enum(['authenticated', 'domain-only', 'unknown']),
  mapping: z.enum(['ok', 'mismatch', 'exception']).nullable(),
  encryption: z.enum(['domain', 'user', 'none']),
  scope: z.enum(['whole', 'partial']),
  reason: text,
  revocation: revocation.optional(),
  /** Whether the domain publishes the certificate that signed (TM-4); absent: nobody looked. */
  senderLookup: z.enum(['match', 'mismatch', 'not-found', 'unavailable']).optional(),
});

/** What SPF, DKIM and DMARC said of the message as received. */
const authentication = z.strictObject({
  spf: z.strictObject({ result: word, domain: domain.nullable() }),
  dkim: z.array(z.strictObject({ result: word, domain: domain.nullable() })).max(8),
  dmarc: z.strictObject({
    result: word,
    policy: z.enum(['none', 'quarantine', 'reject']).nullable(),
    domain: domain.nullable(),
  }),
  /** Which of them rest on the word of a trusted front; absent: none. */
  fromFront: z
    .array(z.enum(['spf', 'dkim', 'dmarc']))
    .max(3)
    .optional(),
});

/** What a signer says it can read (RFC 8551 section 2.5.2), and for which domain it may speak. */
const announcement = {
  queueId,
  domain,
  role: z.enum(['domain', 'originator']),
  /** Of the signer. */
  certificate: sha256Hex,
  signingTime: time,
  /** In its order of preference. */
  capabilities: z.array(word).max(64),
};

/** What becomes of a message from its arrival to its protected or opened form. */
export const messageEvents = [
  /** Ours from here on (RFC 5321 section 4.2.5). Durable before 250. */
  z.strictObject({
    kind: z.literal('accepted'),
    queueId,
    origin: z.enum(['outward', 'inward', 'gateway']),
    sizeBytes: count,
    recipients: count.optional(),
    listener: z.enum(['partner', 'submission', 'relay']).optional(),
    /** A trusted front handed it over: `tls` is the front's, and says nothing of its client. */
    behindFront: z.boolean().optional(),
    /** DS-G1: how the originator was authenticated. */
    evidence: word.optional(),
    tls: tls.nullable().optional(),
    contentDigest: sha256Hex.optional(),
    ...common,
  }),
  z.strictObject({
    kind: z.literal('refused'),
    queueId: queueId.optional(),
    fault: faultId,
    stage: z.enum(['connect', 'ehlo', 'auth', 'mail', 'rcpt', 'data', 'judge', 'decide']),
    /** The true reason where the reply does not tell (design section 4). */
    reason: text.optional(),
    /** At stage decide: how many it concerns, and their domains. */
    recipients: count.optional(),
    domains,
    ...common,
  }),
  /** The client left before its reply, or the verdict came too late. */
  z.strictObject({
    kind: z.literal('abandoned'),
    queueId: queueId.optional(),
    reason: text,
    ...common,
  }),
  /** An inward judgement became ours. Durable before 250. */
  z.strictObject({
    kind: z.literal('committed'),
    queueId,
    /** Empty: it was for the gateway itself; the sentence tells what was kept of it. */
    results: z.array(output).max(1_000),
    sizeBytes: count.optional(),
    verdict: verdict.optional(),
    tls: tls.nullable().optional(),
    ...common,
  }),
  z.strictObject({
    kind: z.literal('decided'),
    queueId,
    decision: z.enum(['protect', 'sign-only', 'pass', 'hold', 'refuse', 'wait']),
    decisionId: word.optional(),
    fault: faultId.optional(),
    contentAlgorithm: word.optional(),
    keyTransport: word.optional(),
    /** Who chose: the rule, what the recipient announced, its certificate, or the default. */
    contentSource: word.optional(),
    keyTransportSource: word.optional(),
    certificates: z.array(sha256Hex).max(1_000).optional(),
    ...encryptedTo,
    recipients: count.optional(),
    /** Of these recipients. */
    domains,
    ...common,
  }),
  z.strictObject({
    kind: z.literal('protected'),
    queueId,
    outputs: z.array(output).max(1_000),
    profile: z.enum(['domsec', 'compat']).nullable().optional(),
    signed: z.boolean(),
    encryption: z.enum(['domain', 'user', 'none']),
    keyId: word.optional(),
    contentAlgorithm: word.optional(),
    keyTransport: word.optional(),
    certificates: z.array(sha256Hex).max(1_000).optional(),
    ...encryptedTo,
    ...common,
  }),
  z.strictObject({
    kind: z.literal('opened'),
    queueId,
    verdict,
    authentication: authentication.optional(),
    outputs: z.array(output).max(1_000).optional(),
    /** What the rule made of it, before ingress said anything to the client. */
    decision: z.enum(['deliver', 'hold', 'refuse', 'wait']).optional(),
    fault: faultId.optional(),
    /** That the authors claim to be of: From and Sender, outside and protected. */
    domains,
    ...common,
  }),
  z.strictObject({
    kind: z.literal('held'),
    queueId,
    fault: faultId,
    /** Where the held copy has an id of its own. */
    heldId: queueId.optional(),
    ...common,
  }),
  z.strictObject({ kind: z.literal('released'), queueId, ...common }),
  z.strictObject({
    kind: z.literal('dropped'),
    queueId,
    notified: z.boolean().optional(),
    ...common,
  }),
  /** The same encryptedKey with another content digest: refused unopened, alarm. */
  z.strictObject({
    kind: z.literal('duplicate-ciphertext'),
    queueId,
    keyDigest: sha256Hex.optional(),
    ...common,
  }),
  z.strictObject({
    kind: z.literal('corrupt-found'),
    queueId: queueId.optional(),
    folder: word,
    reason: text,
    ...common,
  }),
  z.strictObject({
    kind: z.literal('lookup'),
    queueId: queueId.optional(),
    door: word,
    outcome: z.enum(['found', 'nothing', 'refused', 'unreachable', 'skipped']),
    certificates: z.array(sha256Hex).max(100).optional(),
    ...common,
  }),
  /**
   * A partner of whom a certificate is pinned shows another one, with a valid path. `waits`: an
   * admin must pin it before it is used; `followed`: the rule lets it be used.
   */
  z.strictObject({
    kind: z.literal('partner-key-changed'),
    queueId: queueId.optional(),
    domain,
    direction: z.enum(['encrypt', 'sign']),
    outcome: z.enum(['waits', 'followed']),
    door: word.optional(),
    /** The new one. */
    certificate: sha256Hex,
    /** Those that are pinned. */
    pinned: z.array(sha256Hex).max(200),
    ...common,
  }),
  /** Verified mail brought a certificate; it is a candidate and proves nothing. */
  z.strictObject({
    kind: z.literal('certificate-harvested'),
    queueId,
    domain,
    certificate: sha256Hex,
    signingTime: time,
    ...common,
  }),
  z.strictObject({
    kind: z.literal('capabilities-learned'),
    ...announcement,
    outcome: z.enum(['new', 'changed']),
    ...common,
  }),
  /** Signed before what is known, in the future, or too long ago. */
  z.strictObject({
    kind: z.literal('capabilities-ignored'),
    ...announcement,
    outcome: z.enum(['older', 'in-future', 'too-old']),
    ...common,
  }),
] as const;
