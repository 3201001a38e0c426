import { once } from 'node:events';
import { loadConfig } from '@sallyport/config';
import { createLogger } from '@sallyport/log';
import { systemClock } from '@sallyport/mail';
import { layoutOf } from '../gateway/layout.ts';
import { processSpecs, ROLES, type Role } from '../gateway/roles.ts';
import { Supervisor } from '../gateway/supervisor.ts';

function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}

/** Runs the gateway's processes until SIGTERM or SIGINT. */
export async function runServe(configFile: string, roles: string | null): Promise<number> {
  const loaded = await loadConfig(configFile);
  if (loaded.kind === 'invalid') {
    for (const { path, reason } of loaded.faults) {
      process.stderr.write(`${path || configFile}: ${reason}\n`);
    }
    return 1;
  }
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
