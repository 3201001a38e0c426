import type { GatewayConfig } from '@sallyport/config';
import type { GatewayLayout } from '../layout.ts';
import type { ProcessSpec } from '../supervisor.ts';
import { queueFiles, queueOf, retryOf } from './queue.ts';
import { spoolFolders } from './spool-folders.ts';
import { mailWorker, workerFiles } from './worker-common.ts';

const OUTWARD_CONCURRENCY = 32;

export function outwardSpec(config: GatewayConfig, layout: GatewayLayout): ProcessSpec {
  return {
    name: 'worker-outward',
    module: '@sallyport/worker',
    options: {
      role: 'outward',
      ...mailWorker(config, layout),
      listen: layout.sockets.outward,
      keyholderSocket: layout.sockets.keyholderOutward,
      egressSocket: layout.sockets.egress,
      concurrency: OUTWARD_CONCURRENCY,
      queue: queueOf(config),
      retry: retryOf(config),
      holdExpiryMs: config.hold.expiry,
    },
    readable: [
      ...workerFiles(config, layout),
      ...queueFiles(config),
      layout.capabilities,
      layout.harvested,
    ],
    writable: [
      ...spoolFolders(layout, 'tmp', 'incoming', 'outgoing', 'hold', 'corrupt'),
      layout.index,
      layout.sockets.outward,
    ],
    folders: [layout.capabilities, layout.harvested],
  };
}
