import type { Notice } from '@sallyport/ipc';
import { z } from 'zod';
import type { Condition } from './conditions.ts';

/** What stands at once; what comes beyond is told of when others are resolved. */
const MAX_INCIDENTS = 500;
/** Notices of one kind that wait to be told; more are counted. A stranger can make many of some kinds. */
const MAX_OF_KIND = 20;
/** What is gone is over only after this: what comes and goes is one alert, not one each time. */
const SETTLE_MS = 5 * 60_000;
/**
 * More notices of one kind wait so long. An alert mail that lands in `corrupt` makes the next notice,
 * and a partner's broken sender one for each message.
 */
const NOTICE_REST_MS = 3_600_000;
const MAX_ID_CHARS = 500;
const MAX_SENTENCE_CHARS = 2_000;

const CHANNELS = ['mail', 'webhook'] as const;
export type Channel = (typeof CHANNELS)[number];

const incidentSchema = z.strictObject({
  id: z.string().max(MAX_ID_CHARS),
  kind: z.string().max(64),
  sentence: z.string().max(MAX_SENTENCE_CHARS),
  since: z.iso.datetime(),
  /** `over`: it is to be told that it is resolved; `notice`: it is to be told once. */
  state: z.enum(['stands', 'over', 'notice']),
  /** Since when it is so no more, as long as that may change. */
  goneSince: z.iso.datetime().optional(),
  /** How many notices it stands for. */
  count: z.int().positive().optional(),
  /** When each channel was told last of what stands; absent: not yet. */
  told: z.partialRecord(z.enum(CHANNELS), z.iso.datetime()),
});
export type Incident = z.infer<typeof incidentSchema>;

/** What the monitor remembers of its alerts, over restarts. */
export const alertStateSchema = z.strictObject({
  version: z.literal(1),
  /** Index of the last notice that became an incident. */
  noticed: z.int().min(-1),
  /** Leaves of the audit log when it was looked at last. */
  leaves: z.int().min(0).default(0),
  /** When each channel was told last of a notice of each kind. */
  noticesTold: z
    .partialRecord(z.enum(CHANNELS), z.record(z.string().max(64), z.iso.datetime()))
    .default({}),
  incidents: z.array(incidentSchema).max(2 * MAX_INCIDENTS),
});
export type AlertState = z.infer<typeof alertStateSchema>;

export const NO_ALERTS: AlertState = alertStateSchema.parse({
  version: 1,
  noticed: -1,
  incidents: [],
});

/** What one look found. */
interface Found {
  readonly conditions: readonly Condition[];
  readonly notices: readonly Notice[];
  /** True for what could not be looked at now: it stays as it was. */
  readonly isUnknown: (id: string) => boolean;
  /** Leaves of the audit log; null if the recorder did not say. */
  readonly leaves: number | null;
  readonly now: Date;
}

/** The incidents after a look: new ones, those that go on, those that are over. Pure. */
export function observe(state: AlertState, found: Found): AlertState {
  const { conditions, leaves, now } = found;
  const current = new Map(conditions.map((one) => [one.id.slice(0, MAX_ID_CHARS), one]));
  const kept = state.incidents.flatMap((incident) => goOn(incident, found, current));
  const since = now.toISOString();
  const begun = [...current]
    .filter(([id]) => !kept.some((one) => one.id === id))
    .map(([id, { kind, sentence }]): Incident => {
      return { id, kind, sentence: cut(sentence), since, state: 'stands', told: {} };
    })
    .slice(0, Math.max(0, MAX_INCIDENTS - kept.length));
  const isShorter = leaves !== null && leaves < state.leaves;
  // These were asked for by an index of the longer log.
  const notices = isShorter ? [] : found.notices;
  const shorter = isShorter ? [logShorter(leaves, state.leaves, since)] : [];
  return {
    ...state,
    noticed: isShorter ? -1 : (notices.at(-1)?.index ?? state.noticed),
    leaves: leaves ?? state.leaves,
    incidents: [...notices.reduce(withNotice, kept), ...shorter, ...begun],
  };
}

/** An incident after a look; none if it is forgotten. */
function goOn(
  incident: Incident,
  { isUnknown, now }: Found,
  current: ReadonlyMap<string, Condition>,
): readonly Incident[] {
  if (incident.state === 'notice') return [incident];
  const { goneSince, ...known } = incident;
  const condition = current.get(incident.id);
  if (condition !== undefined) {
    // Back before anybody was told that it was over: nobody needs to hear of either.
    return [{ ...known, state: 'stands', sentence: cut(condition.sentence) }];
  }
  if (incident.state === 'over' || isUnknown(incident.id)) return [incident];
  // Of what nobody heard nobody needs to hear the end.
  if (Object.keys(incident.told).length === 0) return [];
  const gone = goneSince ?? now.toISOString();
  const isOver = now.getTime() - Date.parse(gone) >= SETTLE_MS;
  return [isOver ? { ...known, state: 'over' } : { ...known, goneSince: gone }];
}

/** The incidents with one notice more: by itself, or counted with others of its kind. */
function withNotice(incidents: readonly Incident[], notice: Notice): Incident[] {
  const { index, kind, time } = notice;
  const of = (id: string, sentence: string): Incident => {
    return { id, kind, sentence: cut(sentence), since: time, state: 'notice', told: {} };
  };
  const waiting = incidents.filter((one) => one.state === 'notice' && one.kind === kind);
  if (waiting.length < MAX_OF_KIND) return [...incidents, of(`notice ${index}`, notice.sentence)];
  const id = `notice more ${kind}`;
  const count = 1 + (waiting.find((one) => one.id === id)?.count ?? 0);
  const sentence = `${count} more of ${kind} are in the audit log: sallyport audit list --kind ${kind}.`;
  return [...incidents.filter((one) => one.id !== id), { ...of(id, sentence), count }];
}

/** Heads only grow: whoever cut the log at one leaves it whole in itself. */
function logShorter(leaves: number, before: number, since: string): Incident {
  const sentence = `The audit log has ${leaves} events, and had ${before}: it was cut, restored or begun anew. Compare it with a copy of its heads: sallyport audit verify FOLDER --against CHECKPOINT.`;
  return {
    ...{ id: `notice log-shorter ${since}`, kind: 'log-shorter', sentence, since },
    ...{ state: 'notice', told: {} },
  };
}

/** The state without what was told by channels that are there no more. */
export function forChannels(state: AlertState, channels: readonly Channel[]): AlertState {
  const incidents = state.incidents.flatMap((incident): Incident[] => {
    const told: Incident['told'] = {};
    for (const channel of channels) {
      const at = incident.told[channel];
      if (at !== undefined) told[channel] = at;
    }
    return incident.state === 'over' && Object.keys(told).length === 0
      ? []
      : [{ ...incident, told }];
  });
  return { ...state, incidents };
}

/** What a channel is to be told now: conditions first, since only so many go into one message. */
export function dueFor(
  { incidents, noticesTold }: AlertState,
  channel: Channel,
  of: { readonly now: Date; readonly repeatAfterMs: number },
): Incident[] {
  const now = of.now.getTime();
  const isDue = ({ state, kind, told, goneSince }: Incident): boolean => {
    const last = told[channel];
    if (state === 'over') return last !== undefined;
    if (state === 'notice') {
      const lastOfKind = noticesTold[channel]?.[kind];
      if (last !== undefined) return false;
      return lastOfKind === undefined || now - Date.parse(lastOfKind) >= NOTICE_REST_MS;
    }
    if (goneSince !== undefined) return false;
    return last === undefined || now - Date.parse(last) >= of.repeatAfterMs;
  };
  const due = incidents.filter(isDue);
  const isNotice = ({ state }: Incident): boolean => state === 'notice';
  return [...due.filter((one) => !isNotice(one)), ...due.filter(isNotice)];
}

/** The state once a channel was told. What every channel has heard the end of is forgotten. */
export function told(
  state: AlertState,
  of: {
    readonly channel: Channel;
    readonly incidents: readonly Incident[];
    readonly channels: readonly Channel[];
    readonly now: Date;
  },
): AlertState {
  const ids = new Set(of.incidents.map(({ id }) => id));
  const incidents = state.incidents.flatMap((incident): Incident[] => {
    if (!ids.has(incident.id)) return [incident];
    const { [of.channel]: _last, ...others } = incident.told;
    if (incident.state === 'over') {
      return Object.keys(others).length === 0 ? [] : [{ ...incident, told: others }];
    }
    const all = { ...others, [of.channel]: of.now.toISOString() };
    const isHeard = of.channels.every((channel) => channel in all);
    return incident.state === 'notice' && isHeard ? [] : [{ ...incident, told: all }];
  });
  const kinds = of.incidents.filter(({ state: s }) => s === 'notice').map(({ kind }) => kind);
  const heard = Object.fromEntries(kinds.map((kind) => [kind, of.now.toISOString()]));
  const noticesTold = {
    ...state.noticesTold,
    [of.channel]: { ...state.noticesTold[of.channel], ...heard },
  };
  return { ...state, incidents, noticesTold };
}

function cut(sentence: string): string {
  return sentence.slice(0, MAX_SENTENCE_CHARS);
}
