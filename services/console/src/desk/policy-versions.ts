import {
  diffPolicies,
  type PolicyChange,
  type PolicyDocument,
  parsePolicyDocument,
  transportFaults,
} from '@sallyport/policy';
import {
  inForceAt,
  listVersions,
  type PolicyStep,
  PolicyUnavailable,
  type PolicyVersion,
  plannedAt,
  readSteps,
  readVersion,
  stateOf,
  type VersionState,
} from '@sallyport/policy-store/read';
import type { DeskPorts } from './desk.ts';
import { pemsOf } from './partner-record.ts';
import { type Move, movesFor } from './policy-moves.ts';

/** One version in a list. */
export interface VersionRow {
  readonly version: number;
  readonly state: VersionState;
  readonly author: string;
  readonly reason: string;
  readonly time: string;
  readonly sha256: string;
  /** When it comes into force, if that is planned. */
  readonly activateAt: string | null;
}

export interface VersionView extends VersionRow {
  /** Its own steps, oldest first. */
  readonly steps: readonly PolicyStep[];
  /** The last step of the policy as a whole; 0 before the first. */
  readonly lastStep: number;
  /** What `changes` compares it with: the version in force, or the one that this one replaced. */
  readonly base: number | null;
  readonly changes: readonly PolicyChange[];
  /** TLS levels that this gateway could not hold to; such a version cannot be proposed. */
  readonly faults: readonly string[];
  /** Certificates, PEM, that it names and its base does not. */
  readonly newCertificates: readonly string[];
  /** What the next step could be, as far as its state goes. */
  readonly next: readonly Move[];
  /** For `seen`: changes with every step that anybody takes. */
  readonly tag: string;
}

/** A version with its document, as it was written and parsed. */
export interface OpenedVersion {
  readonly version: PolicyVersion;
  readonly document: unknown;
  readonly policy: PolicyDocument;
}

type Ports = Pick<DeskPorts, 'options' | 'clock'>;

/** @returns null if there is no such version, or the schema of today does not take it. */
export async function openVersion(number: number, ports: Ports): Promise<OpenedVersion | null> {
  const folder = ports.options.folders.policy;
  if (!(await listVersions(folder)).includes(number)) return null;
  const version = await readVersion(folder, number);
  const document: unknown = JSON.parse(version.document);
  const parsed = parsePolicyDocument(document);
  return parsed.kind === 'ok' ? { version, document, policy: parsed.policy } : null;
}

/**
 * The version in force; null before the first.
 *
 * @throws PolicyUnavailable if it is not what was put in force, or no policy: nothing may be made of it.
 */
export async function openInForce(ports: Ports): Promise<OpenedVersion | null> {
  const steps = await readSteps(ports.options.folders.policy);
  const named = inForceAt(steps.at(-1) ?? null, ports.clock.now());
  if (named === null) return null;
  const opened = await openVersion(named.version, ports);
  if (opened === null || opened.version.sha256 !== named.sha256) {
    throw new PolicyUnavailable(`policy version ${named.version}, in force, cannot be used`);
  }
  return opened;
}

/** Newest first. `before` is a version number. */
export async function listPage(
  { before, limit }: { readonly before?: number; readonly limit: number },
  { options, clock }: Ports,
): Promise<{ readonly versions: readonly VersionRow[]; readonly before: number | null }> {
  const folder = options.folders.policy;
  const steps = await readSteps(folder);
  const numbers = await listVersions(folder);
  const wanted = numbers.filter((one) => before === undefined || one < before).reverse();
  const shown = wanted.slice(0, limit);
  const versions: VersionRow[] = [];
  for (const number of shown) {
    versions.push(rowOf(await readVersion(folder, number), steps, clock.now()));
  }
  return { versions, before: wanted.length > limit ? (shown.at(-1) ?? null) : null };
}

function rowOf(one: PolicyVersion, steps: readonly PolicyStep[], now: Date): VersionRow {
  const { version, author, reason, time, sha256 } = one;
  const planned = plannedAt(steps.at(-1) ?? null, now);
  const activateAt = planned?.version === version ? planned.at : null;
  return { version, state: stateOf(version, steps, now), author, reason, time, sha256, activateAt };
}

/** Null if it is not there. */
export async function viewOf(number: number, ports: Ports): Promise<VersionView | null> {
  const { options, clock } = ports;
  // The steps first: what is read after them is never older than the tag that is made of them.
  const steps = await readSteps(options.folders.policy);
  const opened = await openVersion(number, ports);
  if (opened === null) return null;
  const { version, policy } = opened;
  const now = clock.now();
  const row = rowOf(version, steps, now);
  const base = baseOf(number, steps, now);
  const before = base === null ? null : await openVersion(base, ports);
  return {
    ...row,
    steps: steps.filter((one) => one.version === number),
    lastStep: steps.length,
    base: before === null ? null : base,
    changes: before === null ? [] : diffPolicies(before.policy, policy),
    faults: transportFaults(policy, options.wayOut),
    newCertificates: newIn(policy, before?.policy ?? null),
    next: movesFor(row, steps, options.fourEyes),
    tag: `"${number}-${version.sha256.slice(0, 16)}-${markOf(steps, now)}"`,
  };
}

/** Of the policy as a whole: changes with every version, every step, and every plan that comes due. */
export async function policyTag({ options, clock }: Ports): Promise<string> {
  const steps = await readSteps(options.folders.policy);
  const last = (await listVersions(options.folders.policy)).at(-1) ?? 0;
  return `"policy-${last}-${markOf(steps, clock.now())}"`;
}

/** A plan that came due is in force before anybody wrote its step. */
function markOf(steps: readonly PolicyStep[], now: Date): string {
  return `${steps.length}-${inForceAt(steps.at(-1) ?? null, now)?.version ?? 0}`;
}

function newIn({ partners }: PolicyDocument, before: PolicyDocument | null): string[] {
  const known = new Set((before?.partners ?? []).flatMap(pemsOf));
  return [...new Set(partners.flatMap(pemsOf))].filter((pem) => !known.has(pem));
}

/** What a version would replace; of the one in force, what it replaced when it came last. */
function baseOf(number: number, steps: readonly PolicyStep[], now: Date): number | null {
  const last = steps.at(-1) ?? null;
  const present = inForceAt(last, now)?.version ?? null;
  if (present !== number) return present;
  if (last?.inForce?.version !== number) return last?.inForce?.version ?? null;
  const came = steps.findLastIndex(
    ({ inForce }, at) => inForce?.version === number && steps[at - 1]?.inForce?.version !== number,
  );
  return steps[came - 1]?.inForce?.version ?? null;
}
