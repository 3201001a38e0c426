import { z } from 'zod';
import { dkimSelectorSchema } from './key-record.ts';
import { base64Schema, keyIdSchema } from './values.ts';

const MAX_FIELDS = 100;
const MAX_ABSENT = 32;
const MAX_VALUE_CHARS = 128 * 1024;

/** RFC 5322 section 3.6.8; the name of our own field is not one that can be handed in. */
const fieldNameSchema = z
  .string()
  .max(64)
  .regex(/^[\x21-\x39\x3b-\x7e]+$/)
  .refine((name) => !/^dkim-signature$/i.test(name), 'is composed by the keyholder alone');

/** Unfolded, one character per octet; CR, LF and NUL would begin something else. */
const fieldValueSchema = z
  .string()
  .max(MAX_VALUE_CHARS)
  .regex(/^[^\0\r\n\u0100-\uffff]*$/);

/** What one DKIM signature covers (RFC 6376 section 3.7). */
export const dkimFieldsSchema = z.strictObject({
  /** SHA-256 of the body in its relaxed form. */
  bodyHash: base64Schema(32).length(44),
  /** Header fields in the order in which they are hashed: of one name the lowest first. */
  fields: z
    .array(z.strictObject({ name: fieldNameSchema, value: fieldValueSchema }))
    .min(1)
    .max(MAX_FIELDS),
  /** Names of which no further field may be added (RFC 6376 section 8.15). */
  absent: z.array(fieldNameSchema).min(1).max(MAX_ABSENT),
});
export type DkimFields = z.infer<typeof dkimFieldsSchema>;

/** A key in use that signs mail of a domain. */
export const dkimKeySchema = z.strictObject({
  keyId: keyIdSchema,
  domain: z.string(),
  selector: dkimSelectorSchema,
});
export type DkimKey = z.infer<typeof dkimKeySchema>;
