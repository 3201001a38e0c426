import { once } from 'node:events';
import { resolve } from 'node:path';
import { type ConfigFault, type GatewayConfig, loadConfig } from '@sallyport/config';
import { processClock } from '@sallyport/ipc';
import { createLogger } from '@sallyport/log';
import { attendGateway } from '../gateway/attend.ts';
import { checkSecrets } from '../gateway/check-secrets.ts';
import { layoutOf } from '../gateway/layout.ts';
import { processSpecs, ROLES, type Role } from '../gateway/roles.ts';
import { Supervisor } from '../gateway/supervisor.ts';

function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}

function refuse(configFile: string, faults: readonly ConfigFault[]): number {
  for (const { path, reason } of faults) {
    process.stderr.write(`${path || configFile}: ${reason}\n`);
  }
  return 1;
}

export interface ServeOptions {
  readonly config: string;
  readonly role?: string;
  readonly testClock?: string;
}

/** Nobody's mail may depend on a time that a file says, nor may a queue whose timers Redis keeps. */
function refuseTestClock({ test, queue }: GatewayConfig): ConfigFault | null {
  const path = '--test-clock';
  if (!test) return { path, reason: 'is for tests: the config must say test: true' };
  return queue.driver === 'embedded' ? null : { path, reason: 'works with queue: embedded only' };
}

/** Runs the gateway's processes until SIGTERM or SIGINT. */
export async function runServe(options: ServeOptions): Promise<number> {
  // Nothing for others. For the group only if it is let in whole, as units do that share a folder.
  const given = process.umask(0o077);
  if ((given & 0o077) === 0o007) process.umask(given);
  const { config: configFile, role: roles } = options;
  const testClock = options.testClock === undefined ? null : resolve(options.testClock);
  const loaded = await loadConfig(configFile);
  if (loaded.kind === 'invalid') return refuse(configFile, loaded.faults);
  const clockFault = testClock === null ? null : refuseTestClock(loaded.config);
  if (clockFault !== null) return refuse(configFile, [clockFault]);
  const secrets = await checkSecrets(layoutOf(loaded.config.gateway, loaded.config.keys));
  if (secrets.length > 0) return refuse(configFile, secrets);
  const wanted = roles === undefined ? [...ROLES] : roles.split(',').map((role) => role.trim());
  const unknown = wanted.find((role) => !isRole(role));
  if (unknown !== undefined) {
    process.stderr.write(`There is no role ${unknown}; the roles are ${ROLES.join(', ')}.\n`);
    return 1;
  }
  const { config } = loaded;
  const clock = processClock(testClock ?? undefined);
  const logger = createLogger({
    service: 'supervisor',
    now: () => clock.now(),
    write: (line) => process.stderr.write(line),
  });
  const supervisor = new Supervisor({
    runtime: layoutOf(config.gateway).runtime,
    logger,
    testClock,
  });
  // As daemons do: read again what may have changed, here the key folder.
  process.on('SIGHUP', () => supervisor.signal('keyholder', 'SIGHUP'));
  const stopped = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  const layout = layoutOf(config.gateway, config.keys);
  const running = wanted.filter(isRole);
  await using own = new AsyncDisposableStack();
  try {
    await supervisor.start(processSpecs(config, running));
    const gateway = { configFile, config, layout };
    own.use(await attendGateway(gateway, running, { supervisor, logger, clock }));
  } catch (cause) {
    logger.error('gateway.not-started', { cause });
    await supervisor.stop();
    return 1;
  }
  logger.info('gateway.ready', { processes: Object.fromEntries(supervisor.processIds()) });
  process.send?.('ready');
  await stopped;
  await own.disposeAsync();
  await supervisor.stop();
  return 0;
}
