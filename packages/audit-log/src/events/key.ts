import { z } from 'zod';
import { common, count, domain, keyId, queueId, sha256Hex, word } from './base.ts';

const keyFacts = {
  keyId,
  class: word,
  domain,
  algorithm: word.optional(),
  fingerprint: sha256Hex.optional(),
};

/** The life of a key, and each use of it: intent first, outcome before the answer. */
export const keyEvents = [
  z.strictObject({
    kind: z.literal('key-intent'),
    queueId,
    keyId,
    operation: z.enum(['sign', 'unwrap']),
    digestAlgorithm: word.optional(),
    /** Base64: the message digest that is to be signed. */
    digest: z.string().max(128).optional(),
    signatureTypes: z.array(word).max(8).optional(),
    attributes: z.array(word).max(8).optional(),
    /** SHA-256 over all fields of the recipientInfo. */
    recipientDigest: sha256Hex.optional(),
    ...common,
  }),
  z.strictObject({
    kind: z.literal('key-outcome'),
    queueId,
    keyId,
    operation: z.enum(['sign', 'unwrap']),
    /** Index of the intent that this closes. */
    intent: count,
    /** For unwrap `done` says that a key was given out, not that it was the right one. */
    outcome: z.enum(['done', 'failed', 'unknown']),
    signedAttributesDigest: sha256Hex.optional(),
    signatureDigest: sha256Hex.optional(),
    ...common,
  }),
  z.strictObject({ kind: z.literal('key-generated'), ...keyFacts, ...common }),
  z.strictObject({
    kind: z.literal('key-activated'),
    ...keyFacts,
    state: word.optional(),
    ...common,
  }),
  z.strictObject({ kind: z.literal('key-imported'), ...keyFacts, ...common }),
] as const;
