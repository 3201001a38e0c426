import {
  type CallParams,
  keyholderConsoleProtocol,
  keyholderInwardProtocol,
  keyholderOperatorProtocol,
  keyholderOutwardProtocol,
  serveSocket,
} from '@sallyport/ipc';
import { serveKeyholderHealth } from './health.ts';
import { loadRejectionSecret } from './key-folder.ts';
import { Keyholder, type KeyholderParts } from './keyholder.ts';

/** A keyholder that answers. */
export interface RunningKeyholder {
  /** Reads the key folder again, after a change of keys. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts the keyholder: keys, then one socket for each client role.
 *
 * @throws Error if the rejection secret is not there or not private, or a socket is taken.
 */
export async function startKeyholder(parts: KeyholderParts): Promise<RunningKeyholder> {
  const { options, logger } = parts;
  const keyholder = new Keyholder(parts, await loadRejectionSecret(options.keyFolder));
  await keyholder.reload();
  const shared = {
    unwrap: (params: CallParams<typeof keyholderOutwardProtocol, 'unwrap'>) =>
      keyholder.unwrap(params),
    keys: () => keyholder.keys(),
  };
  const { socketMode: mode } = options;
  await using servers = new AsyncDisposableStack();
  servers.defer(() => keyholder.close());
  const outward = await serveSocket({
    path: options.outwardSocket,
    mode,
    protocol: keyholderOutwardProtocol,
    handlers: {
      sign: (params) => keyholder.sign(params),
      signDkim: (params) => keyholder.signDkim(params),
      dkimKeys: () => keyholder.dkimKeys(),
      ...shared,
    },
    logger,
  });
  servers.defer(() => outward.close());
  const inward = await serveSocket({
    path: options.inwardSocket,
    mode,
    protocol: keyholderInwardProtocol,
    handlers: shared,
    logger,
  });
  servers.defer(() => inward.close());
  const orders = keyholder.operatorHandlers();
  const operator = await serveSocket({
    path: options.operatorSocket,
    mode: OPERATOR_SOCKET_MODE,
    protocol: keyholderOperatorProtocol,
    handlers: orders,
    logger,
  });
  servers.defer(() => operator.close());
  if (options.consoleSocket !== undefined) {
    const forConsole = await serveSocket({
      path: options.consoleSocket,
      mode,
      protocol: keyholderConsoleProtocol,
      handlers: keyholder.consoleHandlers(orders.signCsr),
      logger,
    });
    servers.defer(() => forConsole.close());
  }
  const health = await serveKeyholderHealth({
    path: options.healthSocket,
    logger,
    metrics: keyholder.metrics,
    facts: () => keyholder.facts(),
  });
  servers.defer(() => health.close());
  const open = servers.move();
  return { reload: () => keyholder.reload(), close: () => open.disposeAsync() };
}

/** For root and the keyholder's own account, whatever the workers' sockets are open to. */
const OPERATOR_SOCKET_MODE = 0o600;
