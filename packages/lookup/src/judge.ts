import { type ProvenAssociation, restrictionOn } from './associations.ts';
import type {
  Binding,
  Candidate,
  LocateRequest,
  LocateResult,
  LookupFault,
  TraceStep,
  Unusable,
} from './locate-types.ts';

const MAX_STEPS = 200;
const MAX_TEXT_CHARS = 500;

/** What waiting yields once the search must end. */
export const LATE = Symbol('late');

/** One search under way. */
export interface Search<Usable extends { readonly kind: 'usable' }> {
  readonly request: LocateRequest<Usable>;
  readonly trace: TraceStep[];
  readonly unusable: Unusable[];
  /** What DNSSEC said so far; it holds for all that is judged afterwards. */
  readonly associations: ProvenAssociation[];
  /** Why silence is no knowledge, if so. */
  fault: LookupFault | null;
  readonly signal: AbortSignal;
  /** Settles with the signal. */
  readonly late: Promise<typeof LATE>;
}

export type Found<Usable> = Extract<LocateResult<Usable>, { kind: 'found' }>;

/** Adds a step. Names and texts of strangers stand in it, so what could deceive a reader goes. */
export function note<Usable extends { readonly kind: 'usable' }>(
  search: Search<Usable>,
  step: TraceStep,
): void {
  if (search.trace.length >= MAX_STEPS) return;
  const { query, server, reason } = step;
  search.trace.push({
    ...step,
    query: visible(query),
    reason: visible(reason),
    ...(server === undefined ? {} : { server: visible(server) }),
  });
}

/** Without control and format characters: line ends, escape sequences, changes of direction. */
function visible(text: string): string {
  return text.replace(/\p{C}/gu, '?').slice(0, MAX_TEXT_CHARS);
}

/**
 * Lets the caller judge a candidate, within what DNSSEC allows. A candidate for somebody who is not
 * among `wanted` is left alone.
 *
 * @returns null if it cannot be used; `unusable`, `fault` and the trace then say why.
 */
export async function judge<Usable extends { readonly kind: 'usable' }>(
  found: Candidate,
  wanted: readonly Binding[],
  search: Search<Usable>,
): Promise<Found<Usable> | null> {
  const { binding } = found;
  if (binding !== 'pinned' && !wanted.includes(binding)) return null;
  const started = performance.now();
  const tell = (outcome: TraceStep['outcome'], reason: string): void =>
    note(search, {
      door: found.door,
      query: `validate certificate of ${binding}`,
      server: found.source,
      outcome,
      reason,
      tookMs: Math.round(performance.now() - started),
    });
  const judged = await judgeWithin(found, search);
  switch (judged.kind) {
    case 'unusable':
      search.unusable.push(judged);
      tell('unusable', judged.reason);
      return null;
    case 'unknown':
      search.fault ??= judged.fault;
      tell('failed', judged.reason);
      return null;
    case 'found':
      tell('usable', judged.candidate.dnssec ? 'chosen, named by DNSSEC' : 'chosen');
      return judged;
  }
}

type Judged<Usable> =
  | Found<Usable>
  | ({ readonly kind: 'unusable' } & Unusable)
  | { readonly kind: 'unknown'; readonly fault: LookupFault; readonly reason: string };

async function judgeWithin<Usable extends { readonly kind: 'usable' }>(
  found: Candidate,
  search: Search<Usable>,
): Promise<Judged<Usable>> {
  const { request, unusable, trace } = search;
  const restriction = restrictionOn(found, search.associations);
  if (restriction.kind === 'contradicted') {
    return refused(found, 'DNSSEC association names another certificate');
  }
  const { candidate } = restriction;
  const verdict = await Promise.race([
    request.validate(candidate.der, candidate, (step) => note(search, step)),
    search.late,
  ]);
  if (verdict === LATE) {
    return { kind: 'unknown', fault: 'directory-unreachable', reason: 'the search took too long' };
  }
  if (verdict.kind === 'unknown') return verdict;
  if (verdict.kind === 'unusable') return { candidate, ...verdict };
  if (restriction.kind === 'path' && !restriction.allows(request.pathOf?.(verdict) ?? [])) {
    return refused(candidate, 'its path shows none of the CAs that DNSSEC names');
  }
  const { der: certificate, door } = candidate;
  return { kind: 'found', certificate, door, candidate, verdict, unusable, trace };
}

function refused(candidate: Candidate, reason: string): { readonly kind: 'unusable' } & Unusable {
  return { kind: 'unusable', candidate, code: 'dnssec-mismatch', reason };
}
