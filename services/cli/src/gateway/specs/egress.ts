import { dirname } from 'node:path';
import type { GatewayConfig } from '@sallyport/config';
import type { GatewayLayout } from '../layout.ts';
import type { ProcessSpec } from '../supervisor.ts';
import { queueFiles, queueOf, retryOf } from './queue.ts';
import { dnsOf } from './resolvers.ts';
import { routeRow } from './routes.ts';
import { spoolFolders } from './spool-folders.ts';

export function egressSpec(config: GatewayConfig, layout: GatewayLayout): ProcessSpec {
  const clientTls = config.egress.tls;
  return {
    name: 'egress',
    module: '@sallyport/egress',
    options: {
      gatewayName: config.gateway.name,
      ownDomains: config.domains.map((domain) => domain.name),
      listen: layout.sockets.egress,
      recorderSocket: layout.sockets.recorder,
      workerSocket: layout.sockets.outward,
      policyFolder: layout.policy,
      spool: {
        folder: layout.spool,
        privateKeyFile: layout.spoolKeys.egressPrivate,
        workerPublicKeyFile: layout.spoolKeys.workerPublic,
      },
      pausedFile: layout.pausedDestinations,
      dns: dnsOf(config),
      mtaSts: {
        folder: layout.mtaStsPolicies,
        allowPrivateAddresses: config.lookup.allowPrivateAddresses,
        tlsAnchorsFile: config.lookup.tlsAnchorsFile ?? null,
      },
      tlsReports: { folder: layout.tlsReportCounts, submitter: config.domains[0]?.name },
      routes: config.routes.map(routeRow),
      mxPort: config.egress.port,
      localAddress: config.egress.sourceAddress ?? null,
      clientCertificate: clientTls ?? null,
      concurrency: config.egress.concurrency,
      perDestination: config.egress.perDestination,
      rate: rateOf(config.egress.rate),
      destinations: config.egress.destinations.map(({ domain, concurrency, rate }) => ({
        domain,
        concurrency: concurrency ?? config.egress.perDestination,
        rate: rateOf(rate ?? config.egress.rate),
      })),
      timeouts: { connectMs: config.egress.connectTimeout, tlsMs: config.egress.connectTimeout },
      retry: retryOf(config),
      queue: queueOf(config),
    },
    readable: [
      ...queueFiles(config),
      layout.policy,
      layout.spool,
      layout.spoolKeys.workerPublic,
      layout.spoolKeys.egressPrivate,
      ...(clientTls === undefined ? [] : [clientTls.certificateFile, clientTls.keyFile]),
      ...(config.lookup.tlsAnchorsFile === undefined ? [] : [config.lookup.tlsAnchorsFile]),
    ],
    writable: [
      ...spoolFolders(layout, 'tmp', 'incoming', 'outgoing', 'hold', 'corrupt'),
      dirname(layout.pausedDestinations),
      layout.mtaStsPolicies,
      layout.tlsReportCounts,
      layout.sockets.egress,
    ],
    folders: [layout.mtaStsPolicies, layout.tlsReportCounts],
  };
}

function rateOf(rate: GatewayConfig['egress']['rate']) {
  return rate === undefined ? null : { count: rate.messages, perMs: rate.per };
}
