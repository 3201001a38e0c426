import { z } from 'zod';
import { common, count, sha256Hex, text, time, word } from './base.ts';

/** A step in the life of the policy; who took it is the personal field `by`. */
const policyStep = {
  version: count,
  /** Of the version: the exact document that was meant. */
  sha256: sha256Hex,
  /** Number of the step in the policy folder; a crash may put one into the log twice. */
  step: count.optional(),
  reason: text.optional(),
};

/** What the gateway itself went through. */
export const serviceEvents = [
  z.strictObject({
    kind: z.literal('service-started'),
    service: word,
    version: word.optional(),
    ...common,
  }),
  z.strictObject({
    kind: z.literal('service-stopped'),
    service: word,
    reason: text.optional(),
    ...common,
  }),
  z.strictObject({
    kind: z.literal('policy-activated'),
    ...policyStep,
    previous: sha256Hex.nullable().optional(),
    ...common,
  }),
  z.strictObject({
    kind: z.literal('policy-proposed'),
    ...policyStep,
    /** What was in force then. */
    base: count.nullable().optional(),
    ...common,
  }),
  z.strictObject({ kind: z.literal('policy-approved'), ...policyStep, ...common }),
  /** Null takes the plan back. */
  z.strictObject({
    kind: z.literal('policy-scheduled'),
    ...policyStep,
    activateAt: time.nullable(),
    ...common,
  }),
  z.strictObject({ kind: z.literal('policy-rolled-back'), ...policyStep, ...common }),
  /** What lay after the last signed head was cut; nothing before a head ever is. */
  z.strictObject({
    kind: z.literal('log-recovered'),
    segment: word,
    cutBytes: count,
    cutLines: count,
    /** SHA-256 of the bytes that were cut. */
    cutDigest: sha256Hex,
    ...common,
  }),
  /** Retention removes a segment: of its leaves only the root over them stays. */
  z.strictObject({
    kind: z.literal('log-retained'),
    segment: word,
    /** Index of its first leaf. */
    first: count,
    leaves: count,
    /** RFC 9162 section 2.1.1, hex: the root over its leaves. */
    root: sha256Hex,
    /** When the first and the last of its events were recorded. */
    from: time,
    to: time,
    ...common,
  }),
  z.strictObject({
    kind: z.literal('login'),
    service: word,
    outcome: z.enum(['ok', 'refused', 'locked']),
    method: word.optional(),
    ...common,
  }),
] as const;
