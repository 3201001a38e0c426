import type { GatewayConfig } from '@sallyport/config';
import type { GatewayLayout } from '../layout.ts';
import type { ProcessSpec } from '../supervisor.ts';
import { spoolFolders } from './spool-folders.ts';
import { mailWorker, workerFiles } from './worker-common.ts';

const DECRYPTION_FLOOR_MS = 100;

export function inwardSpec(config: GatewayConfig, layout: GatewayLayout): ProcessSpec | null {
  if (config.ingress.partner === undefined) return null;
  return {
    name: 'worker-inward',
    module: '@sallyport/worker',
    options: {
      role: 'inward',
      ...mailWorker(config, layout),
      listen: layout.sockets.inward,
      keyholderSocket: layout.sockets.keyholderInward,
      decryptionFloorMs: DECRYPTION_FLOOR_MS,
      tlsReportsFolder: layout.tlsReportsReceived,
    },
    readable: workerFiles(config, layout),
    writable: [
      ...spoolFolders(layout, 'tmp'),
      layout.index,
      layout.capabilities,
      layout.harvested,
      layout.tlsReportsReceived,
      layout.sockets.inward,
    ],
    folders: [layout.capabilities, layout.harvested, layout.tlsReportsReceived],
  };
}
