import { createLogger } from '@sallyport/log';
import { systemClock } from '@sallyport/mail';
import { Supervisor } from '../../services/cli/src/gateway/supervisor.ts';

/** Keeps the processes of one gateway, or of what is round it, for a bench. */
export function benchSupervisor(runtime: string, logFile: string): Supervisor {
  const logger = createLogger({
    service: 'bench',
    now: () => systemClock.now(),
    write: (line) => process.stderr.write(line),
  });
  return new Supervisor({ runtime, logger, logFile });
}

/** Whatever ends the bench ends its peers too: they are killed, by their ids, when it exits. */
export function exitOnSignals(): void {
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
}
