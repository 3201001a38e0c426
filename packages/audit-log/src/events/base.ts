import { z } from 'zod';

const MAX_PERSONAL_FIELDS = 64;
const MAX_DETAILS = 32;
const MAX_TEXT_CHARS = 2_000;

/** A sentence, a reply, a reason: what people read. */
export const text = z.string().max(MAX_TEXT_CHARS);
export const queueId = z.string().regex(/^[0-9a-hjkmnp-tv-z]{20}$/);
export const keyId = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/);
export const faultId = z.string().regex(/^[a-z][a-z0-9-]{1,63}$/);
export const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);
export const count = z.int().nonnegative();
export const time = z.iso.datetime();
export const word = z.string().max(128);
export const domain = z.string().max(255);

/**
 * Addresses, subjects, logins, client addresses, by name (`reversePath`, `forwardPath`,
 * `forwardPath.1`, `subject`, `by`, …). They enter the leaf as salted hashes only.
 */
const personal = z
  .record(z.string().regex(/^[a-zA-Z][a-zA-Z0-9.]{0,63}$/), z.string().max(4_096))
  .refine((fields) => Object.keys(fields).length <= MAX_PERSONAL_FIELDS, 'too many fields');

/** Further plain facts: nothing personal, they go into the leaf as they are. */
const details = z
  .record(
    z.string().regex(/^[a-zA-Z][a-zA-Z0-9.]{0,63}$/),
    z.union([text, z.number(), z.boolean(), z.null()]),
  )
  .refine((fields) => Object.keys(fields).length <= MAX_DETAILS, 'too many details');

/** What every event may say. */
export const common = {
  sentence: text.optional(),
  rule: word.optional(),
  policyVersion: count.optional(),
  details: details.optional(),
  personal: personal.optional(),
};

/** RFC 8446 facts of one connection, as egress and ingress saw them. */
export const tls = z.strictObject({
  version: word,
  cipher: word,
  level: word.optional(),
  /** Why the level was met or not. */
  result: word.optional(),
  peerFingerprint: sha256Hex.optional(),
});
