import type { PolicyDocument } from '@sallyport/policy';
import { parsePolicyDocument } from '@sallyport/policy';
import {
  activeVersion,
  PolicyUnavailable,
  type RehearsalSummary,
  readVersion,
} from '@sallyport/policy-store/read';
import type { Gateway } from '../commands/gateway-access.ts';
import { auditSegments } from '../gateway/audit-folder.ts';
import { readEnvelopes } from './read-envelopes.ts';
import { type Replayed, replay } from './replay.ts';

const MAX_EXAMPLES = 3;

/** Decisions that would change alike. */
interface Change {
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

/** Decisions of which the log cannot tell, for one reason. */
interface Unknown {
  readonly why: string;
  count: number;
  readonly examples: string[];
}

export interface Rehearsal {
  readonly summary: RehearsalSummary;
  /** Of the first and the last envelope; null if there is none. */
  readonly since: string | null;
  readonly until: string | null;
  /** What would fail first, then what is most. */
  readonly changes: readonly Change[];
  readonly unknowns: readonly Unknown[];
}

/** Decides the newest envelopes of the audit log anew, by a policy that is not in force. */
export async function rehearse(
  { layout, config }: Pick<Gateway, 'layout' | 'config'>,
  draft: PolicyDocument,
  last: number,
): Promise<Rehearsal> {
  const envelopes = await readEnvelopes(await auditSegments(layout.audit), last);
  const now = new Date();
  const versions = new Map<number, Promise<PolicyDocument | null>>();
  const ports = {
    draft,
    now,
    ownDomains: new Set(config.domains.map(({ name }) => name)),
    versionOf: async (number: number): Promise<PolicyDocument | null> => {
      const known = versions.get(number) ?? policyOf(layout.policy, number, now);
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

/** Zero: not said, so the one in force. Null if it cannot be used any more. */
async function policyOf(folder: string, number: number, now: Date): Promise<PolicyDocument | null> {
  try {
    const version = await readVersion(
      folder,
      number === 0 ? await activeVersion(folder, now) : number,
    );
    const parsed = parsePolicyDocument(JSON.parse(version.document));
    return parsed.kind === 'ok' ? parsed.policy : null;
  } catch (error) {
    if (error instanceof PolicyUnavailable) return null;
    throw error;
  }
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
