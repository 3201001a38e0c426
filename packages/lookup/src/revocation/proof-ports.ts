import type { FetchPorts } from '../http/fetch.ts';
import type { LocatePorts, TraceStep } from '../locate-types.ts';
import type { Recalled } from './fetch-memory.ts';
import type { RevocationMemory } from './memory.ts';

/** What a proof needs of the world. */
export type ProofPorts = FetchPorts &
  Pick<LocatePorts, 'clock'> & { readonly revocation: RevocationMemory };

/** One proof under way. */
export interface Proof {
  readonly ports: ProofPorts;
  /** The proof ends by then; a fetch that it began goes on for those who come after. */
  readonly signal: AbortSignal;
  readonly trace: TraceStep[];
}

const MAX_STEPS = 100;
const MAX_SHOWN_URL = 300;

/** How the trace names a URL. */
export function shownUrl(url: string): string {
  return url.length > MAX_SHOWN_URL ? `${url.slice(0, MAX_SHOWN_URL)}…` : url;
}

export function note(proof: Proof, step: TraceStep): void {
  if (proof.trace.length < MAX_STEPS) proof.trace.push(step);
}

/** The result, or a failure when time is over first. */
export async function inTime<Value>(
  recalled: Promise<Recalled<Value>>,
  signal: AbortSignal,
): Promise<Recalled<Value>> {
  const { promise, resolve } = Promise.withResolvers<Recalled<Value>>();
  const tell = (): void =>
    resolve({ values: [], how: 'failed', failure: 'time is over', fetchedAt: null, server: null });
  if (signal.aborted) tell();
  signal.addEventListener('abort', tell, { once: true });
  try {
    return await Promise.race([recalled, promise]);
  } finally {
    signal.removeEventListener('abort', tell);
  }
}

/** Notes what came of one question to one place. */
export function noteRecalled<Value>(
  proof: Proof,
  asked: {
    readonly door: 'issuers' | 'revocation';
    readonly query: string;
    readonly started: number;
  },
  told: { readonly recalled: Recalled<Value>; readonly what: string },
): void {
  const { recalled, what } = told;
  const { door, query, started } = asked;
  const tookMs = Math.round(performance.now() - started);
  const server = recalled.server === null ? {} : { server: recalled.server };
  note(proof, { door, query, ...server, ...outcomeOf(recalled, what), tookMs });
}

function outcomeOf<Value>(
  recalled: Recalled<Value>,
  what: string,
): Pick<TraceStep, 'outcome' | 'reason'> {
  const since = recalled.fetchedAt?.toISOString() ?? '';
  switch (recalled.how) {
    case 'fetched':
      return { outcome: 'found', reason: what };
    case 'unchanged':
      return { outcome: 'found', reason: `${what}; the server says that it is unchanged` };
    case 'kept':
      return { outcome: 'found', reason: `${what}; kept since ${since}` };
    case 'failed': {
      const failure = recalled.failure ?? 'it failed';
      const fallback = recalled.values.length === 0 ? '' : `; in use: ${what}, kept since ${since}`;
      return { outcome: 'failed', reason: `${failure}${fallback}` };
    }
  }
}
