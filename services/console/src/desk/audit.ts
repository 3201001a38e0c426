import { createHash, createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type AuditQuery,
  type EventPage,
  EXPORT_FILES,
  EXPORT_README,
  type ExportRefusal,
  exportEvents,
  type ProofAnswer,
  selectionOf,
} from '@sallyport/audit-index';
import {
  LOG_KEY_FILE,
  type RecordedEvent,
  type SignedHead,
  verifyHead,
} from '@sallyport/audit-log';
import type { Actor } from '../actor.ts';
import type { DeskPorts } from './desk.ts';
import { ExportTurns, untilEnd } from './export-turns.ts';
import { upToDate } from './up-to-date.ts';
import { zipOf } from './zip.ts';

/** What somebody writes down to compare the log with later. */
export interface LogHead {
  /** SHA-256 of the log's public key (SPKI), in hex; null: it cannot be read. */
  readonly keyFingerprint: string | null;
  /** The last signed head; null: nothing was recorded yet. */
  readonly head: SignedHead | null;
  /** The signature is of that key. */
  readonly isSigned: boolean;
  /** Where the log stops being in order; null as it should be. */
  readonly damage: { readonly segment: string; readonly line: number } | null;
}

/** What somebody takes with them. */
interface ExportOrder {
  readonly query: Omit<AuditQuery, 'before' | 'limit'>;
  readonly format: 'csv' | 'json';
  /** Personal fields stay here; the proofs hold without them. */
  readonly withhold: boolean;
}

type ExportDone =
  | {
      readonly kind: 'export';
      readonly events: number;
      readonly name: string;
      /** A ZIP archive: the events, what proves them, and how to check that. */
      readonly bytes: AsyncIterable<Buffer>;
    }
  | { readonly kind: 'nothing-found' }
  | { readonly kind: 'no-key' }
  /** Somebody has taken the turn, or all of them. */
  | { readonly kind: 'busy-own' | 'busy-others' }
  /** The log was not read to its end yet, so something would be left out. */
  | { readonly kind: 'index-behind' }
  | ExportRefusal;

export interface AuditDesk {
  /** Newest first. @throws RangeError unless 1 <= limit <= 10,000. */
  search(query: AuditQuery): Promise<EventPage>;
  event(index: number): Promise<RecordedEvent | null>;
  proof(index: number): Promise<ProofAnswer>;
  head(): Promise<LogHead>;
  /** Events with their proofs; that they were taken is on record before the first octet leaves. */
  export(actor: Actor, order: ExportOrder): Promise<ExportDone>;
}

export function createAudit(ports: DeskPorts): AuditDesk {
  const { index, options } = ports;
  const turns = new ExportTurns();
  return {
    search: async (query) => {
      await upToDate(index);
      return index.search(query);
    },
    event: async (number) => {
      await upToDate(index);
      const [found] = index.search({ before: number + 1, limit: 1 }).events;
      return found?.index === number ? found : null;
    },
    proof: async (number) => {
      await upToDate(index);
      return index.prove(number);
    },
    head: async () => {
      const { damage } = await upToDate(index);
      const head = index.head();
      const key = await logKey(join(options.folders.audit, LOG_KEY_FILE));
      if (key === null) return { keyFingerprint: null, head, isSigned: false, damage };
      const spki = key.export({ type: 'spki', format: 'der' });
      const keyFingerprint = createHash('sha256').update(spki).digest('hex');
      return { keyFingerprint, head, isSigned: head !== null && verifyHead(head, key), damage };
    },
    export: async (actor, order) => {
      const end = turns.take(actor.accountId);
      if (typeof end === 'string') return { kind: end };
      let isGoing = false;
      try {
        const made = await takeOut(ports, actor, order);
        if (made.kind !== 'export') return made;
        isGoing = true;
        return { ...made, bytes: untilEnd(made.bytes, end) };
      } finally {
        if (!isGoing) end();
      }
    },
  };
}

async function takeOut(
  { index, options, clock, record }: DeskPorts,
  actor: Actor,
  { query, format, withhold }: ExportOrder,
): Promise<ExportDone> {
  const key = await logKey(join(options.folders.audit, LOG_KEY_FILE));
  if (key === null) return { kind: 'no-key' };
  const { isBehind } = await upToDate(index);
  if (isBehind === true) return { kind: 'index-behind' };
  const made = exportEvents(index, {
    query,
    withheld: withhold ? 'personal' : 'none',
    publicKey: key.export({ type: 'spki', format: 'pem' }).toString(),
    selection: selectionOf(query),
  });
  if (made.kind !== 'export') return made;
  if (made.events === 0) return { kind: 'nothing-found' };
  await record({
    kind: 'audit-exported',
    events: made.events,
    format,
    withheld: withhold,
    personal: { by: actor.name },
  });
  const { events, head } = made;
  const files = [
    { name: EXPORT_FILES.readme, pieces: () => [EXPORT_README] },
    { name: EXPORT_FILES[format], pieces: made[format] },
    { name: EXPORT_FILES.proof, pieces: made.bundle },
  ];
  const name = `audit-export-${head.size}.zip`;
  return { kind: 'export', events, name, bytes: zipOf(files, clock.now()) };
}

async function logKey(path: string) {
  try {
    const key = createPublicKey(await readFile(path));
    return key.asymmetricKeyType === 'ed25519' ? key : null;
  } catch {
    return null;
  }
}
