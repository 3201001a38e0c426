import type { Logger, Metrics } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';
import type { Collector, RoleReport } from './collect.ts';
import { agedQueues, nearEnds, type ProcessHistory } from './conditions.ts';
import { type AlertState, dueFor, forChannels, NO_ALERTS, observe, told } from './incidents.ts';
import { type KnownEnds, measureEnds } from './known-ends.ts';
import { type AlertChannel, lineOf, MAX_ALERTS } from './message.ts';
import type { AlertOptions } from './options.ts';
import type { StateFile } from './state-file.ts';

/** After a channel failed it rests, longer each time. */
const FIRST_REST_MS = 15_000;
const LONGEST_REST_MS = 15 * 60_000;

export interface AlertParts {
  readonly options: AlertOptions;
  readonly collector: Collector;
  readonly history: ProcessHistory;
  readonly ends: KnownEnds;
  readonly channels: readonly AlertChannel[];
  readonly file: StateFile;
  readonly gatewayName: string;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Looks for what people should hear, and tells each channel once, until it is over. */
export class Alerts {
  readonly #parts: AlertParts;
  readonly #rests = new Map<AlertChannel['name'], { restMs: number; until: number }>();
  #state: AlertState = NO_ALERTS;
  #running: Promise<void> | null = null;
  #keeping: Promise<void> = Promise.resolve();
  #isKept = true;

  private constructor(parts: AlertParts, state: AlertState) {
    this.#parts = parts;
    this.#state = state;
  }

  static async open(parts: AlertParts): Promise<Alerts> {
    const state = await parts.file.read(parts.logger);
    return new Alerts(
      parts,
      forChannels(
        state,
        parts.channels.map(({ name }) => name),
      ),
    );
  }

  /** One look, unless one is running. Its surprises are logged, and it comes again. */
  look(): Promise<void> {
    const { logger } = this.#parts;
    this.#running ??= this.#look()
      .catch((cause: unknown) => logger.error('alerts.look-failed', { cause }))
      .finally(() => {
        this.#running = null;
      });
    return this.#running;
  }

  async #look(): Promise<void> {
    const { collector, channels, ends, history, options, clock, metrics } = this.#parts;
    const reports = await collector.collect();
    const now = clock.now();
    const known = await ends.look();
    measureEnds(metrics, known, now);
    // What nobody is told of would only pile up.
    const notices = channels.length === 0 ? [] : await collector.notices(this.#state.noticed);
    const conditions = [
      ...this.#processes(reports, now),
      ...agedQueues(reports, options),
      ...nearEnds(known, { now, expiryDays: options.expiryDays }),
    ];
    const isUnknown = (id: string): boolean =>
      ends.isUnknown(id) || isUnanswered(id, reports) || history.isUnknown(id, now);
    const before = this.#state;
    const leaves = leavesOf(reports);
    this.#state = observe(before, { conditions, notices, isUnknown, leaves, now });
    this.#log(before);
    const open = this.#state.incidents.filter(({ state }) => state === 'stands').length;
    metrics.set('sallyport_alerts_open', {}, open);
    // At once: a mail server that drags its feet keeps no webhook waiting.
    await Promise.all(channels.map((channel) => this.#tell(channel)));
    await this.#keep();
  }

  /** One write at a time. A disk that takes nothing, often the cause of alerts, keeps none from being told. */
  #keep(): Promise<void> {
    const { file, logger } = this.#parts;
    this.#keeping = this.#keeping.then(async () => {
      try {
        await file.write(this.#state);
        this.#isKept = true;
      } catch (cause) {
        if (this.#isKept) logger.error('alerts.state-not-written', { cause });
        this.#isKept = false;
      }
    });
    return this.#keeping;
  }

  #processes(reports: readonly RoleReport[], now: Date) {
    const { history, options } = this.#parts;
    return history.conditions(reports, now, options.downAfterMs);
  }

  #log(before: AlertState): void {
    const known = new Set(before.incidents.map(({ id }) => id));
    for (const { id, kind, sentence } of this.#state.incidents) {
      if (!known.has(id)) this.#parts.logger.warn('alert.raised', { kind, sentence });
    }
  }

  async #tell(channel: AlertChannel): Promise<void> {
    const { clock, options, channels, gatewayName, metrics, logger } = this.#parts;
    const { name } = channel;
    const now = clock.now();
    const rest = this.#rests.get(name);
    if (rest !== undefined && performance.now() < rest.until) return;
    const { repeatAfterMs } = options;
    const incidents = dueFor(this.#state, name, { now, repeatAfterMs }).slice(0, MAX_ALERTS);
    if (incidents.length === 0) return;
    const alerts = incidents.map((incident) => lineOf(incident, name));
    try {
      await channel.send({ gateway: gatewayName, time: now.toISOString(), alerts });
    } catch (cause) {
      metrics.add('sallyport_alerts_sent_total', { channel: name, outcome: 'failed' });
      logger.error('alerts.not-sent', { channel: name, cause });
      const restMs = Math.min(LONGEST_REST_MS, (rest?.restMs ?? FIRST_REST_MS / 2) * 2);
      this.#rests.set(name, { restMs, until: performance.now() + restMs });
      return;
    }
    this.#rests.delete(name);
    metrics.add('sallyport_alerts_sent_total', { channel: name, outcome: 'sent' }, alerts.length);
    logger.info('alerts.sent', { channel: name, alerts: alerts.length });
    const all = channels.map((one) => one.name);
    this.#state = told(this.#state, { channel: name, incidents, channels: all, now });
    // At once: a crash before the next channel must not tell this one twice.
    await this.#keep();
  }
}

function leavesOf(reports: readonly RoleReport[]): number | null {
  const recorder = reports.find(({ role }) => role === 'recorder');
  return recorder?.samples['sallyport_audit_leaves'] ?? null;
}

/** What a process that does not answer would have to tell: its queue, and since when it is away. */
function isUnanswered(id: string, reports: readonly RoleReport[]): boolean {
  const [kind, name] = id.split(' ', 2);
  if (kind === 'process') {
    return reports.some(({ role, health }) => role === name && health?.ok !== true);
  }
  if (kind !== 'queue-age') return false;
  const series = `sallyport_queue_oldest_age_seconds{queue="${name}"}`;
  return !reports.some(({ samples }) => series in samples);
}
