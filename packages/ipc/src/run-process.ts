import { readFile } from 'node:fs/promises';
import { createLogger, type Logger } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';
import type { z } from 'zod';
import { processClock } from './process-clock.ts';

/** What every process of a gateway has. */
export interface ProcessWorld {
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Runs a process of a gateway from its start to its end, as the supervisor expects: the options file
 * is its first argument, a test clock the second; it says `ready` once it is up, and ends on SIGTERM
 * or when its supervisor has gone. What keeps it from starting is logged, and its exit code is 1.
 *
 * @param parts `start` resolves to what ends it, told the reason.
 */
export async function runProcess<Options>(parts: {
  readonly service: string;
  readonly options: z.ZodType<Options>;
  readonly start: (
    options: Options,
    world: ProcessWorld,
  ) => Promise<(reason: string) => Promise<unknown>>;
}): Promise<void> {
  const [, , optionsFile = '', testClock] = process.argv;
  const clock = processClock(testClock);
  const logger = createLogger({
    service: parts.service,
    now: () => clock.now(),
    write: (line) => process.stderr.write(line),
  });
  process.on('SIGINT', () => undefined); // Ctrl-C reaches the whole group; the supervisor decides
  try {
    const options = parts.options.parse(JSON.parse(await readFile(optionsFile, 'utf8')));
    const close = await parts.start(options, { clock, logger });
    const stop = (reason: string) => () => void close(reason).finally(() => process.exit(0));
    process.once('SIGTERM', stop('asked to stop'));
    process.once('disconnect', stop('the supervisor is gone'));
    process.send?.('ready');
  } catch (cause) {
    logger.error(`${parts.service}.not-started`, { cause });
    process.exit(1);
  }
}
