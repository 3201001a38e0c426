import { isFaultId } from '@sallyport/faults';
import { z } from 'zod';

/** A call as it travels. */
export const requestSchema = z.strictObject({
  id: z.int().nonnegative(),
  method: z.string().max(64),
  params: z.unknown(),
});

/** An answer as it travels: a result or an error, never both. */
export const responseSchema = z.union([
  z.strictObject({
    id: z.int().nonnegative(),
    error: z.strictObject({
      fault: z
        .string()
        .nullable()
        .transform((fault) => (fault !== null && isFaultId(fault) ? fault : null)),
      message: z.string(),
    }),
  }),
  z.strictObject({ id: z.int().nonnegative(), result: z.unknown() }),
]);

export type Response = z.infer<typeof responseSchema>;
