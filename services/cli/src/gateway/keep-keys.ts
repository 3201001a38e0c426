import type { Logger } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';
import type { Gateway } from '../commands/gateway-access.ts';
import { activateDueKeys } from './activate-due.ts';
import { serveKeyDesk } from './key-desk.ts';
import { OneAtATime } from './one-at-a-time.ts';

/**
 * What the supervisor of a keyholder does for its keys until it is closed: takes the console's
 * orders, and puts keys in use when their time comes.
 */
export async function keepKeys(
  gateway: Gateway,
  parts: {
    readonly logger: Logger;
    readonly clock: Clock;
    /** Lets the keyholder read its folder again. */
    reload(): void;
  },
): Promise<AsyncDisposable> {
  const { logger, clock, reload } = parts;
  const turns = new OneAtATime();
  const desk = await serveKeyDesk({ gateway, logger, clock, turns });
  const ending = new AbortController();
  const { signal } = ending;
  const activating = activateDueKeys(gateway.config, { logger, clock, signal, turns, reload });
  return {
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await desk.close();
      await turns.run(async () => {}); // what was begun is carried to its end
      await activating;
    },
  };
}
