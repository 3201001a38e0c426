import type { GatewayConfig } from '@sallyport/config';
import type { GatewayLayout } from '../layout.ts';
import { lookupFiles, lookupOf } from './lookup.ts';
import { dnsOf } from './resolvers.ts';
import { routeOf } from './routes.ts';

export function commonWorker(config: GatewayConfig, layout: GatewayLayout) {
  return {
    gatewayName: config.gateway.name,
    policyFolder: layout.policy,
    domains: config.domains.map(({ name, recipients }) => ({
      name,
      recipients:
        recipients.kind === 'call-forward'
          ? { kind: 'call-forward' as const, ...routeOf(config, name) }
          : recipients,
    })),
    dns: dnsOf(config),
    allowPrivateAddresses: config.lookup.allowPrivateAddresses,
    lookup: lookupOf(config),
    capabilitiesFolder: layout.capabilities,
    harvestedFolder: layout.harvested,
  };
}

export function mailWorker(config: GatewayConfig, layout: GatewayLayout) {
  return {
    ...commonWorker(config, layout),
    recorderSocket: layout.sockets.recorder,
    spool: {
      folder: layout.spool,
      workerPublicKeyFile: layout.spoolKeys.workerPublic,
      egressPublicKeyFile: layout.spoolKeys.egressPublic,
      workerPrivateKeyFile: layout.spoolKeys.workerPrivate,
    },
    indexFolder: layout.index,
    frontAuthservIds: config.trustedFronts.flatMap(({ authservId }) => authservId ?? []),
    scanner:
      config.scanner === undefined
        ? null
        : { clamd: config.scanner.clamd, timeoutMs: config.scanner.timeout },
  };
}

export function workerFiles(config: GatewayConfig, layout: GatewayLayout): string[] {
  const lists = config.domains.flatMap(({ recipients }) =>
    recipients.kind === 'list' ? [recipients.file] : [],
  );
  return [
    layout.policy,
    layout.spool,
    layout.spoolKeys.workerPublic,
    layout.spoolKeys.egressPublic,
    layout.spoolKeys.workerPrivate,
    ...lists,
    ...lookupFiles(config),
  ];
}
