import { join } from 'node:path';
import { loadConfig } from '@sallyport/config';
import { createLogger } from '@sallyport/log';
import { processSpecs } from '../../services/cli/src/gateway/roles.ts';
import { Supervisor } from '../../services/cli/src/gateway/supervisor.ts';
import { type Gateway, makeGateway } from './gateway.ts';
import { freePort } from './ports.ts';

export interface DirectoryRun extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly ldapPort: number;
  readonly httpPort: number;
}

/** A gateway whose directory alone is going to run. */
export async function makeDirectory(): Promise<DirectoryRun> {
  const [ldapPort, httpPort] = [await freePort(), await freePort()];
  const gateway = await makeGateway({
    domain: 'acme.example',
    innerPort: await freePort(),
    dnsPort: 53,
    egressPort: await freePort(),
    config: {
      directory: {
        listen: [`127.0.0.1:${ldapPort}`],
        http: { listen: [`127.0.0.1:${httpPort}`] },
      },
    },
  });
  return {
    gateway,
    ldapPort,
    httpPort,
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  };
}

/** Starts the directory process behind its permission wall; limits are those that it allows at most. */
export async function startDirectoryProcess({ gateway }: DirectoryRun) {
  const loaded = await loadConfig(gateway.configFile);
  if (loaded.kind === 'invalid') throw new Error(loaded.faults[0]?.reason);
  const limits = { searchesPerMinute: 10_000, connectionsPerClient: 100 };
  const specs = processSpecs(loaded.config, ['directory']).map((spec) => ({
    ...spec,
    options: { ...(spec.options as object), limits },
  }));
  const logger = createLogger({ service: 'bench', now: () => new Date(), write: () => undefined });
  const runtime = join(gateway.runtimeFolder, 'd');
  const logFile = join(gateway.folder, 'directory.log');
  const supervisor = new Supervisor({ runtime, logger, logFile });
  const started = performance.now();
  await supervisor.start(specs);
  const pid = supervisor.processIds().get('directory') ?? 0;
  return {
    pid,
    startedMs: performance.now() - started,
    [Symbol.asyncDispose]: () => supervisor.stop(),
  };
}
