import { never } from '@sallyport/mail';
import type { Channel, Incident } from './incidents.ts';

/** Alerts of one message; what is left comes with the next look. */
export const MAX_ALERTS = 50;

/** One alert, as the webhook gets it. */
export interface AlertLine {
  readonly id: string;
  readonly kind: string;
  readonly status: 'raised' | 'still' | 'resolved';
  readonly sentence: string;
  readonly since: string;
}

/** What one channel is told at once. */
export interface AlertMessage {
  readonly gateway: string;
  readonly time: string;
  readonly alerts: readonly AlertLine[];
}

/** Takes an alert message to people. */
export interface AlertChannel {
  readonly name: Channel;
  /** @throws Error if it was not taken. */
  send(message: AlertMessage): Promise<void>;
}

/** The line that a channel gets of an incident. */
export function lineOf(incident: Incident, channel: Channel): AlertLine {
  const { id, kind, sentence, since } = incident;
  return { id, kind, status: statusOf(incident, channel), sentence, since };
}

function statusOf({ state, told }: Incident, channel: Channel): AlertLine['status'] {
  switch (state) {
    case 'over':
      return 'resolved';
    case 'stands':
      return told[channel] === undefined ? 'raised' : 'still';
    case 'notice':
      return 'raised';
    default:
      return never(state);
  }
}

const HEADINGS = [
  ['raised', 'New'],
  ['still', 'Still so'],
  ['resolved', 'Resolved'],
] as const;

/** The same for people. */
export function formatText({ gateway, time, alerts }: AlertMessage): string {
  const parts = HEADINGS.flatMap(([status, heading]) => {
    const lines = alerts.filter((alert) => alert.status === status);
    if (lines.length === 0) return [];
    return [
      `${heading}:`,
      ...lines.map(({ sentence, since }) => `- ${sentence} (since ${since})`),
      '',
    ];
  });
  return [...parts, `Gateway ${gateway}, ${time}.`, ''].join('\n');
}
