/** Writing policy versions and steps, for console and cli only. Neither is ever changed once written. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkStep, type StepOrder, type StepRefusal } from './check-step.ts';
import { writeDurably } from './files.ts';
import { listVersions, PolicyUnavailable, readSteps, readVersion } from './read.ts';
import {
  hashStep,
  inForceAt,
  MAX_STEPS,
  type PolicyStep,
  plannedAt,
  type RehearsalSummary,
  stepFile,
} from './step.ts';
import { hashVersion, type PolicyVersion, versionFile, versionSchema } from './version.ts';
import { type Invalid, parsePolicyYaml } from './yaml.ts';

export type { StepFault, StepRefusal } from './check-step.ts';
export { exportPolicy, parsePolicyYaml } from './yaml.ts';

/** Which step to take; `version` is its number. */
export type PolicyOrder = Omit<StepOrder, 'version'> & {
  readonly version: number;
  readonly reason?: string;
  readonly rehearsal?: RehearsalSummary;
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
    const refusal = checkStep({ ...order, version }, steps);
    if (refusal !== null) return refusal;
    const step = stepOf({ ...order, version }, steps.at(-1) ?? null);
    if (await append(folder, step)) return { kind: 'taken', step, version };
  }
  throw new PolicyUnavailable('too many others write the policy at the same time');
}

/** Writes down that what was planned came into force. @returns null if nothing is due. */
export async function takeDueStep(folder: string, now: Date): Promise<PolicyStep | null> {
  const due = dueStep((await readSteps(folder)).at(-1) ?? null, now);
  return due !== null && (await append(folder, due)) ? due : null;
}

async function append(folder: string, step: PolicyStep): Promise<boolean> {
  if (step.step > MAX_STEPS) throw new PolicyUnavailable('the policy has no room for more steps');
  return await writeDurably(folder, stepFile(step.step), `${JSON.stringify(step)}\n`, 'new');
}

type Bare = Omit<PolicyStep, 'step' | 'previous' | 'hash'>;

function following(last: PolicyStep | null, bare: Bare): PolicyStep {
  const numbered = { ...bare, step: (last?.step ?? 0) + 1, previous: last?.hash ?? null };
  return { ...numbered, hash: hashStep(numbered) };
}

function dueStep(last: PolicyStep | null, now: Date): PolicyStep | null {
  if (last === null || last.scheduled === null || plannedAt(last, now) !== null) return null;
  const { version, sha256, at } = last.scheduled;
  const inForce = { version, sha256 };
  const bare = { kind: 'due', ...inForce, by: 'schedule', time: at, inForce } as const;
  return following(last, { ...bare, scheduled: null });
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

/** Names the last step that the audit log has. */
const RECORDED_FILE = 'recorded';

/** Steps that the audit log does not have yet, oldest first: a crash may lie between the two. */
export async function unrecordedSteps(folder: string): Promise<PolicyStep[]> {
  const text = await readFile(join(folder, RECORDED_FILE), 'utf8').catch(() => '0');
  const recorded = /^\d{1,6}$/.test(text.trim()) ? Number.parseInt(text, 10) : 0;
  return (await readSteps(folder)).filter(({ step }) => step > recorded);
}

/** Says that the audit log has every step up to this one. */
export async function markRecorded(folder: string, step: number): Promise<void> {
  await writeDurably(folder, RECORDED_FILE, `${step}\n`, 'replace');
}
