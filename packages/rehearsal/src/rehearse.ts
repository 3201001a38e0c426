import type { SegmentSource } from '@sallyport/audit-log';
import type { Clock } from '@sallyport/mail';
import type { PolicyDocument } from '@sallyport/policy';
import { readEnvelopes } from './read-envelopes.ts';
import { type Replayed, replay } from './replay.ts';

const MAX_EXAMPLES = 3;

/** Decisions that would change alike. */
export interface Change {
  readonly direction: 'outward' | 'inward';
  /** Of the draft. */
  readonly rule: string;
  readonly from: string;
  readonly to: string;
  /** They went on, and would not go on at once. */
  readonly fails: boolean;
  readonly sentence: string;
  count: number;
  /** Queue ids. */
  readonly examples: string[];
}

/** What is kept with a proposal. */
interface RehearsalCounts {
  /** Envelopes of the audit log that were decided anew. */
  readonly envelopes: number;
  readonly recipients: number;
  readonly changed: number;
  /** Of those that changed: went on before, and would be held, refused or wait. */
  readonly wouldFail: number;
  /** What the log cannot tell. */
  readonly unknown: number;
}

/** Decisions of which the log cannot tell, for one reason. */
export interface Unknown {
  readonly why: string;
  count: number;
  readonly examples: string[];
}

export interface Rehearsal {
  readonly summary: RehearsalCounts;
  /** Of the first and the last envelope; null if there is none. */
  readonly since: string | null;
  readonly until: string | null;
  /** What would fail first, then what is most. */
  readonly changes: readonly Change[];
  readonly unknowns: readonly Unknown[];
}

export interface RehearsalPorts {
  /** The log, oldest first. */
  readonly segments: readonly SegmentSource[];
  /** The policy by which something was decided, zero for the one in force; null if it cannot be read. */
  readonly versionOf: (number: number) => Promise<PolicyDocument | null>;
  readonly ownDomains: ReadonlySet<string>;
  readonly clock: Clock;
}

/** Decides the newest `last` envelopes of the audit log anew, by a policy that is not in force. */
export async function rehearse(
  draft: PolicyDocument,
  last: number,
  { segments, versionOf, ownDomains, clock }: RehearsalPorts,
): Promise<Rehearsal> {
  const envelopes = await readEnvelopes(segments, last);
  const versions = new Map<number, Promise<PolicyDocument | null>>();
  const ports = {
    draft,
    now: clock.now(),
    ownDomains,
    versionOf: async (number: number): Promise<PolicyDocument | null> => {
      const known = versions.get(number) ?? versionOf(number);
      versions.set(number, known);
      return await known;
    },
  };
  const tally = new Tally();
  for (const envelope of envelopes) {
    for (const one of await replay(envelope, ports)) tally.add(one);
  }
  return {
    ...tally.result(envelopes.length),
    since: envelopes[0]?.time ?? null,
    until: envelopes.at(-1)?.time ?? null,
  };
}

class Tally {
  readonly #changes = new Map<string, Change>();
  readonly #unknowns = new Map<string, Unknown>();
  #recipients = 0;

  add({ direction, rule, queueId, rehearsed }: Replayed): void {
    this.#recipients += 1;
    if (rehearsed.kind === 'same') return;
    if (rehearsed.kind === 'unknown') {
      const { why } = rehearsed;
      const found = this.#unknowns.get(why) ?? { why, count: 0, examples: [] };
      this.#unknowns.set(why, found);
      countOne(found, queueId);
      return;
    }
    const { kind: _, ...what } = rehearsed;
    const key = JSON.stringify([direction, rule, what.from, what.to]);
    const found = this.#changes.get(key) ?? { direction, rule, ...what, count: 0, examples: [] };
    this.#changes.set(key, found);
    countOne(found, queueId);
  }

  result(envelopes: number): Pick<Rehearsal, 'summary' | 'changes' | 'unknowns'> {
    const changes = [...this.#changes.values()].sort(
      (a, b) => Number(b.fails) - Number(a.fails) || b.count - a.count,
    );
    const unknowns = [...this.#unknowns.values()].sort((a, b) => b.count - a.count);
    const total = (rows: readonly { count: number }[]): number =>
      rows.reduce((sum, { count }) => sum + count, 0);
    const summary = {
      envelopes,
      recipients: this.#recipients,
      changed: total(changes),
      wouldFail: total(changes.filter(({ fails }) => fails)),
      unknown: total(unknowns),
    };
    return { summary, changes, unknowns };
  }
}

function countOne(row: { count: number; readonly examples: string[] }, queueId: string): void {
  row.count += 1;
  if (row.examples.length < MAX_EXAMPLES && !row.examples.includes(queueId)) {
    row.examples.push(queueId);
  }
}
