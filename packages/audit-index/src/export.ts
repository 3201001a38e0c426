import {
  csvEvent,
  csvHeader,
  type EventProof,
  formatBundleEvent,
  formatBundleHead,
  type RecordedEvent,
  readEvent,
  type SignedHead,
  type Withheld,
  withholdEvent,
} from '@sallyport/audit-log';
import type { AuditIndex, AuditQuery } from './types.ts';

/** Events of one export: bounds its time and what the reader has to check. */
export const MAX_EXPORTED = 100_000;
const PAGE = 1_000;

/** What is exported, and how. */
export interface ExportOptions {
  readonly query: Omit<AuditQuery, 'before' | 'limit'>;
  /** Salts and values that stay here; the proofs hold without them. */
  readonly withheld: Withheld;
  /** Of the log: SPKI, PEM. */
  readonly publicKey: string;
  /** What was asked for, in words; it must not say what is withheld. */
  readonly selection: string;
  /** A head kept elsewhere, that the bundle shall lead to its own from. */
  readonly older?: SignedHead;
}

/** An export whose events all lie under one signed head, oldest first. Each form is made in pieces. */
export interface AuditExport {
  readonly kind: 'export';
  readonly head: SignedHead;
  readonly events: number;
  /** RFC 4180; a first line with the names of the columns. */
  readonly csv: () => Generator<string>;
  /** One JSON object a line. */
  readonly json: () => Generator<string>;
  /** The events with their proofs: what `audit verify` takes. */
  readonly bundle: () => Generator<string>;
}

/** Why there is no export. */
export type ExportRefusal =
  /** Nothing was recorded yet. */
  | { readonly kind: 'empty-log' }
  | { readonly kind: 'too-many'; readonly max: number }
  /** The log does not continue the older head, or was touched. */
  | { readonly kind: 'contradicted' }
  /** The older head ends inside a segment that retention removed. */
  | { readonly kind: 'removed' };

/** Selects events and proves them against the last head. Not while a catch-up of the index runs. */
export function exportEvents(
  index: AuditIndex,
  options: ExportOptions,
): AuditExport | ExportRefusal {
  const head = index.head();
  if (head === null) return { kind: 'empty-log' };
  const found = select(index, options.query);
  if (found === null) return { kind: 'too-many', max: MAX_EXPORTED };
  const consistency = options.older === undefined ? null : lead(index, options.older);
  if (typeof consistency === 'string') return { kind: consistency };
  const { publicKey, selection, withheld } = options;
  const proofs = () => proofsOf(index, found, head);
  const events = found.length;
  return {
    kind: 'export',
    head,
    events,
    csv: function* () {
      yield csvHeader();
      for (const proof of proofs()) yield csvEvent(eventOf(proof, withheld));
    },
    json: function* () {
      for (const proof of proofs()) {
        const { leaf: _, ...event } = eventOf(proof, withheld);
        yield `${JSON.stringify(event)}\n`;
      }
    },
    bundle: function* () {
      const continued = consistency === null ? {} : { consistency };
      yield formatBundleHead({ head, publicKey, events, selection, ...continued });
      for (const proof of proofs()) yield formatBundleEvent(proof, withheld);
    },
  };
}

function select(index: AuditIndex, query: ExportOptions['query']): number[] | null {
  const found: number[] = [];
  for (let before: number | null = Number.MAX_SAFE_INTEGER; before !== null; ) {
    const page = index.search({ ...query, before, limit: PAGE });
    for (const event of page.events) found.push(event.index);
    if (found.length > MAX_EXPORTED) return null;
    before = page.before;
  }
  return found.reverse();
}

function lead(
  index: AuditIndex,
  from: SignedHead,
): { from: SignedHead; path: string[] } | 'contradicted' | 'removed' {
  const answer = index.proveConsistency(from);
  if (answer.kind === 'proof') return { from, path: [...answer.path] };
  return answer.kind === 'removed' ? 'removed' : 'contradicted';
}

/** @throws Error if the log was changed under the index: what is not proven is not exported. */
function* proofsOf(
  index: AuditIndex,
  found: readonly number[],
  head: SignedHead,
): Generator<EventProof> {
  for (const one of found) {
    const answer = index.prove(one, head);
    if (answer.kind !== 'proof') throw new Error(`event ${one} cannot be proven: ${answer.kind}`);
    yield answer.proof;
  }
}

function eventOf(proof: EventProof, withheld: Withheld): RecordedEvent {
  const event = readEvent({ leaf: proof.leaf, hash: '', personal: proof.personal });
  if (event === null) throw new Error(`event ${proof.index} cannot be read`);
  return withholdEvent(event, withheld);
}
