import {
  listVersions,
  type PolicyStep,
  readSteps,
  readVersion,
  stateOf,
} from '@sallyport/policy-store/read';
import { writeDraft } from '@sallyport/policy-store/write';
import { type Gateway, openGateway, operatorName } from './gateway-access.ts';
import { print, printJson, printTable } from './output.ts';
import { rehearseForProposal } from './partner-rehearse.ts';
import {
  carryOut,
  faultsOf,
  MAX_VERSION,
  openDraft,
  printRehearsal,
  type WithConfig,
  withPolicy,
} from './policy-order.ts';
import { numberOf, timeOf } from './read-input.ts';
import { Complaint } from './run.ts';

export interface StepOptions extends WithConfig {
  readonly by?: string;
  readonly reason?: string;
}

/** Proposes a file, as the next version, or a version that is there; rehearses it first. */
export async function runPartnerPropose(
  which: string,
  options: StepOptions & { readonly draft?: boolean; readonly last?: string },
): Promise<number> {
  const gateway = await openGateway(options.config);
  const by = operatorName(options.by);
  const draft = await openDraft(gateway, which);
  const version =
    draft.version?.version ?? (await draftOf(gateway, draft.text, { ...options, by }));
  if (options.draft === true) {
    if (options.json === true) printJson({ version, state: 'draft' });
    else print(`Version ${version} is a draft; propose it with: partner propose ${version}`);
    return 0;
  }
  const rehearsal = await rehearseForProposal(gateway, draft.policy, options.last);
  const order = {
    kind: 'propose',
    version,
    by,
    ...(options.reason === undefined ? {} : { reason: options.reason }),
    ...(rehearsal === null ? {} : { rehearsal }),
  } as const;
  const { step } = await carryOut(gateway, order);
  if (options.json === true) {
    printJson(stepFacts(step));
    return 0;
  }
  print(`Version ${version} is proposed by ${by} (SHA-256 ${step.sha256}).`);
  await printRehearsal(gateway, version);
  const next = gateway.config.policy.fourEyes ? 'approve' : 'activate';
  print(`Next: partner ${next} ${version}${next === 'approve' ? ', by somebody else' : ''}.`);
  return 0;
}

async function draftOf(
  gateway: Gateway,
  text: string,
  options: { readonly by: string; readonly reason?: string },
): Promise<number> {
  const { by: author, reason } = options;
  if (reason === undefined) throw new Complaint('Give a --reason; it is kept with the version.');
  const written = await withPolicy(() =>
    writeDraft(gateway.layout.policy, text, { author, reason, now: new Date() }),
  );
  if (written.kind === 'invalid') throw new Complaint(`The file ${faultsOf(written.faults)}`);
  return written.version.version;
}

function stepFacts(step: PolicyStep) {
  const { previous: _, hash: __, ...facts } = step;
  return facts;
}

/** Approves of a version, of the exact hash that it has. */
export async function runPartnerApprove(
  which: string,
  options: StepOptions & { readonly sha256?: string },
): Promise<number> {
  const gateway = await openGateway(options.config);
  const by = operatorName(options.by);
  const version = numberOf(which, 'the version', MAX_VERSION);
  const { sha256 } = options;
  const seen = sha256 === undefined ? {} : { sha256: sha256.toLowerCase() };
  const order = { kind: 'approve', version, by, ...seen } as const;
  const { step } = await carryOut(gateway, order);
  if (options.json === true) {
    printJson(stepFacts(step));
    return 0;
  }
  await printRehearsal(gateway, version);
  print(`${by} approves of version ${version} (SHA-256 ${step.sha256}).`);
  return 0;
}

/** Puts a version in force, now or at a time, or takes back what was planned. */
export async function runPartnerActivate(
  which: string,
  options: StepOptions & { readonly at?: string; readonly cancel?: boolean },
): Promise<number> {
  const gateway = await openGateway(options.config);
  const by = operatorName(options.by);
  const version = numberOf(which, 'the version', MAX_VERSION);
  const { at, cancel } = options;
  if (at !== undefined && cancel === true) throw new Complaint('Give --at or --cancel, not both.');
  const isSilent = options.json === true || cancel === true;
  if (!isSilent) await printRehearsal(gateway, version);
  const kind = cancel === true ? 'cancel' : at === undefined ? 'activate' : 'schedule';
  const order = { kind, version, by, ...(at === undefined ? {} : { at: timeOf(at) }) } as const;
  const { step } = await carryOut(gateway, order);
  if (options.json === true) printJson(stepFacts(step));
  else if (kind === 'cancel') print(`Version ${version} is no longer planned for any time.`);
  else if (kind === 'schedule') print(`Version ${version} comes into force at ${step.at}.`);
  else print(`Policy version ${version} is in force (SHA-256 ${step.sha256}).`);
  return 0;
}

/** Puts a version in force again that was so before. */
export async function runPartnerRollback(
  which: string,
  options: StepOptions & { readonly reason: string },
): Promise<number> {
  const gateway = await openGateway(options.config);
  const by = operatorName(options.by);
  const version = numberOf(which, 'the version', MAX_VERSION);
  const order = { kind: 'rollback', version, by, reason: options.reason } as const;
  const { step } = await carryOut(gateway, order);
  if (options.json === true) printJson(stepFacts(step));
  else print(`Policy version ${version} is in force again (SHA-256 ${step.sha256}).`);
  return 0;
}

/** Prints every version: where it stands, who wrote it, who approved of it, and why it is there. */
export async function runPartnerVersions(options: WithConfig): Promise<number> {
  const { layout } = await openGateway(options.config);
  const rows = await withPolicy(async () => {
    const steps = await readSteps(layout.policy);
    const now = new Date();
    const facts: VersionFacts[] = [];
    for (const number of await listVersions(layout.policy)) {
      facts.push(await versionFacts(layout.policy, number, { steps, now }));
    }
    return facts;
  });
  if (options.json === true) {
    for (const row of rows) printJson(row);
    return 0;
  }
  printTable(
    rows.map(({ version, state, time, author, approvedBy, plannedFor, reason }) => [
      String(version),
      plannedFor === null ? state : `${state} for ${plannedFor}`,
      time,
      `by ${author}`,
      approvedBy.length === 0 ? 'not approved' : `approved by ${approvedBy.join(', ')}`,
      reason,
    ]),
  );
  return 0;
}

type VersionFacts = Awaited<ReturnType<typeof versionFacts>>;

async function versionFacts(
  folder: string,
  number: number,
  { steps, now }: { readonly steps: readonly PolicyStep[]; readonly now: Date },
) {
  const { version, author, reason, time, sha256 } = await readVersion(folder, number);
  const own = steps.filter((step) => step.version === number);
  const proposal = own.findLast(({ kind }) => kind === 'propose');
  const since = proposal?.step ?? 0;
  const approvals = own.filter((step) => step.kind === 'approve' && step.step > since);
  const state = stateOf(number, steps, now);
  return {
    version,
    sha256,
    state,
    author,
    reason,
    time,
    proposedBy: proposal?.by ?? null,
    approvedBy: approvals.map(({ by }) => by),
    plannedFor: state === 'scheduled' ? (steps.at(-1)?.scheduled?.at ?? null) : null,
    rehearsal: proposal?.rehearsal ?? null,
  };
}
