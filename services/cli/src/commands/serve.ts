import { once } from 'node:events';
import { type ConfigFault, loadConfig } from '@sallyport/config';
import { createLogger } from '@sallyport/log';
import { systemClock } from '@sallyport/mail';
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

/** Runs the gateway's processes until SIGTERM or SIGINT. */
export async function runServe(configFile: string, roles: string | null): Promise<number> {
  const loaded = await loadConfig(configFile);
  if (loaded.kind === 'invalid') return refuse(configFile, loaded.faults);
  const secrets = await checkSecrets(layoutOf(loaded.config.gateway));
  if (secrets.length > 0) return refuse(configFile, secrets);
  const wanted = roles === null ? [...ROLES] : roles.split(',').map((role) => role.trim());
  const unknown = wanted.find((role) => !isRole(role));
  if (unknown !== undefined) {
    process.stderr.write(`There is no role ${unknown}; the roles are ${ROLES.join(', ')}.\n`);
    return 1;
  }
  const { config } = loaded;
  const logger = createLogger({
    service: 'supervisor',
    now: () => systemClock.now(),
    write: (line) => process.stderr.write(line),
  });
  const supervisor = new Supervisor({ runtime: layoutOf(config.gateway).runtime, logger });
  // As daemons do: read again what may have changed, here the key folder.
  process.on('SIGHUP', () => supervisor.signal('keyholder', 'SIGHUP'));
  const stopped = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  try {
    await supervisor.start(processSpecs(config, wanted.filter(isRole)));
  } catch (cause) {
    logger.error('gateway.not-started', { cause });
    await supervisor.stop();
    return 1;
  }
  logger.info('gateway.ready', { processes: Object.fromEntries(supervisor.processIds()) });
  process.send?.('ready');
  await stopped;
  await supervisor.stop();
  return 0;
}
