import {
  csvEvent,
  csvHeader,
  type EventProof,
  formatBundleEvent,
  formatBundleHead,
  type SignedHead,
  type Withheld,
  withholdEvent,
} from '@sallyport/audit-log';
import type { AuditIndex, AuditQuery } from './types.ts';

/** Events of one export: bounds its time and what the reader has to check. */
export const MAX_EXPORTED = 100_000;

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
  /** Of the personal fields of its events, withheld or not; as often as they are there. */
  readonly personalNames: () => Generator<string>;
  /** RFC 4180; a first line with the names of the columns. Not proven itself: `audit verify` compares it. */
  readonly csv: () => Generator<string>;
  /** One JSON object a line; not proven itself either. */
  readonly json: () => Generator<string>;
  /** The events with their proofs: what `audit verify` takes. */
  readonly bundle: () => Generator<string>;
}

/** Why there is no export. */
export type ExportRefusal =
  /** Nothing was recorded yet. */
  | { readonly kind: 'empty-log' }
  | { readonly kind: 'too-many'; readonly max: number }
  /** The log does not lead to its own head or does not continue the older one: it was touched. */
  | { readonly kind: 'contradicted' }
  /** Retention removed an event, or a segment that the older head ends in. */
  | { readonly kind: 'removed' };

/** Selects events; their proofs are made as the bundle is read, all under the last head. */
export function exportEvents(
  index: AuditIndex,
  options: ExportOptions,
): AuditExport | ExportRefusal {
  const head = index.head();
  if (head === null) return { kind: 'empty-log' };
  const found = select(index, options.query, head);
  if (found === null) return { kind: 'too-many', max: MAX_EXPORTED };
  const [first] = found;
  const begin = first === undefined ? null : index.prove(first, head);
  if (begin !== null && begin.kind !== 'proof') {
    return { kind: begin.kind === 'removed' ? 'removed' : 'contradicted' };
  }
  const consistency = options.older === undefined ? null : lead(index, options.older);
  if (typeof consistency === 'string') return { kind: consistency };
  const { publicKey, selection, withheld } = options;
  const events = found.length;
  const eventsOf = function* () {
    for (const event of index.events(found)) yield withholdEvent(event, withheld);
  };
  return {
    kind: 'export',
    head,
    events,
    personalNames: function* () {
      for (const { personal } of index.events(found)) yield* Object.keys(personal);
    },
    csv: function* () {
      yield csvHeader();
      for (const event of eventsOf()) yield csvEvent(event);
    },
    json: function* () {
      for (const { leaf: _, ...event } of eventsOf()) yield `${JSON.stringify(event)}\n`;
    },
    bundle: function* () {
      const continued = consistency === null ? {} : { consistency };
      yield formatBundleHead({ head, publicKey, events, selection, ...continued });
      for (const proof of proofsOf(index, found, head)) yield formatBundleEvent(proof, withheld);
    },
  };
}

/** Oldest first. What the head does not cover is not looked at. */
function select(
  index: AuditIndex,
  query: ExportOptions['query'],
  { size }: SignedHead,
): number[] | null {
  const found = index.find({ ...query, before: size }, MAX_EXPORTED + 1);
  return found.length > MAX_EXPORTED ? null : found.reverse();
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
  for (const answer of index.proveAll(found, head)) {
    if (answer.kind !== 'proof') throw new Error(`an event cannot be proven: ${answer.kind}`);
    yield answer.proof;
  }
}
