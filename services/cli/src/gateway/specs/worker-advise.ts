import type { GatewayConfig } from '@sallyport/config';
import type { GatewayLayout } from '../layout.ts';
import type { ProcessSpec } from '../supervisor.ts';
import { lookupFiles } from './lookup.ts';
import { commonWorker } from './worker-common.ts';

export function adviseSpec(config: GatewayConfig, layout: GatewayLayout): ProcessSpec {
  return {
    name: 'worker-advise',
    module: '@sallyport/worker',
    options: {
      role: 'advise',
      ...commonWorker(config, layout),
      listen: layout.sockets.advise,
      smtpPort: config.egress.port,
      tlsReportsFolder: layout.tlsReportsReceived,
    },
    readable: [
      layout.policy,
      layout.capabilities,
      layout.harvested,
      layout.tlsReportsReceived,
      ...lookupFiles(config),
    ],
    writable: [layout.sockets.advise],
    folders: [layout.capabilities, layout.harvested, layout.tlsReportsReceived],
  };
}
