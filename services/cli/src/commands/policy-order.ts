import { recorderProtocol } from '@sallyport/ipc';
import { type PolicyDocument, parsePolicyDocument, transportFaults } from '@sallyport/policy';
import {
  type PolicyStep,
  PolicyUnavailable,
  type PolicyVersion,
  type RehearsalSummary,
  readActivePolicy,
  readSteps,
  readVersion,
} from '@sallyport/policy-store/read';
import {
  type PolicyOrder,
  parsePolicyYaml,
  recordSteps,
  takeStep,
} from '@sallyport/policy-store/write';
import { askProcess, type Gateway, NotRunning } from './gateway-access.ts';
import { note, print } from './output.ts';
import { numberOf, readTextFile } from './read-input.ts';
import { Complaint } from './run.ts';

export const MAX_VERSION = 999_999;

export interface WithConfig {
  readonly config: string;
  readonly json?: boolean;
}

/** Runs what needs the policy folder. @throws Complaint where a version or step cannot be used. */
export async function withPolicy<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PolicyUnavailable)) throw error;
    throw new Complaint(`The policy cannot be used: ${error.message}.`);
  }
}

/** The policy in force. @throws Complaint if there is none, or it cannot be used. */
export async function activePolicy(gateway: Gateway) {
  return await withPolicy(() => readActivePolicy(gateway.layout.policy, new Date()));
}

/** A policy that is looked at before it counts: a version of the store, or a file. */
export interface Draft {
  /** `version 7`, or the file. */
  readonly name: string;
  readonly version: PolicyVersion | null;
  readonly text: string;
  readonly document: unknown;
  readonly policy: PolicyDocument;
}

/** @throws Complaint with every fault, if it is no policy that could be put in force here. */
export async function openDraft(gateway: Gateway, which: string): Promise<Draft> {
  const isNumber = /^\d+$/.test(which);
  if (isNumber) return await withPolicy(() => versionDraft(gateway, which));
  const text = await readTextFile(which);
  const parsed = parsePolicyYaml(text);
  if (parsed.kind === 'invalid') throw new Complaint(`${which} ${faultsOf(parsed.faults)}`);
  const { document } = parsed;
  return checkedDraft(gateway, { name: which, version: null, text, document });
}

async function versionDraft(gateway: Gateway, which: string): Promise<Draft> {
  const number = numberOf(which, 'the version', MAX_VERSION);
  const version = await readVersion(gateway.layout.policy, number);
  const document: unknown = JSON.parse(version.document);
  const text = version.document;
  return checkedDraft(gateway, { name: `version ${number}`, version, text, document });
}

function checkedDraft(gateway: Gateway, draft: Omit<Draft, 'policy'>): Draft {
  const parsed = parsePolicyDocument(draft.document);
  if (parsed.kind === 'invalid') throw new Complaint(`${draft.name} ${faultsOf(parsed.faults)}`);
  const routed = transportFaults(parsed.policy, gateway.config);
  if (routed.length > 0) throw new Complaint(`${draft.name} cannot be used: ${routed.join('; ')}.`);
  return { ...draft, policy: parsed.policy };
}

export function faultsOf(faults: readonly { path: string; reason: string }[]): string {
  const all = faults.map(({ path, reason }) => (path === '' ? reason : `${path}: ${reason}`));
  return `cannot be used: ${all.join('; ')}.`;
}

/** Takes one step and tells the audit log. @throws Complaint with the sentence of a refusal. */
export async function carryOut(
  gateway: Gateway,
  order: Omit<PolicyOrder, 'now' | 'fourEyes'>,
): Promise<{ readonly step: PolicyStep; readonly version: PolicyVersion }> {
  const { fourEyes } = gateway.config.policy;
  const whole = { ...order, now: new Date(), fourEyes };
  const result = await withPolicy(() => takeStep(gateway.layout.policy, whole));
  if (result.kind === 'refused') throw new Complaint(result.sentence);
  await tellRecorder(gateway);
  return result;
}

/** Tells the audit log what it lacks; a gateway that is stopped does so when it starts. */
export async function tellRecorder({ layout }: Gateway): Promise<void> {
  const recorder = {
    name: 'recorder',
    path: layout.sockets.recorder,
    protocol: recorderProtocol,
  };
  try {
    await askProcess(recorder, async (client) => {
      await recordSteps(layout.policy, async (event) => {
        await client.call('record', { event, durable: true });
      });
    });
  } catch (error) {
    if (!(error instanceof NotRunning)) throw error;
    note('The gateway is not running; the audit log gets this when it starts.');
  }
}

async function lastProposal(gateway: Gateway, version: number): Promise<PolicyStep | undefined> {
  const steps = await withPolicy(() => readSteps(gateway.layout.policy));
  return steps.findLast((one) => one.version === version && one.kind === 'propose');
}

/** What a rehearsal found, in a sentence. */
export function rehearsalText(found: RehearsalSummary): string {
  const { envelopes, recipients, changed, wouldFail, unknown } = found;
  return `Of the last ${envelopes} envelopes with ${recipients} decisions, ${changed} would change, ${wouldFail} of them would have failed, and of ${unknown} the log cannot tell.`;
}

/** Prints what the rehearsal of a proposal found, before the version counts. */
export async function printRehearsal(gateway: Gateway, version: number): Promise<void> {
  const proposal = await lastProposal(gateway, version);
  if (proposal === undefined) return;
  const { rehearsal, time } = proposal;
  print(
    rehearsal === undefined
      ? `Version ${version} was proposed on ${time}, and there was nothing to rehearse it on.`
      : `Rehearsed on ${time}: ${rehearsalText(rehearsal)}`,
  );
}
