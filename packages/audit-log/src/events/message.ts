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
    results: z.array(output).min(1).max(1_000),
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
    recipients: count.optional(),
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
    ...common,
  }),
  z.strictObject({
    kind: z.literal('opened'),
    queueId,
    verdict,
    outputs: z.array(output).max(1_000).optional(),
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
