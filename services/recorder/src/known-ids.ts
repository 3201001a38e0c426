import type { AuditEvent, KeyOperation } from '@sallyport/audit-log';

/** Queue ids that stay known; the oldest go first. */
const MAX_ACCEPTED = 500_000;

/** The queue id that an event makes known as accepted, if it does. */
export function acceptedBy(event: AuditEvent): string | null {
  if (event.kind === 'accepted') return event.queueId;
  return event.kind === 'dsn-created' ? event.dsnId : null; // a report of ours is signed as well
}

/** Which queue ids were accepted: without that no domain signature is begun. Bounded. */
export class AcceptedIds {
  readonly #max: number;
  readonly #ids = new Set<string>();

  constructor(max = MAX_ACCEPTED) {
    this.#max = max;
  }

  add(id: string): void {
    this.#ids.delete(id);
    this.#ids.add(id);
    if (this.#ids.size <= this.#max) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      return;
    }
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }
}

/** An intent that no outcome has closed yet. */
interface OpenIntent {
  readonly queueId: string;
  readonly keyId: string;
  readonly operation: KeyOperation;
}

/** Open intents by their index in the log. */
export type OpenIntents = Map<number, OpenIntent>;

/** True if the outcome closes an intent that is open and was about the same key and message. */
export function closesIntent(
  outcome: AuditEvent & { readonly kind: 'key-outcome' },
  intents: OpenIntents,
): boolean {
  const intent = intents.get(outcome.intent);
  return (
    intent !== undefined &&
    intent.queueId === outcome.queueId &&
    intent.keyId === outcome.keyId &&
    intent.operation === outcome.operation
  );
}

/** Whoever told an outcome was refused, and gave out nothing: its intent is closed all the same. */
export function unknownInstead(event: AuditEvent): AuditEvent | null {
  if (event.kind !== 'key-outcome') return null;
  const { kind, queueId, keyId, operation, intent } = event;
  return { kind, queueId, keyId, operation, intent, outcome: 'unknown' };
}
