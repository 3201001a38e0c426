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
  type PolicyVersion,
  plannedAt,
  readSteps,
  readVersion,
  stateOf,
  type VersionState,
} from '@sallyport/policy-store/read';
import {
  exportPolicy,
  operatorText,
  recordSteps,
  takeStep,
  writeDraft,
} from '@sallyport/policy-store/write';
import type { Rehearsal } from '@sallyport/rehearsal';
import type { Actor } from '../actor.ts';
import type { DeskPorts } from './desk.ts';
import { pemsOf } from './partner-record.ts';
import { type Move, movesFor } from './policy-moves.ts';
import { rehearseDraft } from './rehearse.ts';

export const DEFAULT_REHEARSED = 1_000;

/** One version in a list. */
interface VersionRow {
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
  /** The version that `changes` compares it with: the one in force, or the one before it. */
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

interface FieldFault {
  readonly path: string;
  readonly reason: string;
}

export type Drafted =
  | { readonly kind: 'written'; readonly version: number }
  | { readonly kind: 'invalid'; readonly faults: readonly FieldFault[] }
  /** Somebody changed the policy since the person looked at it. */
  | { readonly kind: 'changed' };

export type Moved =
  | { readonly kind: 'taken'; readonly step: PolicyStep }
  | { readonly kind: 'refused'; readonly sentence: string }
  | { readonly kind: 'changed' }
  | { readonly kind: 'unknown' };

/** A step that somebody in the console wants to take. */
interface MoveOrder {
  readonly move: Move;
  readonly version: number;
  /** The hash that the person saw; an approval is of exactly that. */
  readonly sha256?: string;
  /** What `VersionView.tag` was when they looked. */
  readonly seen?: string;
  readonly at?: Date;
  readonly reason?: string;
}

export interface PolicyDesk {
  /** Newest first. `before` is a version number. */
  list(page: { readonly before?: number; readonly limit: number }): Promise<{
    readonly versions: readonly VersionRow[];
    readonly before: number | null;
  }>;
  show(version: number): Promise<VersionView | null>;
  /** What differs between two versions; null if one is not there. */
  diff(from: number, to: number): Promise<readonly PolicyChange[] | null>;
  /** The version as YAML. */
  document(version: number): Promise<string | null>;
  rehearse(version: number, last: number): Promise<Rehearsal | null>;
  /** Writes the next version; it is a draft until somebody proposes it. */
  draft(
    actor: Actor,
    of: { readonly text: string; readonly reason: string; readonly seen?: string },
  ): Promise<Drafted>;
  move(actor: Actor, order: MoveOrder): Promise<Moved>;
  /** Of the policy as a whole: changes with every version and every step. */
  tag(): Promise<string>;
  /** The one in force, with its document as it was written; null before the first. */
  inForce(): Promise<OpenedVersion | null>;
  /** Null if it is not there. */
  open(version: number): Promise<OpenedVersion | null>;
}

/** A version with its document, as it was written and parsed. */
export interface OpenedVersion {
  readonly version: PolicyVersion;
  readonly document: unknown;
  readonly policy: PolicyDocument;
}

/** Operations on policy versions. A person is known by their account: nobody approves of their own. */
export function createPolicyDesk(ports: DeskPorts): PolicyDesk {
  const { options, clock } = ports;
  const folder = options.folders.policy;
  const versions = async (): Promise<number[]> => await listVersions(folder).catch(() => []);
  const open = async (number: number): Promise<OpenedVersion | null> => {
    if (!(await versions()).includes(number)) return null;
    const version = await readVersion(folder, number);
    const document: unknown = JSON.parse(version.document);
    const parsed = parsePolicyDocument(document);
    return parsed.kind === 'ok' ? { version, document, policy: parsed.policy } : null;
  };
  const inForce = async (): Promise<OpenedVersion | null> => {
    const named = inForceAt((await readSteps(folder)).at(-1) ?? null, clock.now());
    return named === null ? null : await open(named.version);
  };
  const diff = async (from: number, to: number): Promise<readonly PolicyChange[] | null> => {
    const [before, after] = [await open(from), await open(to)];
    return before === null || after === null ? null : diffPolicies(before.policy, after.policy);
  };
  const tag = async (): Promise<string> => {
    const steps = await readSteps(folder);
    return `"policy-${(await versions()).at(-1) ?? 0}-${steps.length}"`;
  };
  const show = async (number: number): Promise<VersionView | null> => {
    const opened = await open(number);
    if (opened === null) return null;
    const steps = await readSteps(folder);
    return await viewOf(opened, { steps, ports, open });
  };
  return {
    list: async (page) => await listPage(page, { numbers: await versions(), ports }),
    show,
    diff,
    tag,
    inForce,
    open,
    document: async (number) => {
      const opened = await open(number);
      return opened === null ? null : exportPolicy(opened.version);
    },
    rehearse: async (number, last) => {
      const opened = await open(number);
      return opened === null ? null : await rehearseDraft(opened.policy, last, ports);
    },
    draft: async (actor, { text, reason, seen }) => {
      if (seen !== undefined && seen !== (await tag())) return { kind: 'changed' };
      const author = operatorText(actor);
      const written = await writeDraft(folder, text, { author, reason, now: clock.now() });
      return written.kind === 'written'
        ? { kind: 'written', version: written.version.version }
        : { kind: 'invalid', faults: written.faults };
    },
    move: async (actor, order) => await move(actor, order, { ports, show }),
  };
}

interface ListPorts {
  readonly numbers: readonly number[];
  readonly ports: DeskPorts;
}

async function listPage(
  { before, limit }: { readonly before?: number; readonly limit: number },
  { numbers, ports: { options, clock } }: ListPorts,
): ReturnType<PolicyDesk['list']> {
  const folder = options.folders.policy;
  const steps = await readSteps(folder);
  const wanted = numbers.filter((one) => before === undefined || one < before).reverse();
  const shown = wanted.slice(0, limit);
  const rows: VersionRow[] = [];
  for (const number of shown) {
    rows.push(rowOf(await readVersion(folder, number), steps, clock.now()));
  }
  return { versions: rows, before: wanted.length > limit ? (shown.at(-1) ?? null) : null };
}

function rowOf(one: PolicyVersion, steps: readonly PolicyStep[], now: Date): VersionRow {
  const { version, author, reason, time, sha256 } = one;
  const planned = plannedAt(steps.at(-1) ?? null, now);
  const activateAt = planned?.version === version ? planned.at : null;
  return { version, state: stateOf(version, steps, now), author, reason, time, sha256, activateAt };
}

interface ViewPorts {
  readonly steps: readonly PolicyStep[];
  readonly ports: DeskPorts;
  readonly open: PolicyDesk['open'];
}

async function viewOf(opened: OpenedVersion, parts: ViewPorts): Promise<VersionView> {
  const { steps, ports, open } = parts;
  const { version, policy } = opened;
  const row = rowOf(version, steps, ports.clock.now());
  const own = steps.filter((one) => one.version === row.version);
  const base = baseOf(row, steps, ports.clock.now());
  const before = base === null ? null : await open(base);
  return {
    ...row,
    steps: own,
    base: before === null ? null : base,
    changes: before === null ? [] : diffPolicies(before.policy, policy),
    faults: transportFaults(policy, ports.options.wayOut),
    newCertificates: newIn(policy, before?.policy ?? null),
    next: movesFor(row, steps, ports.options.fourEyes),
    tag: tagOf(version, steps),
  };
}

function newIn({ partners }: PolicyDocument, before: PolicyDocument | null): string[] {
  const known = new Set((before?.partners ?? []).flatMap(pemsOf));
  return [...new Set(partners.flatMap(pemsOf))].filter((pem) => !known.has(pem));
}

/** What a version is compared with: what it would replace, or what it replaced. */
function baseOf(row: VersionRow, steps: readonly PolicyStep[], now: Date): number | null {
  const present = inForceAt(steps.at(-1) ?? null, now)?.version ?? null;
  if (present !== row.version && row.state !== 'superseded' && row.state !== 'rolled-back') {
    return present;
  }
  const came = steps.findIndex((one) => one.inForce?.version === row.version);
  return steps[came - 1]?.inForce?.version ?? null;
}

/** Version, hash and last step: what a person saw is what they decide on. */
function tagOf({ version, sha256 }: PolicyVersion, steps: readonly PolicyStep[]): string {
  return `"${version}-${sha256.slice(0, 16)}-${steps.length}"`;
}

interface MovePorts {
  readonly ports: DeskPorts;
  readonly show: PolicyDesk['show'];
}

async function move(actor: Actor, order: MoveOrder, parts: MovePorts): Promise<Moved> {
  const { ports, show } = parts;
  const { options, clock, record, logger } = ports;
  const seen = await show(order.version);
  if (seen === null) return { kind: 'unknown' };
  if (order.seen !== undefined && order.seen !== seen.tag) return { kind: 'changed' };
  // What is in force already was looked at when it came; to go back to it must stay possible.
  if (order.move !== 'rollback' && order.move !== 'cancel' && seen.faults.length > 0) {
    return { kind: 'refused', sentence: `${seen.faults.join('; ')}.` };
  }
  const found = order.move === 'propose' ? await rehearsalFor(order.version, ports) : null;
  const taken = await takeStep(options.folders.policy, {
    kind: order.move,
    version: order.version,
    by: operatorText(actor),
    now: clock.now(),
    fourEyes: options.fourEyes,
    ...(order.sha256 === undefined ? {} : { sha256: order.sha256 }),
    ...(order.at === undefined ? {} : { at: order.at }),
    ...(order.reason === undefined ? {} : { reason: order.reason }),
    ...(found === null ? {} : { rehearsal: found.summary }),
  });
  if (taken.kind === 'refused') return { kind: 'refused', sentence: taken.sentence };
  await recordSteps(options.folders.policy, record).catch((cause: unknown) => {
    // It is taken and on disk; whoever follows the policy folder records it when the recorder is back.
    logger.error('policy.step-not-recorded', { cause });
  });
  logger.info('policy.step-taken', { version: order.version, step: taken.step.step });
  return { kind: 'taken', step: taken.step };
}

async function rehearsalFor(version: number, ports: DeskPorts): Promise<Rehearsal | null> {
  const stored = await readVersion(ports.options.folders.policy, version);
  const parsed = parsePolicyDocument(JSON.parse(stored.document));
  return parsed.kind === 'ok' ? await rehearseDraft(parsed.policy, DEFAULT_REHEARSED, ports) : null;
}
