import { join } from 'node:path';
import type { GatewayConfig } from '@sallyport/config';
import type { MetricServer } from '@sallyport/log';
import type { GatewayLayout } from '../layout.ts';
import type { ProcessSpec } from '../supervisor.ts';

/** Where a process tells how it is. */
export function healthSocketOf(layout: GatewayLayout, role: MetricServer): string {
  return join(layout.runtime, 'health', `${role}.sock`);
}

/** The process that tells how all others are; none where the config has no monitor. */
export function monitorSpec(config: GatewayConfig, layout: GatewayLayout): ProcessSpec | null {
  const { monitor } = config;
  if (monitor === undefined) return null;
  const { mail, webhook } = monitor.alerts;
  const watched = watchedRoles(config);
  const sockets = watched.map((role) => healthSocketOf(layout, role));
  const files = [webhook?.tokenFile, webhook?.anchorsFile].filter((file) => file !== undefined);
  return {
    name: 'monitor',
    module: '@sallyport/monitor',
    options: {
      gatewayName: config.gateway.name,
      listen: monitor.listen,
      roles: watched.map((role) => ({ role, socket: healthSocketOf(layout, role) })),
      policyFolder: layout.policy,
      crlFile: layout.publishedCrl,
      stateFolder: layout.monitor,
      alerts: {
        mail: mail ?? null,
        webhook:
          webhook === undefined
            ? null
            : {
                url: webhook.url,
                tokenFile: webhook.tokenFile ?? null,
                anchorsFile: webhook.anchorsFile ?? null,
              },
        queueAgeMs: monitor.alerts.queueAge,
        expiryDays: monitor.alerts.expiryDays,
        downAfterMs: monitor.alerts.downAfter,
        repeatAfterMs: monitor.alerts.repeatAfter,
      },
    },
    readable: [layout.policy, layout.publishedCrl, ...sockets, ...files],
    writable: [layout.monitor],
    folders: [layout.monitor],
  };
}

/** The processes that this gateway has, on one host or under units of their own. */
export function watchedRoles(config: GatewayConfig): readonly MetricServer[] {
  const { directory, console: pages, audit, ingress } = config;
  return [
    'recorder',
    'keyholder',
    'worker-outward',
    ...(ingress.partner === undefined ? [] : (['worker-inward'] as const)),
    'worker-advise',
    'egress',
    ...(directory === undefined ? [] : (['directory'] as const)),
    ...(audit.ship.length === 0 ? [] : (['shipper'] as const)),
    ...(pages === undefined ? [] : (['console'] as const)),
    'ingress',
  ];
}
