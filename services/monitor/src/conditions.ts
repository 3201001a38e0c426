import type { MetricServer } from '@sallyport/log';
import type { RoleReport } from './collect.ts';
import type { End } from './ends.ts';
import type { AlertOptions } from './options.ts';

const DAY_MS = 86_400_000;
/** So many new beginnings within the window are one too many. */
const RESTARTS = 3;
const RESTART_WINDOW_MS = 10 * 60_000;
const MAX_TIMES = 100;

/** Something that should not be so, for as long as it is so. */
export interface Condition {
  /** Tells it from all others, over restarts of the monitor. */
  readonly id: string;
  readonly kind: 'process' | 'restarts' | 'queue-age' | 'expiry';
  /** What is so, what it means, what to do. */
  readonly sentence: string;
}

/** Since when each process is away or unable, and when it began anew. In memory: a restart forgets it. */
export class ProcessHistory {
  readonly #troubleSince = new Map<MetricServer, number>();
  readonly #startedAt = new Map<MetricServer, number>();
  readonly #restarts = new Map<MetricServer, number[]>();
  #begunAt: number | null = null;

  /** Takes what was found. @returns the processes that began anew since the last time. */
  observe(reports: readonly RoleReport[], now: Date): readonly MetricServer[] {
    this.#begunAt ??= now.getTime();
    return reports.filter((report) => this.#observe(report, now.getTime())).map(({ role }) => role);
  }

  #observe({ role, health, samples }: RoleReport, now: number): boolean {
    if (health?.ok === true) this.#troubleSince.delete(role);
    else if (!this.#troubleSince.has(role)) this.#troubleSince.set(role, now);
    const startedAt = samples['sallyport_process_start_time_seconds'];
    if (startedAt === undefined) return false;
    const before = this.#startedAt.get(role);
    this.#startedAt.set(role, startedAt);
    if (before === undefined || before === startedAt) return false;
    this.#restarts.set(role, [...(this.#restarts.get(role) ?? []), now].slice(-MAX_TIMES));
    return true;
  }

  /** True for restarts that a monitor cannot have seen, because it began a short while ago itself. */
  isUnknown(id: string, now: Date): boolean {
    if (!id.startsWith('restarts ')) return false;
    return this.#begunAt === null || now.getTime() - this.#begunAt < RESTART_WINDOW_MS;
  }

  /** What of it people should hear. */
  conditions(reports: readonly RoleReport[], now: Date, downAfterMs: number): Condition[] {
    return reports.flatMap(({ role, health }) => [
      ...this.#trouble({ role, health }, now.getTime() - downAfterMs),
      ...this.#restarting(role, now.getTime() - RESTART_WINDOW_MS),
    ]);
  }

  #trouble({ role, health }: Pick<RoleReport, 'role' | 'health'>, latest: number): Condition[] {
    const since = this.#troubleSince.get(role);
    if (since === undefined || since > latest) return [];
    const id = `process ${role}`;
    if (health !== null) return [{ id, kind: 'process', sentence: `${role}: ${health.sentence}.` }];
    const meaning = MEANING[role] ?? 'What it does is not done';
    const sentence = `${role} does not answer. ${meaning}. Its log says why.`;
    return [{ id, kind: 'process', sentence }];
  }

  #restarting(role: MetricServer, earliest: number): Condition[] {
    const times = (this.#restarts.get(role) ?? []).filter((at) => at > earliest);
    this.#restarts.set(role, times);
    if (times.length < RESTARTS) return [];
    const sentence = `${role} begins anew again and again, ${times.length} times within 10 minutes. Its log says why.`;
    return [{ id: `restarts ${role}`, kind: 'restarts', sentence }];
  }
}

const MEANING: Readonly<Partial<Record<MetricServer, string>>> = {
  recorder: 'No mail is accepted and no key is used until the audit log takes events',
  keyholder: 'Nothing is signed or opened, and mail that needs it waits',
  'worker-outward': 'Mail to partners waits in incoming',
  'worker-inward': 'Partners are told to come again later',
  egress: 'Accepted mail waits in outgoing',
  directory: 'Partners do not find our certificates',
  ingress: 'No mail is accepted',
  'worker-advise': 'No mail is touched; people get no answers of certificates and DNS',
  console: 'No mail is touched; nobody can look or decide in the browser',
  shipper: 'No mail is touched; a cut of the audit log would not be found',
};

/** Queues whose oldest message waits for long. What is held waits for a person, and has its own page. */
export function agedQueues(
  reports: readonly RoleReport[],
  { queueAgeMs }: Pick<AlertOptions, 'queueAgeMs'>,
): Condition[] {
  return (['incoming', 'outgoing'] as const).flatMap((queue): Condition[] => {
    const series = `sallyport_queue_oldest_age_seconds{queue="${queue}"}`;
    const ages = reports.flatMap(({ samples }) => samples[series] ?? []);
    if (ages.length === 0 || Math.max(...ages) * 1_000 <= queueAgeMs) return [];
    const limit = Math.round(queueAgeMs / 1_000);
    const sentence = `A message waits in ${queue} for more than ${limit} s. See why: sallyport queue list.`;
    return [{ id: `queue-age ${queue}`, kind: 'queue-age', sentence }];
  });
}

/** What ends soon, and what has ended: each is an alert of its own. */
export function nearEnds(
  ends: readonly End[],
  of: { readonly now: Date; readonly expiryDays: number },
): Condition[] {
  const soon = of.now.getTime() + of.expiryDays * DAY_MS;
  return ends.flatMap(({ kind, id, subject, at, advice }): Condition[] => {
    if (at.getTime() > soon) return [];
    const day = at.toISOString().slice(0, 16).replace('T', ' ');
    const ending: Condition = {
      id: `${kind} ${id} ends`,
      kind: 'expiry',
      sentence: `${capital(subject)} ends at ${day} UTC: ${advice}.`,
    };
    if (at > of.now) return [ending];
    const ended = `${capital(subject)} has ended at ${day} UTC: ${advice}.`;
    return [ending, { id: `${kind} ${id} ended`, kind: 'expiry', sentence: ended }];
  });
}

function capital(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}
