import type { Notice } from '@sallyport/ipc';
import { z } from 'zod';
import type { Condition } from './conditions.ts';

/** What stands at once; what comes beyond is told of when others are resolved. */
const MAX_INCIDENTS = 500;
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
  /** When each channel was told last of what stands; absent: not yet. */
  told: z.partialRecord(z.enum(CHANNELS), z.iso.datetime()),
});
export type Incident = z.infer<typeof incidentSchema>;

/** What the monitor remembers of its alerts, over restarts. */
export const alertStateSchema = z.strictObject({
  version: z.literal(1),
  /** Index of the last notice that became an incident. */
  noticed: z.int().min(-1),
  incidents: z.array(incidentSchema).max(2 * MAX_INCIDENTS),
});
export type AlertState = z.infer<typeof alertStateSchema>;

export const NO_ALERTS: AlertState = { version: 1, noticed: -1, incidents: [] };

/** The incidents after a look: new ones, those that go on, those that are over. Pure. */
export function observe(
  state: AlertState,
  found: {
    readonly conditions: readonly Condition[];
    readonly notices: readonly Notice[];
    /** True for what could not be looked at now: it stays as it was. */
    readonly isUnknown: (id: string) => boolean;
    readonly now: Date;
  },
): AlertState {
  const { conditions, notices, isUnknown, now } = found;
  const current = new Map(conditions.map((one) => [one.id.slice(0, MAX_ID_CHARS), one]));
  const kept = state.incidents.flatMap((incident): Incident[] => {
    if (incident.state === 'notice') return [incident];
    const condition = current.get(incident.id);
    current.delete(incident.id);
    if (condition !== undefined) {
      // Back before anybody was told that it was over: nobody needs to hear of either.
      return [{ ...incident, state: 'stands', sentence: cut(condition.sentence) }];
    }
    if (isUnknown(incident.id)) return [incident];
    // Of what nobody heard nobody needs to hear the end.
    return Object.keys(incident.told).length === 0 ? [] : [{ ...incident, state: 'over' }];
  });
  const since = now.toISOString();
  const begun = [...current].map(([id, { kind, sentence }]): Incident => {
    return { id, kind, sentence: cut(sentence), since, state: 'stands', told: {} };
  });
  const noticed = notices.map(({ index, kind, sentence, time }): Incident => {
    return {
      id: `notice ${index}`,
      kind,
      sentence: cut(sentence),
      since: time,
      state: 'notice',
      told: {},
    };
  });
  const room = Math.max(0, MAX_INCIDENTS - kept.length);
  const taken = noticed.slice(0, room);
  return {
    version: 1,
    noticed: notices[taken.length - 1]?.index ?? state.noticed,
    incidents: [...kept, ...taken, ...begun.slice(0, room - taken.length)],
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

/** What a channel is to be told now. */
export function dueFor(
  { incidents }: AlertState,
  channel: Channel,
  of: { readonly now: Date; readonly repeatAfterMs: number },
): Incident[] {
  return incidents.filter(({ state, told }) => {
    const last = told[channel];
    if (state === 'over') return last !== undefined;
    if (last === undefined) return true;
    return state === 'stands' && of.now.getTime() - Date.parse(last) >= of.repeatAfterMs;
  });
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
  return { ...state, incidents };
}

function cut(sentence: string): string {
  return sentence.slice(0, MAX_SENTENCE_CHARS);
}
