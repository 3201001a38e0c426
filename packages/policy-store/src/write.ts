/** Writing policy versions and steps, for console and cli only. Neither is ever changed once written. */
import { mkdir } from 'node:fs/promises';
import { append, dueStep, following } from './append-step.ts';
import { checkStep, type StepOrder, type StepRefusal } from './check-step.ts';
import { writeDurably } from './files.ts';
import { listVersions, PolicyUnavailable, readSteps, readVersion } from './read.ts';
import { inForceAt, type PolicyStep, plannedAt, type RehearsalSummary } from './step.ts';
import { hashVersion, type PolicyVersion, versionFile, versionSchema } from './version.ts';
import { type Invalid, parsePolicyYaml } from './yaml.ts';

export { takeDueStep } from './append-step.ts';
export { operatorText, type StepFault, type StepRefusal } from './check-step.ts';
export { followSteps, type RecordEvent, recordSteps } from './record-steps.ts';
export { markRecorded, unrecordedSteps } from './recorded.ts';
export { exportPolicy, formatPartner, parsePartner, parsePolicyYaml } from './yaml.ts';

/** Which step to take; `version` is its number. */
export type PolicyOrder = Omit<StepOrder, 'version'> & {
  readonly version: number;
  readonly reason?: string;
  readonly rehearsal?: RehearsalSummary;
  /** The last step that the person saw, 0 for none: the order is refused if there is another since. */
  readonly after?: number;
};

export interface StepTaken {
  readonly kind: 'taken';
  readonly step: PolicyStep;
  readonly version: PolicyVersion;
}

export interface Authorship {
  readonly author: string;
  readonly reason: string;
  readonly now: Date;
}

export type DraftResult = { readonly kind: 'written'; readonly version: PolicyVersion } | Invalid;
export type ImportResult =
  | { readonly kind: 'imported'; readonly version: PolicyVersion; readonly step: PolicyStep }
  | StepRefusal
  | Invalid;

/** Writes the next version; it is a draft until somebody proposes it. */
export async function writeDraft(
  folder: string,
  text: string,
  by: Authorship,
): Promise<DraftResult> {
  const parsed = parsePolicyYaml(text);
  if (parsed.kind === 'invalid') return parsed;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const last = await lastVersion(folder);
  const document = JSON.stringify(parsed.document);
  const facts = {
    version: (last?.version ?? 0) + 1,
    author: by.author,
    reason: by.reason,
    time: by.now.toISOString(),
    previous: last?.sha256 ?? null,
    document,
  };
  const checked = versionSchema.safeParse({ ...facts, sha256: hashVersion(facts) });
  // A version that no reader takes would stop all mail, and every later import with it.
  if (!checked.success) {
    const faults = checked.error.issues.map((issue) => ({
      path: issue.path.join('.'),
      reason: issue.message,
    }));
    return { kind: 'invalid', faults };
  }
  const version = checked.data;
  const line = `${JSON.stringify(version)}\n`;
  if (!(await writeDurably(folder, versionFile(version.version), line, 'new'))) {
    const reason = `version ${version.version} was made by somebody else just now; try again`;
    return { kind: 'invalid', faults: [{ path: '', reason }] };
  }
  return { kind: 'written', version };
}

/** Writes the next version and puts it in force, where one person may do that. */
export async function importPolicy(
  folder: string,
  text: string,
  by: Authorship & { readonly fourEyes?: boolean },
): Promise<ImportResult> {
  const { author, now, fourEyes = false } = by;
  // Before a version is written that would only lie about.
  if (fourEyes && (await stepsOf(folder)).length > 0) return NEEDS_PROPOSAL;
  const draft = await writeDraft(folder, text, by);
  if (draft.kind === 'invalid') return draft;
  const { version } = draft;
  const order = { kind: 'import', version: version.version, by: author, now, fourEyes } as const;
  const result = await takeStep(folder, order);
  return result.kind === 'refused' ? result : { ...result, kind: 'imported' };
}

const NEEDS_PROPOSAL: StepRefusal = {
  kind: 'refused',
  fault: 'needs-proposal',
  sentence:
    'Two people decide here (policy.fourEyes): propose the file, and let somebody else approve it.',
};

async function stepsOf(folder: string): Promise<PolicyStep[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return await readSteps(folder);
}

const MAX_TRIES = 50;

/**
 * Takes one step, if it may follow on those before it. Whoever takes a step at the same moment is
 * first or second, never both: a step's file is made once, and the order is judged anew after that.
 *
 * @throws PolicyUnavailable if the version or a step before cannot be used.
 */
export async function takeStep(
  folder: string,
  order: PolicyOrder,
): Promise<StepTaken | StepRefusal> {
  const version = await readVersion(folder, order.version);
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const steps = await stepsOf(folder);
    const due = dueStep(steps.at(-1) ?? null, order.now);
    if (due !== null) {
      await append(folder, due);
      continue;
    }
    const refusal = checkSeen(order, steps) ?? checkStep({ ...order, version }, steps);
    if (refusal !== null) return refusal;
    const step = stepOf({ ...order, version }, steps.at(-1) ?? null);
    if (await append(folder, step)) return { kind: 'taken', step, version };
  }
  throw new PolicyUnavailable('too many others write the policy at the same time');
}

function checkSeen({ after }: PolicyOrder, steps: readonly PolicyStep[]): StepRefusal | null {
  if (after === undefined || after === steps.length) return null;
  const sentence = 'Another step was taken since: look again and decide anew.';
  return { kind: 'refused', fault: 'step-since', sentence };
}

const TAKES_EFFECT: ReadonlySet<PolicyStep['kind']> = new Set(['import', 'activate', 'rollback']);

function stepOf(
  order: Omit<PolicyOrder, 'version'> & { readonly version: PolicyVersion },
  last: PolicyStep | null,
): PolicyStep {
  const { kind, by, now, at, reason, rehearsal } = order;
  const { version, sha256 } = order.version;
  const named = { version, sha256 };
  const before = inForceAt(last, now);
  const takesEffect = TAKES_EFFECT.has(kind);
  // What was planned was rehearsed against what was in force then: a change takes the plan back.
  const planned = takesEffect || kind === 'cancel' ? null : plannedAt(last, now);
  return following(last, {
    kind,
    ...named,
    by,
    time: now.toISOString(),
    ...(reason === undefined ? {} : { reason }),
    ...(kind === 'schedule' && at !== undefined ? { at: at.toISOString() } : {}),
    ...(kind === 'propose' || kind === 'import' ? { base: before?.version ?? null } : {}),
    ...(rehearsal === undefined ? {} : { rehearsal }),
    inForce: takesEffect ? named : before,
    scheduled:
      kind === 'schedule' && at !== undefined ? { ...named, at: at.toISOString() } : planned,
  });
}

async function lastVersion(folder: string): Promise<PolicyVersion | null> {
  const numbers = await listVersions(folder);
  const number = numbers.at(-1);
  if (number === undefined) return null;
  const last = await readVersion(folder, number);
  const before = numbers.includes(number - 1) ? await readVersion(folder, number - 1) : null;
  if (before !== null && before.sha256 !== last.previous) {
    throw new PolicyUnavailable(`policy version ${number} does not follow the one before it`);
  }
  return last;
}
