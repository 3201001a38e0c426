import { stat } from 'node:fs/promises';
import type { GatewayConfig } from '@sallyport/config';
import { createLogger } from '@sallyport/log';
import { systemClock } from '@sallyport/mail';
import type { GatewayLayout } from './layout.ts';
import { processSpecs } from './roles.ts';
import { Supervisor } from './supervisor.ts';

/** Why no recorder can be started for an order. */
export interface CannotRecord {
  readonly reason: string;
}

/**
 * Starts the recorder of a gateway that is stopped, for as long as one order takes: what is done to
 * keys is in the log, whether or not mail flows. It is the same process under the same switches.
 */
export async function startRecorder(
  config: GatewayConfig,
  layout: GatewayLayout,
): Promise<AsyncDisposable | CannotRecord> {
  const folder = await stat(layout.audit);
  if (folder.uid !== process.getuid?.()) {
    // Files of another owner would lock the recorder's own account out of its log.
    return { reason: `${layout.audit} belongs to another account` };
  }
  const logger = createLogger({
    service: 'supervisor',
    now: () => systemClock.now(),
    write: () => undefined,
  });
  const { runtime } = layout;
  const supervisor = new Supervisor({ runtime, logger, logFile: '/dev/null' });
  try {
    await supervisor.start(processSpecs(config, ['recorder']));
  } catch (error) {
    await supervisor.stop();
    return { reason: error instanceof Error ? error.message : 'it does not start' };
  }
  return { [Symbol.asyncDispose]: async () => await supervisor.stop() };
}
