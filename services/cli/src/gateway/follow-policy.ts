import type { GatewayConfig } from '@sallyport/config';
import { connectSocket, recorderProtocol } from '@sallyport/ipc';
import type { Logger } from '@sallyport/log';
import { type Clock, rest } from '@sallyport/mail';
import { followSteps } from '@sallyport/policy-store/write';
import { layoutOf } from './layout.ts';

const LOOK_MS = 10_000;
const CALL_MS = 10_000;

/** Keeps the audit log abreast of the policy folder for as long as the gateway runs. */
export async function followPolicy(
  config: GatewayConfig,
  parts: { readonly logger: Logger; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const { logger, clock, signal } = parts;
  const layout = layoutOf(config.gateway, config.keys);
  let missing: ReadonlySet<number> | null = null;
  while (!signal.aborted) {
    const recorder = connectSocket({
      path: layout.sockets.recorder,
      protocol: recorderProtocol,
      deadlineMs: CALL_MS,
    });
    try {
      const now = clock.now();
      missing = await followSteps(layout.policy, {
        now,
        missing,
        record: async (event) => {
          await recorder.call('record', { event, durable: true });
          logger.info('policy.step-recorded', { kind: event.kind });
        },
      });
    } catch (cause) {
      logger.error('policy.step-not-recorded', { cause }); // and again at the next look
    } finally {
      recorder.close();
    }
    await rest(clock, LOOK_MS, signal);
  }
}
