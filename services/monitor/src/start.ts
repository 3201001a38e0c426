import { serveHealth, watchProcess } from '@sallyport/ipc';
import { type Logger, type MetricServer, Metrics } from '@sallyport/log';
import { type Clock, repeat } from '@sallyport/mail';
import { alertMail } from './alert-mail.ts';
import { Alerts } from './alerts.ts';
import { Collector, type RoleReport } from './collect.ts';
import { ProcessHistory } from './conditions.ts';
import { formatExposition } from './exposition.ts';
import { type Answers, jsonAnswer, listenHttp, metricsAnswer } from './http.ts';
import { KnownEnds } from './known-ends.ts';
import type { AlertChannel } from './message.ts';
import type { MonitorOptions } from './options.ts';
import { StateFile } from './state-file.ts';
import { webhook } from './webhook.ts';

/**
 * Without each of these some mail waits or is not taken. A console or a copy of the log that is away
 * takes no host out of service.
 */
const MAIL_NEEDS: ReadonlySet<MetricServer> = new Set([
  'recorder',
  'keyholder',
  'worker-outward',
  'worker-inward',
  'egress',
  'ingress',
]);

/** What the monitor gets from outside. */
export interface MonitorParts {
  readonly options: MonitorOptions;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** A monitor that answers and looks. */
export interface RunningMonitor {
  /** In the order of the options. */
  readonly ports: readonly number[];
  close(): Promise<void>;
}

/** Starts the monitor: HTTP, its own health socket, and the look-out for alerts. */
export async function startMonitor(parts: MonitorParts): Promise<RunningMonitor> {
  const { options, logger, clock } = parts;
  const metrics = new Metrics('monitor');
  const history = new ProcessHistory();
  const collector = new Collector(options.roles, (reports) => {
    for (const process of history.observe(reports, clock.now())) {
      metrics.add('sallyport_process_restarts_total', { process });
    }
    measureRoles(metrics, reports);
  });
  const alerts = await openAlerts(parts, { metrics, collector, history });
  const facts = watchProcess(metrics);
  const health = await serveHealth({ path: options.healthSocket, logger, metrics });
  const answers = answersOf({ collector, metrics, collectOwn: () => facts.collect() });
  const server = await listenHttp(options.listen, answers, logger);
  const stopLooking = repeat(clock, options.alerts.everyMs, () => void alerts.look());
  return {
    ports: server.ports,
    close: async () => {
      stopLooking();
      await server.close();
      await health.close();
      facts.close();
      collector.close();
    },
  };
}

async function openAlerts(
  { options, logger, clock }: MonitorParts,
  of: {
    readonly metrics: Metrics;
    readonly collector: Collector;
    readonly history: ProcessHistory;
  },
): Promise<Alerts> {
  const { gatewayName, alerts, policyFolder, crlFile } = options;
  const { mail, webhook: hook } = alerts;
  const channels: AlertChannel[] = [
    ...(mail === null ? [] : [alertMail(mail, { gatewayName, clock, logger })]),
    ...(hook === null ? [] : [webhook(hook)]),
  ];
  const roles = options.roles.map(({ role }) => role);
  return await Alerts.open({
    ...{ ...of, channels, gatewayName, clock, logger },
    options: alerts,
    ends: new KnownEnds({ collector: of.collector, roles, policyFolder, crlFile, clock, logger }),
    file: new StateFile(options.stateFolder),
  });
}

function answersOf(of: {
  readonly collector: Collector;
  readonly metrics: Metrics;
  readonly collectOwn: () => void;
}): Answers {
  const { collector, metrics, collectOwn } = of;
  return {
    healthz: async () =>
      jsonAnswer(200, { ok: true, processes: (await collector.collect()).map(stateOf) }),
    readyz: async () => {
      const processes = (await collector.collect()).map(stateOf);
      const wrong = processes.filter(({ ok }) => !ok);
      const told = (some: typeof wrong) => some.map(({ role, sentence }) => `${role}: ${sentence}`);
      const reasons = told(wrong.filter(({ role }) => MAIL_NEEDS.has(role)));
      const impaired = told(wrong.filter(({ role }) => !MAIL_NEEDS.has(role)));
      const isReady = reasons.length === 0;
      return jsonAnswer(isReady ? 200 : 503, { ready: isReady, reasons, impaired, processes });
    },
    metrics: async () => {
      const reports = await collector.collect();
      collectOwn();
      return metricsAnswer(
        formatExposition([...reports, { role: 'monitor', samples: metrics.samples() }]),
      );
    },
  };
}

function measureRoles(metrics: Metrics, reports: readonly RoleReport[]): void {
  for (const { role, health } of reports) {
    metrics.set('sallyport_up', { process: role }, health === null ? 0 : 1);
    metrics.set('sallyport_ready', { process: role }, health?.ok === true ? 1 : 0);
  }
}

function stateOf({ role, health }: RoleReport) {
  return { role, ...(health ?? { ok: false, sentence: 'does not answer' }) };
}
