import type { CountedStep, Latencies } from '@sallyport/audit-index';
import type { QueueEntry, QueuePart } from '@sallyport/ipc';
import { PolicyUnavailable, type VersionState } from '@sallyport/policy-store/read';
import type { Actor } from '../actor.ts';
import type { DeskPorts } from './desk.ts';
import { daysUntil, SOON_DAYS } from './key-life.ts';
import { askParts, type PartState } from './parts-state.ts';
import type { PolicyDesk } from './policy.ts';
import type { QueueDesk, QueueView } from './queue.ts';
import type { Ending, Endings, ReportsDesk } from './reports.ts';
import { upToDate } from './up-to-date.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const RATE_STEP_MS = 300_000;
const CHART_HOURS = 24;
const CHARTS_KEPT_MS = 10_000;
/** Each hour's latencies are sorted as a whole, and those of a past hour hardly change. */
const LATENCIES_KEPT_MS = 300_000;
const KEY_CHANGE_DAYS = 30;
const MAX_KEY_CHANGES = 100;
const MAX_SHOWN = 10;
const MAX_VERSIONS = 50;

/** How many wait in one state for one reason. */
export interface WaitingCount {
  readonly state: QueueEntry['state'];
  readonly reason: string;
  readonly count: number;
}

/** Something that ends soon, or has ended. */
export interface EndingSoon extends Ending {
  /** Below zero: that long ago. */
  readonly daysLeft: number;
}

/** How long messages took that were accepted in one step. */
export interface LatencyStep {
  readonly at: string;
  readonly latencies: Latencies | null;
}

/** A partner shows another certificate than the pinned one; mail to it waits. */
interface KeyChange {
  readonly index: number;
  readonly time: string;
  readonly domain: string;
  readonly direction: string;
}

/** What somebody sees first: whether mail flows, and what wants a person. */
export interface NowView {
  readonly flow: {
    /**
     * flows: something was relayed in the last hour; quiet: nothing was accepted either; stuck: it was,
     * and nothing went on; ended: it was, and none of it had to go on; trouble: a process that mail
     * passes through does not work.
     */
    readonly state: 'flows' | 'quiet' | 'stuck' | 'ended' | 'trouble';
    readonly lastAccepted: string | null;
    readonly lastRelayed: string | null;
    readonly acceptedLastHour: number;
    readonly relayedLastHour: number;
    /** Accepted and relayed, the last hour by five minutes. */
    readonly rate: readonly CountedStep[];
    /** By hour, the last 24. */
    readonly outcomes: readonly CountedStep[];
    readonly tls: readonly CountedStep[];
    readonly latencySteps: readonly LatencyStep[];
    /** Of what was accepted in the last hour. */
    readonly latencies: Latencies | null;
  };
  readonly queue: {
    readonly counts: readonly WaitingCount[];
    readonly total: number;
    readonly oldest: QueueEntry | null;
    readonly more: boolean;
    readonly away: readonly QueuePart[];
    readonly stopped: readonly string[];
  };
  /** The oldest of them; `total` are held. */
  readonly held: {
    readonly total: number;
    readonly more: boolean;
    readonly entries: readonly QueueEntry[];
  };
  /** What ends in the next thirty days or has ended, the first to end first. */
  readonly endings: readonly EndingSoon[];
  /** Whose ends are not known at the moment. */
  readonly endingsMissing: Endings['missing'];
  readonly proposed: readonly { readonly version: number; readonly state: VersionState }[];
  readonly keyChanges: readonly KeyChange[];
  readonly parts: readonly PartState[];
}

export interface NowDesk {
  /** Bounded however much there is. What the actor may not look into is left out. */
  now(actor: Actor): Promise<NowView>;
}

interface Others {
  readonly queue: QueueDesk;
  readonly reports: Pick<ReportsDesk, 'endings'>;
  readonly policy: Pick<PolicyDesk, 'list'>;
}

export function createNow(ports: DeskPorts, others: Others): NowDesk {
  let running: Promise<NowView> | null = null;
  const charts = chartsOf(ports);
  return {
    now: async (actor) => {
      // Those who ask at the same time get one answer.
      running ??= gather(ports, others, charts).finally(() => {
        running = null;
      });
      return allowed(await running, actor);
    },
  };
}

/** Counts are for everybody; single messages are for those who may see queue and hold. */
function allowed(view: NowView, { permissions }: Actor): NowView {
  const { queue, held } = view;
  return {
    ...view,
    queue: permissions.has('queue.read') ? queue : { ...queue, oldest: null },
    held: permissions.has('hold.read') ? held : { ...held, entries: [] },
  };
}

async function gather(
  ports: DeskPorts,
  { queue, reports, policy }: Others,
  charts: (now: Date) => Charts,
): Promise<NowView> {
  const now = ports.clock.now();
  await upToDate(ports.index);
  const [{ waiting, held }, stopped, { endings, missing }, proposed, parts] = await Promise.all([
    queue.everything(),
    queue.stopped(),
    reports.endings(),
    proposedIn(policy),
    askParts(ports.options),
  ]);
  return {
    flow: { ...flowOf(ports, now, parts), ...charts(now) },
    queue: { ...waitingOf(waiting), stopped },
    held: {
      total: held.entries.length,
      more: held.after !== null,
      entries: held.entries.slice(0, MAX_SHOWN),
    },
    endings: endings.flatMap((one) => endingSoon(one, now)),
    endingsMissing: missing,
    proposed,
    keyChanges: keyChanges(ports, now),
    parts,
  };
}

/** None while a version cannot be read: the first page must stand, and the page of the policy says it. */
async function proposedIn({ list }: Pick<PolicyDesk, 'list'>): Promise<NowView['proposed']> {
  try {
    const { versions } = await list({ limit: MAX_VERSIONS });
    return versions
      .filter(({ state }) => state === 'proposed' || state === 'approved')
      .map(({ version, state }) => ({ version, state }));
  } catch (error) {
    if (error instanceof PolicyUnavailable) return [];
    throw error;
  }
}

function waitingOf({ entries, after, away }: QueueView): Omit<NowView['queue'], 'stopped'> {
  return {
    counts: countsOf(entries),
    total: entries.length,
    oldest: entries.find(({ state }) => state !== 'corrupt') ?? null,
    more: after !== null,
    away,
  };
}

type Charts = Pick<NowView['flow'], 'outcomes' | 'tls' | 'latencies' | 'latencySteps'>;

/** Counting a day of a busy gateway takes a while: the charts are made anew every so often. */
function chartsOf({ index }: DeskPorts): (now: Date) => Charts {
  const day = kept(CHARTS_KEPT_MS, (now) => {
    const chart = { ...lastDay(now), stepMs: HOUR_MS };
    const lastHour = { since: new Date(now.getTime() - HOUR_MS), until: chart.until };
    return {
      outcomes: index.counts({ ...chart, by: 'outcome' }),
      tls: index.counts({ ...chart, by: 'tls' }),
      latencies: index.latencies(lastHour),
    };
  });
  const hours = kept(LATENCIES_KEPT_MS, (now) => {
    const { since } = lastDay(now);
    return Array.from({ length: CHART_HOURS }, (_, hour): LatencyStep => {
      const at = new Date(since.getTime() + hour * HOUR_MS);
      const until = new Date(at.getTime() + HOUR_MS);
      return { at: at.toISOString(), latencies: index.latencies({ since: at, until }) };
    });
  });
  return (now) => ({ ...day(now), latencySteps: hours(now) });
}

/** Whole hours: the steps stay where they are while the page is looked at. */
function lastDay(now: Date): { readonly since: Date; readonly until: Date } {
  const until = Math.ceil((now.getTime() + 1) / HOUR_MS) * HOUR_MS;
  return { since: new Date(until - CHART_HOURS * HOUR_MS), until: new Date(until) };
}

function kept<T>(keptMs: number, make: (now: Date) => T): (now: Date) => T {
  let made: { readonly at: number; readonly value: T } | null = null;
  return (now) => {
    const at = performance.now();
    if (made === null || at - made.at >= keptMs) made = { at, value: make(now) };
    return made.value;
  };
}

/** Mail passes through all but these. */
const ASIDE: readonly string[] = ['worker-advise', 'directory', 'shipper', 'monitor'];

function flowOf(
  { index }: DeskPorts,
  now: Date,
  parts: readonly PartState[],
): Omit<NowView['flow'], keyof Charts> {
  const until = new Date(now.getTime() + 1);
  const lastHour = { since: new Date(until.getTime() - HOUR_MS), until };
  const rate = index
    .counts({ ...lastHour, stepMs: RATE_STEP_MS, by: 'kind' })
    .map(({ at, counts: { accepted = 0, relayed = 0 } }) => ({
      at,
      counts: { accepted, relayed },
    }));
  const sumOf = (kind: 'accepted' | 'relayed'): number =>
    rate.reduce((sum, { counts }) => sum + counts[kind], 0);
  const lastOf = (kind: string): string | null =>
    index.search({ kinds: [kind], limit: 1 }).events[0]?.time ?? null;
  const [outcomes] = index.counts({ ...lastHour, stepMs: HOUR_MS, by: 'outcome' });
  const flow = { accepted: sumOf('accepted'), relayed: sumOf('relayed') };
  return {
    state: parts.some(isTrouble)
      ? 'trouble'
      : stateOf({ ...flow, outcomes: outcomes?.counts ?? {} }),
    lastAccepted: lastOf('accepted'),
    lastRelayed: lastOf('relayed'),
    acceptedLastHour: flow.accepted,
    relayedLastHour: flow.relayed,
    rate,
  };
}

function isTrouble({ role, state }: PartState): boolean {
  return state !== 'works' && !ASIDE.includes(role);
}

/** Came to its end here: nothing of it had to go on. */
const ENDED: readonly string[] = ['refused', 'dropped', 'kept', 'abandoned'];

function stateOf(of: {
  readonly accepted: number;
  readonly relayed: number;
  /** Of what was accepted. */
  readonly outcomes: Readonly<Record<string, number>>;
}): NowView['flow']['state'] {
  if (of.relayed > 0) return 'flows';
  if (of.accepted === 0) return 'quiet';
  return Object.keys(of.outcomes).every((outcome) => ENDED.includes(outcome)) ? 'ended' : 'stuck';
}

function countsOf(entries: readonly QueueEntry[]): WaitingCount[] {
  const counts = new Map<string, WaitingCount>();
  for (const { state, fault, sentence } of entries) {
    const reason = fault ?? (state === 'corrupt' ? sentence : 'none');
    const key = `${state}\n${reason}`;
    counts.set(key, { state, reason, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.values()].sort((a, b) => b.count - a.count).slice(0, MAX_SHOWN);
}

/** What is long over keeps no mail: the page Reports has it still. */
function endingSoon(one: Ending, now: Date): EndingSoon[] {
  const daysLeft = daysUntil(one.until, now);
  const counts = one.what === 'own-certificate' || one.what === 'agreement';
  if (daysLeft >= SOON_DAYS || (daysLeft < -SOON_DAYS && !counts)) return [];
  return [{ ...one, daysLeft }];
}

/** Those since the policy last changed: it may have settled the others, and what it did not comes again. */
function keyChanges({ index }: DeskPorts, now: Date): KeyChange[] {
  const activated = index.search({ kinds: ['policy-activated', 'policy-rolled-back'], limit: 1 });
  const month = now.getTime() - KEY_CHANGE_DAYS * DAY_MS;
  const since = new Date(Math.max(month, Date.parse(activated.events[0]?.time ?? '') || 0));
  const kinds = ['partner-key-changed'];
  const found = new Map<string, KeyChange>();
  for (const event of index.search({ kinds, since, limit: MAX_KEY_CHANGES }).events) {
    const { outcome, domain, direction, certificate } = event.facts;
    if (outcome !== 'waits' || typeof domain !== 'string') continue;
    const key = `${domain}\n${String(direction)}\n${String(certificate)}`;
    if (found.has(key)) continue;
    const { index: number, time } = event;
    found.set(key, { index: number, time, domain, direction: String(direction) });
  }
  return [...found.values()];
}
