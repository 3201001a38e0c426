import { z } from 'zod';
import { common, count, sha256Hex, text, word } from './base.ts';

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
    version: count,
    sha256: sha256Hex,
    previous: sha256Hex.nullable().optional(),
    reason: text.optional(),
    ...common,
  }),
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
  z.strictObject({
    kind: z.literal('login'),
    service: word,
    outcome: z.enum(['ok', 'refused', 'locked']),
    method: word.optional(),
    ...common,
  }),
] as const;
