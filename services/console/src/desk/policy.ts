import { diffPolicies, type PolicyChange } from '@sallyport/policy';
import type { PolicyStep } from '@sallyport/policy-store/read';
import {
  exportPolicy,
  operatorText,
  parsePolicyYaml,
  recordSteps,
  takeStep,
  writeDraft,
} from '@sallyport/policy-store/write';
import type { Rehearsal } from '@sallyport/rehearsal';
import type { Actor } from '../actor.ts';
import type { DeskPorts } from './desk.ts';
import type { Move } from './policy-moves.ts';
import {
  listPage,
  type OpenedVersion,
  openInForce,
  openVersion,
  policyTag,
  type VersionRow,
  type VersionView,
  viewOf,
} from './policy-versions.ts';
import { Rehearsals } from './rehearse.ts';

export const DEFAULT_REHEARSED = 1_000;
/** A document of many partners may have the same fault in each. */
const MAX_FAULTS = 100;

interface FieldFault {
  readonly path: string;
  readonly reason: string;
}

export type Drafted =
  | { readonly kind: 'written'; readonly version: number }
  /** The first hundred. */
  | { readonly kind: 'invalid'; readonly faults: readonly FieldFault[] }
  /** Somebody changed the policy since the person looked at it. */
  | { readonly kind: 'changed' };

export type Moved =
  | { readonly kind: 'taken'; readonly step: PolicyStep }
  | { readonly kind: 'refused'; readonly sentence: string }
  | { readonly kind: 'changed' }
  | { readonly kind: 'unknown' };

/** A document that is to become the next version. */
interface DraftOrder {
  readonly text: string;
  readonly reason: string;
  /** What `tag` was when they looked. */
  readonly seen?: string;
}

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
  /** Writes the next version, on record before; it is a draft until somebody proposes it. */
  draft(actor: Actor, order: DraftOrder): Promise<Drafted>;
  move(actor: Actor, order: MoveOrder): Promise<Moved>;
  /** Of the policy as a whole: changes with every version and every step. */
  tag(): Promise<string>;
  /**
   * The one in force, with its document as it was written; null before the first.
   *
   * @throws PolicyUnavailable if it cannot be used.
   */
  inForce(): Promise<OpenedVersion | null>;
  /** Null if it is not there. */
  open(version: number): Promise<OpenedVersion | null>;
}

/** Operations on policy versions. A person is known by their account: nobody approves of their own. */
export function createPolicyDesk(ports: DeskPorts): PolicyDesk {
  const rehearsals = new Rehearsals(ports);
  const open = async (number: number): Promise<OpenedVersion | null> =>
    await openVersion(number, ports);
  return {
    list: async (page) => await listPage(page, ports),
    show: async (number) => await viewOf(number, ports),
    diff: async (from, to) => {
      const [before, after] = [await open(from), await open(to)];
      return before === null || after === null ? null : diffPolicies(before.policy, after.policy);
    },
    tag: async () => await policyTag(ports),
    inForce: async () => await openInForce(ports),
    open,
    document: async (number) => {
      const opened = await open(number);
      return opened === null ? null : exportPolicy(opened.version);
    },
    rehearse: async (number, last) => {
      const opened = await open(number);
      return opened === null ? null : await rehearsals.of(opened, last);
    },
    draft: async (actor, order) => await draft(actor, order, ports),
    move: async (actor, order) => await move(actor, order, { ports, open, rehearsals }),
  };
}

async function draft(
  actor: Actor,
  { text, reason, seen }: DraftOrder,
  ports: DeskPorts,
): Promise<Drafted> {
  const { options, clock, record } = ports;
  const parsed = parsePolicyYaml(text);
  if (parsed.kind === 'invalid') return firstOf(parsed);
  if (seen !== undefined && seen !== (await policyTag(ports))) return { kind: 'changed' };
  const by = operatorText(actor);
  await record({
    kind: 'console-order',
    order: 'policy-draft',
    details: { reason },
    personal: { by },
  });
  const written = await writeDraft(options.folders.policy, text, {
    author: by,
    reason,
    now: clock.now(),
  });
  return written.kind === 'written'
    ? { kind: 'written', version: written.version.version }
    : firstOf(written);
}

function firstOf({ faults }: { readonly faults: readonly FieldFault[] }): Drafted {
  return { kind: 'invalid', faults: faults.slice(0, MAX_FAULTS) };
}

interface MovePorts {
  readonly ports: DeskPorts;
  readonly open: PolicyDesk['open'];
  readonly rehearsals: Rehearsals;
}

async function move(actor: Actor, order: MoveOrder, parts: MovePorts): Promise<Moved> {
  const { ports, open, rehearsals } = parts;
  const { options, clock, record, logger } = ports;
  const seen = await viewOf(order.version, ports);
  if (seen === null) return { kind: 'unknown' };
  if (order.seen !== undefined && order.seen !== seen.tag) return { kind: 'changed' };
  // What is in force already was looked at when it came; to go back to it must stay possible.
  if (order.move !== 'rollback' && order.move !== 'cancel' && seen.faults.length > 0) {
    return { kind: 'refused', sentence: `${seen.faults.join('; ')}.` };
  }
  const opened = order.move === 'propose' ? await open(order.version) : null;
  const found = opened === null ? null : await rehearsals.of(opened, DEFAULT_REHEARSED);
  const taken = await takeStep(options.folders.policy, {
    kind: order.move,
    version: order.version,
    by: operatorText(actor),
    now: clock.now(),
    fourEyes: options.fourEyes,
    // A rehearsal takes a while: what others did in it was not looked at.
    after: seen.lastStep,
    ...(order.sha256 === undefined ? {} : { sha256: order.sha256 }),
    ...(order.at === undefined ? {} : { at: order.at }),
    ...(order.reason === undefined ? {} : { reason: order.reason }),
    ...(found === null ? {} : { rehearsal: found.summary }),
  });
  if (taken.kind === 'refused') {
    const { fault, sentence } = taken;
    return fault === 'step-since' ? { kind: 'changed' } : { kind: 'refused', sentence };
  }
  await recordSteps(options.folders.policy, record).catch((cause: unknown) => {
    // It is taken and on disk; whoever follows the policy folder records it when the recorder is back.
    logger.error('policy.step-not-recorded', { cause });
  });
  logger.info('policy.step-taken', { version: order.version, step: taken.step.step });
  return { kind: 'taken', step: taken.step };
}
