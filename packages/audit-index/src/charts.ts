import type { DatabaseSync } from 'node:sqlite';
import { HashStore } from './hashes.ts';
import type { CountedStep, CountsQuery, Latencies } from './types.ts';

const MAX_STEPS = 2_000;

const COUNTED = {
  outcome: `SELECT CAST((at - ?) / ? AS INTEGER) AS step, outcome AS name, count(*) AS n FROM messages
    WHERE idx >= ? AND idx < ? AND at >= ? AND at < ? GROUP BY 1, 2`,
  tls: `SELECT CAST((at - ?) / ? AS INTEGER) AS step, tls AS name, count(*) AS n FROM events
    WHERE idx >= ? AND idx < ? AND at >= ? AND at < ? AND tls IS NOT NULL GROUP BY 1, 2`,
  kind: `SELECT CAST((at - ?) / ? AS INTEGER) AS step, name, count(*) AS n FROM events JOIN kinds ON kinds.id = kind
    WHERE idx >= ? AND idx < ? AND at >= ? AND at < ? GROUP BY 1, 2`,
} as const;

/** How much there was in each step. */
export function countSteps(query: CountsQuery, database: DatabaseSync): CountedStep[] {
  const since = query.since.getTime();
  const until = query.until.getTime();
  if (!(until > since)) return [];
  const stepMs = Math.max(1, Math.ceil(query.stepMs), Math.ceil((until - since) / MAX_STEPS));
  const counts = Array.from(
    { length: Math.ceil((until - since) / stepMs) },
    (): Record<string, number> => ({}),
  );
  const { from, to } = new HashStore(database).rangeOfTimes(query.since, query.until);
  const rows = database.prepare(COUNTED[query.by]).all(since, stepMs, from, to, since, until);
  for (const row of rows) {
    const step = counts[Number(row['step'])];
    if (step !== undefined) step[String(row['name'])] = Number(row['n']);
  }
  return counts.map((found, n) => ({
    at: new Date(since + n * stepMs).toISOString(),
    counts: found,
  }));
}

/** From acceptance to relay; null if nothing was relayed. */
export function latenciesOf(
  { since, until }: { readonly since: Date; readonly until: Date },
  database: DatabaseSync,
): Latencies | null {
  const { from, to } = new HashStore(database).rangeOfTimes(since, until);
  const rows = database
    .prepare(
      `SELECT latency FROM messages
       WHERE idx >= ? AND idx < ? AND at >= ? AND at < ? AND latency IS NOT NULL ORDER BY latency`,
    )
    .all(from, to, since.getTime(), until.getTime());
  if (rows.length === 0) return null;
  const at = (share: number) =>
    Number(rows[Math.min(rows.length - 1, Math.ceil(rows.length * share) - 1)]?.['latency']);
  return { count: rows.length, p50Ms: at(0.5), p99Ms: at(0.99) };
}
