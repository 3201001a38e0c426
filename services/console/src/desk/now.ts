import type { CountedStep, Latencies } from '@sallyport/audit-index';
import type { QueueEntry, QueuePart } from '@sallyport/ipc';
import { agreementState, type PolicyDocument } from '@sallyport/policy';
import type { VersionState } from '@sallyport/policy-store/read';
import type { Actor } from '../actor.ts';
import type { DeskPorts } from './desk.ts';
import type { KeysDesk } from './keys.ts';
import { askParts, type PartState } from './parts-state.ts';
import type { PolicyDesk } from './policy.ts';
import type { QueueDesk } from './queue.ts';
import { orAway } from './refused.ts';
import { upToDate } from './up-to-date.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const CHART_HOURS = 24;
const CHARTS_KEPT_MS = 10_000;
const WARNING_DAYS = 30;
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

/** Something that ends, or has ended. */
export interface Ending {
  readonly what: 'key' | 'agreement';
  readonly name: string;
  readonly at: string;
  /** Below zero: that long ago. */
  readonly daysLeft: number;
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
     * and nothing went on; trouble: a process that mail passes through does not work.
     */
    readonly state: 'flows' | 'quiet' | 'stuck' | 'trouble';
    readonly lastAccepted: string | null;
    readonly lastRelayed: string | null;
    readonly acceptedLastHour: number;
    readonly relayedLastHour: number;
    /** By hour, the last 24. */
    readonly outcomes: readonly CountedStep[];
    readonly tls: readonly CountedStep[];
    /** Of the last hour. */
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
  /** The nearest first. */
  readonly endings: readonly Ending[];
  /** False: the keyholder does not answer, so the ends of keys are not known. */
  readonly keysKnown: boolean;
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
  readonly keys: Pick<KeysDesk, 'list'>;
  readonly policy: Pick<PolicyDesk, 'list' | 'inForce'>;
}

export function createNow(ports: DeskPorts, others: Others): NowDesk {
  let running: Promise<NowView> | null = null;
  const charts = chartsEvery(CHARTS_KEPT_MS, ports);
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
  { queue, keys, policy }: Others,
  charts: (now: Date) => Charts,
): Promise<NowView> {
  const now = ports.clock.now();
  await upToDate(ports.index);
  const [inQueue, stopped, known, versions, inForce, parts] = await Promise.all([
    queue.everything(),
    queue.stopped(),
    orAway(async () => await keys.list()),
    policy.list({ limit: MAX_VERSIONS }),
    policy.inForce(),
    askParts(ports.options),
  ]);
  const held = inQueue.entries.filter(({ state }) => state === 'held');
  const waiting = inQueue.entries.filter(({ state }) => state !== 'held');
  const endings = [
    ...(known?.keys ?? []).flatMap((key) => keyEnding(key, now)),
    ...(inForce === null ? [] : agreementEndings(inForce.policy, now)),
  ].sort((a, b) => a.at.localeCompare(b.at));
  return {
    flow: { ...flowOf(ports, now, parts), ...charts(now) },
    queue: {
      counts: countsOf(waiting),
      total: waiting.length,
      oldest: waiting.find(({ state }) => state !== 'corrupt') ?? null,
      more: inQueue.more,
      away: inQueue.away,
      stopped,
    },
    held: { total: held.length, more: inQueue.more, entries: held.slice(0, MAX_SHOWN) },
    endings,
    keysKnown: known !== null,
    proposed: versions.versions
      .filter(({ state }) => state === 'proposed' || state === 'approved')
      .map(({ version, state }) => ({ version, state })),
    keyChanges: keyChanges(ports, now),
    parts,
  };
}

type Charts = Pick<NowView['flow'], 'outcomes' | 'tls' | 'latencies'>;

/** Counting a day of a busy gateway takes a while: the charts are made anew every so often. */
function chartsEvery(keptMs: number, { index }: DeskPorts): (now: Date) => Charts {
  let made: { readonly at: number; readonly charts: Charts } | null = null;
  return (now) => {
    const at = performance.now();
    if (made !== null && at - made.at < keptMs) return made.charts;
    // Whole hours: the steps stay where they are while the page is looked at.
    const until = new Date(Math.ceil((now.getTime() + 1) / HOUR_MS) * HOUR_MS);
    const since = new Date(until.getTime() - CHART_HOURS * HOUR_MS);
    const chart = { since, until, stepMs: HOUR_MS };
    const charts = {
      outcomes: index.counts({ ...chart, by: 'outcome' }),
      tls: index.counts({ ...chart, by: 'tls' }),
      latencies: index.latencies({ since: new Date(now.getTime() - HOUR_MS), until }),
    };
    made = { at, charts };
    return charts;
  };
}

/** Mail passes through all but these. */
const ASIDE: readonly string[] = ['worker-advise', 'directory', 'shipper', 'monitor'];

function flowOf(
  { index }: DeskPorts,
  now: Date,
  parts: readonly PartState[],
): Omit<NowView['flow'], keyof Charts> {
  const [lastHour] = index.counts({
    since: new Date(now.getTime() - HOUR_MS),
    until: new Date(now.getTime() + 1),
    stepMs: 2 * HOUR_MS,
    by: 'kind',
  });
  const lastOf = (kind: string): string | null =>
    index.search({ kinds: [kind], limit: 1 }).events[0]?.time ?? null;
  const { accepted = 0, relayed = 0 } = lastHour?.counts ?? {};
  const hasTrouble = parts.some(({ role, state }) => state !== 'works' && !ASIDE.includes(role));
  const present = relayed > 0 ? 'flows' : accepted > 0 ? 'stuck' : 'quiet';
  return {
    state: hasTrouble ? 'trouble' : present,
    lastAccepted: lastOf('accepted'),
    lastRelayed: lastOf('relayed'),
    acceptedLastHour: accepted,
    relayedLastHour: relayed,
  };
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

type Key = Awaited<ReturnType<KeysDesk['list']>>['keys'][number];

function keyEnding({ keyId, state, certificate }: Key, now: Date): Ending[] {
  if (certificate === null || (state !== 'active' && state !== 'pending')) return [];
  const daysLeft = Math.floor((Date.parse(certificate.notAfter) - now.getTime()) / DAY_MS);
  if (daysLeft > WARNING_DAYS) return [];
  return [{ what: 'key', name: keyId, at: certificate.notAfter, daysLeft }];
}

function agreementEndings({ partners }: PolicyDocument, now: Date): Ending[] {
  return partners.flatMap(({ name, agreement }) => {
    if (agreement === undefined || agreementState(agreement, now).kind === 'current') return [];
    const at = `${agreement.validUntil}T23:59:59.999Z`;
    const daysLeft = Math.floor((Date.parse(at) - now.getTime()) / DAY_MS);
    return [{ what: 'agreement' as const, name, at, daysLeft }];
  });
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
