import { createHash } from 'node:crypto';

const DAY_MS = 86_400_000;
/** RFC 8460 section 4.1: reports are spread over four hours after the day. */
const WINDOW_MS = 4 * 3_600_000;
/** RFC 8460 section 5.5: from the first try on. */
const TRIES_MS = DAY_MS;

/** `YYYY-MM-DD` of a moment, UTC. */
export function dayOf(moment: Date): string {
  return moment.toISOString().slice(0, 10);
}

/** First and last second of a day, as reports have them. */
export function bounds(day: string): { readonly start: Date; readonly end: Date } {
  const start = new Date(`${day}T00:00:00Z`);
  return { start, end: new Date(start.getTime() + DAY_MS - 1_000) };
}

/**
 * From when and until when a report over a day is tried. The delay is drawn by hash: spread over
 * domains and gateways as by chance, and the same after a restart.
 */
export function triesOf(
  day: string,
  domain: string,
  gateway: string,
): { readonly from: Date; readonly until: Date } {
  const drawn = createHash('sha256').update(`${gateway}\n${day}\n${domain}`).digest();
  const delayMs = 1_000 + (drawn.readUInt32BE(0) % (WINDOW_MS - 1_000));
  const from = new Date(bounds(day).start.getTime() + DAY_MS + delayMs);
  return { from, until: new Date(from.getTime() + TRIES_MS) };
}

/** True if nothing is sent any more over such a day. */
export function isPast(day: string, now: Date): boolean {
  return now.getTime() > bounds(day).start.getTime() + 2 * DAY_MS + WINDOW_MS;
}
