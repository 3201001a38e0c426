import type { RecordedEvent } from '@sallyport/audit-log';
import { z } from 'zod';

/** Name of a path: the queue id of a message. */
export const idParams = z.strictObject({ id: z.string().max(64) });

/** A time of a query: RFC 3339. */
export const timeQuery = z.iso.datetime({ offset: true }).optional();

/** Something that ends. */
export const endingSchema = z.strictObject({
  what: z.enum(['own-certificate', 'pinned', 'anchor', 'agreement', 'exception']),
  whose: z.string(),
  name: z.string(),
  until: z.iso.datetime(),
});

/** One event of the log, as it was recorded. */
export const eventSchema = z.strictObject({
  index: z.int().nonnegative(),
  time: z.string(),
  kind: z.string(),
  queueId: z.string().nullable(),
  /** All else that it says; docs/reference/events.md. */
  facts: z.record(z.string(), z.unknown()),
  /** Null: withheld or erased. */
  personal: z.record(z.string(), z.string().nullable()),
});

/** Without the leaf, which belongs to the proof. */
export function eventRow({ leaf: _, ...event }: RecordedEvent): z.infer<typeof eventSchema> {
  return { ...event, facts: { ...event.facts }, personal: { ...event.personal } };
}

/** Fields that were given; an absent one is not there at all. */
export function given<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const rows = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(rows) as { [K in keyof T]?: NonNullable<T[K]> };
}
