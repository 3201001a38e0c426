import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';
import { countsOf, type TlsResult } from '@sallyport/transport';
import { composeReport } from './compose.ts';
import { DayFile } from './day-file.ts';
import { type SendPorts, sendReport } from './send.ts';
import { dayOf, isPast, triesOf } from './window.ts';

const DAY_FILE = /^(\d{4}-\d\d-\d\d)\.jsonl$/;
/** Reports of one look; the rest waits for the next one. */
const MAX_AT_ONCE = 100;
/** A web server that answers slowly must not keep others waiting for long. */
const IN_PARALLEL = 10;
/** After a failure; doubles (RFC 8460 section 5.5). */
const FIRST_REST_MS = 5 * 60_000;
const LONGEST_REST_MS = 3 * 3_600_000;

export interface TlsReportsOptions {
  readonly folder: string;
  readonly gatewayName: string;
  /** Our domain that reports. */
  readonly submitter: string;
  readonly ownDomains: readonly string[];
  readonly sendingIp: string | null;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ports: SendPorts;
}

/** Counts how TLS fared, day by day, and sends the reports when the day is over (RFC 8460). */
export class TlsReports {
  readonly #options: TlsReportsOptions;
  readonly #own: ReadonlySet<string>;
  readonly #days: Map<string, DayFile>;
  /** When a report that could not be sent is tried again, by day and domain. */
  readonly #rests = new Map<string, { readonly at: number; readonly restMs: number }>();
  #isLooking = false;

  private constructor(options: TlsReportsOptions, days: Map<string, DayFile>) {
    this.#options = options;
    this.#own = new Set(options.ownDomains);
    this.#days = days;
  }

  /** Takes up what the folder has. @throws if it cannot be read. */
  static async open(options: TlsReportsOptions): Promise<TlsReports> {
    const days = new Map<string, DayFile>();
    for (const name of await readdir(options.folder)) {
      const day = DAY_FILE.exec(name)?.[1];
      if (day === undefined) continue;
      days.set(day, await DayFile.open(join(options.folder, name)));
    }
    const today = dayOf(options.clock.now());
    if (!days.has(today)) days.set(today, DayFile.new(join(options.folder, `${today}.jsonl`)));
    return new TlsReports(options, days);
  }

  /** Counts what one attempt at a recipient domain met; our own domains do not count. */
  count(domain: string, results: readonly TlsResult[]): void {
    if (results.length === 0 || this.#own.has(domain)) return;
    const day = this.#today();
    for (const one of countsOf(domain, results)) day.count(one);
    day.flush().catch((cause: unknown) => this.#lost(cause));
  }

  /** Sends what is due. Never throws. */
  async sendDue(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      await this.#look();
    } catch (cause) {
      this.#options.logger.error('tls-report.not-sent', { cause });
    } finally {
      this.#isLooking = false;
    }
  }

  async close(): Promise<void> {
    for (const day of this.#days.values()) {
      await day.flush().catch((cause: unknown) => this.#lost(cause));
    }
  }

  #today(): DayFile {
    const name = dayOf(this.#options.clock.now());
    const known = this.#days.get(name);
    if (known !== undefined) return known;
    const day = DayFile.new(join(this.#options.folder, `${name}.jsonl`));
    this.#days.set(name, day);
    return day;
  }

  async #look(): Promise<void> {
    const now = this.#options.clock.now();
    let left = MAX_AT_ONCE;
    for (const [name, day] of [...this.#days]) {
      if (name >= dayOf(now)) continue;
      const due = day.domains.filter((one) => !day.isDone(one) && this.#isDue(name, one, now));
      const chosen = isPast(name, now) ? [] : due.slice(0, left);
      left -= chosen.length;
      for (let at = 0; at < chosen.length; at += IN_PARALLEL) {
        const some = chosen.slice(at, at + IN_PARALLEL);
        await Promise.all(some.map((domain) => this.#send(name, day, domain)));
      }
      const isOver = day.domains.every((domain) => day.isDone(domain));
      if (isOver || isPast(name, now)) await this.#forget(name, day);
    }
  }

  #isDue(day: string, domain: string, now: Date): boolean {
    const { from, until } = triesOf(day, domain, this.#options.gatewayName);
    const rest = this.#rests.get(`${day} ${domain}`)?.at ?? 0;
    return now >= from && now <= until && now.getTime() >= rest;
  }

  async #send(name: string, day: DayFile, domain: string): Promise<void> {
    const { gatewayName, submitter, sendingIp, logger, ports } = this.#options;
    const policies = day.tally.policiesOf(domain, sendingIp);
    const composed = composeReport({ day: name, domain, policies, gatewayName, submitter });
    const sent = await sendReport(
      composed,
      {
        plannedId: day.plannedId(domain),
        keep: (queueId) => day.setProgress({ domain, progress: 'planned', queueId }),
      },
      ports,
    );
    if (sent.kind === 'again') {
      this.#rest(`${name} ${domain}`);
      logger.warn('tls-report.waits', { domain, day: name, reason: sent.reason });
      return;
    }
    await day.setProgress({ domain, progress: 'done' });
    if (sent.kind === 'sent') logger.info('tls-report.sent', { domain, day: name, to: sent.to });
  }

  #rest(key: string): void {
    const before = this.#rests.get(key)?.restMs ?? FIRST_REST_MS / 2;
    const restMs = Math.min(before * 2, LONGEST_REST_MS);
    this.#rests.set(key, { at: this.#options.clock.now().getTime() + restMs, restMs });
  }

  async #forget(name: string, day: DayFile): Promise<void> {
    await day.flush();
    this.#days.delete(name);
    for (const key of [...this.#rests.keys()]) {
      if (key.startsWith(`${name} `)) this.#rests.delete(key);
    }
    await rm(join(this.#options.folder, `${name}.jsonl`), { force: true });
  }

  /** Mail goes on: a report is worth less than the mail that it counts. */
  #lost(cause: unknown): void {
    this.#options.logger.error('tls-report.not-counted', { cause });
  }
}
