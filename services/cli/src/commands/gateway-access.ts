import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, resolve } from 'node:path';
import { type GatewayConfig, type LoadedConfig, loadConfig, parseConfig } from '@sallyport/config';
import {
  adviseProtocol,
  connectSocket,
  type IpcClient,
  IpcRefused,
  IpcUnavailable,
  type Protocol,
} from '@sallyport/ipc';
import { type GatewayLayout, layoutOf } from '../gateway/layout.ts';
import { Complaint } from './run.ts';

const DEADLINE_MS = 10_000;

/** A gateway as its config file describes it. */
export interface Gateway {
  readonly configFile: string;
  readonly config: GatewayConfig;
  readonly layout: GatewayLayout;
}

function gatewayOf(configFile: string, loaded: LoadedConfig): Gateway {
  if (loaded.kind === 'ok') {
    return {
      configFile,
      config: loaded.config,
      layout: layoutOf(loaded.config.gateway, loaded.config.keys),
    };
  }
  const [fault] = loaded.faults;
  const path = fault === undefined || fault.path === '' ? '' : `${fault.path}: `;
  const more = loaded.faults.length > 1 ? ` (and ${loaded.faults.length - 1} more)` : '';
  throw new Complaint(`${configFile} cannot be used: ${path}${fault?.reason ?? ''}${more}.`);
}

/** Loads a config file as `serve` would. @throws Complaint with the first fault. */
export async function openGateway(configFile: string): Promise<Gateway> {
  return gatewayOf(configFile, await loadConfig(configFile));
}

/** As `openGateway`, but files that the config names need not be there yet. */
export async function openGatewayConfig(configFile: string): Promise<Gateway> {
  const text = await readFile(configFile, 'utf8');
  return gatewayOf(configFile, parseConfig(text, dirname(resolve(configFile))));
}

/** Who gives an order: for the audit log. */
export function operatorName(given: string | undefined): string {
  return given ?? process.env['USER'] ?? userInfo().username;
}

/**
 * Asks one process of a running gateway.
 *
 * @throws Complaint if it does not answer or refuses.
 */
export async function askProcess<P extends Protocol, R>(
  process: {
    readonly name: string;
    readonly path: string;
    readonly protocol: P;
    readonly deadlineMs?: number;
  },
  ask: (client: IpcClient<P>) => Promise<R>,
): Promise<R> {
  const { name, path, protocol, deadlineMs = DEADLINE_MS } = process;
  const client = connectSocket({ path, protocol, deadlineMs });
  try {
    return await ask(client);
  } catch (error) {
    if (error instanceof IpcUnavailable) throw new NotRunning(name, error);
    if (error instanceof IpcRefused) throw new Complaint(`The ${name} refuses: ${error.message}.`);
    throw error;
  } finally {
    client.close();
  }
}

/** Asks worker advise of a running gateway. @throws Complaint if it does not answer or refuses. */
export async function askAdvise<R>(
  { layout }: Gateway,
  deadlineMs: number,
  ask: (client: IpcClient<typeof adviseProtocol>) => Promise<R>,
): Promise<R> {
  const path = layout.sockets.advise;
  return await askProcess(
    { name: 'worker advise', path, protocol: adviseProtocol, deadlineMs },
    ask,
  );
}

/** Nobody answers at the process's socket. */
export class NotRunning extends Complaint {
  constructor(name: string, cause: IpcUnavailable) {
    super(
      cause.kind === 'connect'
        ? `The gateway is not running: its ${name} does not answer. Start it with: sallyport serve --config FILE`
        : `The gateway's ${name} did not answer in time.`,
    );
    this.cause = cause;
  }
}
