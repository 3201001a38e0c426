import { z } from 'zod';
import { consoleEvents } from './events/console.ts';
import { deliveryEvents } from './events/delivery.ts';
import { keyEvents } from './events/key.ts';
import { messageEvents } from './events/message.ts';
import { serviceEvents } from './events/service.ts';

/** Every fact that the log can hold. A new kind is a new row in one of the five groups. */
export const auditEventSchema = z.discriminatedUnion('kind', [
  ...messageEvents,
  ...deliveryEvents,
  ...keyEvents,
  ...serviceEvents,
  ...consoleEvents,
]);
export type AuditEvent = z.infer<typeof auditEventSchema>;
export type AuditEventKind = AuditEvent['kind'];

/** All kinds, for documentation and filters. */
export const AUDIT_EVENT_KINDS: readonly AuditEventKind[] = auditEventSchema.options.map(
  (option) => option.shape.kind.value,
);
