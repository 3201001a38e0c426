import type { GatewayConfig } from '@sallyport/config';
import type { GatewayLayout } from '../layout.ts';
import type { ProcessSpec } from '../supervisor.ts';

export function recorderSpec(config: GatewayConfig, layout: GatewayLayout): ProcessSpec {
  const { keepFor } = config.audit;
  return {
    name: 'recorder',
    module: '@sallyport/recorder',
    options: {
      folder: layout.audit,
      privateKeyFile: layout.logKey,
      socket: layout.sockets.recorder,
      ...(keepFor === undefined ? {} : { keepForMs: keepFor }),
    },
    readable: [layout.logKey],
    writable: [layout.audit, layout.sockets.recorder],
  };
}
