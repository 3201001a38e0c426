import type { GatewayConfig } from '@sallyport/config';
import { connectSocket, type KeyRecord, recorderProtocol } from '@sallyport/ipc';
import type { Logger } from '@sallyport/log';
import { type Clock, rest } from '@sallyport/mail';
import { readKeyRecords } from './keys.ts';
import { applyChanges, type KeyChange, planActivation } from './keys-change.ts';
import { keyEvent } from './keys-event.ts';
import { type GatewayLayout, layoutOf } from './layout.ts';
import type { OneAtATime } from './one-at-a-time.ts';
import { unusable } from './private-keys.ts';
import { publishAuthorities } from './published-certificates.ts';
import { warnOfEnds } from './warn-of-ends.ts';

const LOOK_MS = 10_000;
const CALL_MS = 10_000;
const WARN_EVERY_MS = 24 * 3_600_000;

interface Due {
  readonly layout: GatewayLayout;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly turns: OneAtATime;
  /** Lets the keyholder read its folder again. */
  reload(): void;
}

/**
 * Puts keys in use when the time comes that was planned for them (`key activate --at`), for as long
 * as the gateway runs; what came due while it was stopped comes into use at its start. Once a day it
 * warns of what ends soon.
 */
export async function activateDueKeys(
  config: GatewayConfig,
  parts: {
    readonly logger: Logger;
    readonly clock: Clock;
    readonly signal: AbortSignal;
    /** Shared with all else in this process that changes keys. */
    readonly turns: OneAtATime;
    reload(): void;
  },
): Promise<void> {
  const { logger, clock, signal, turns, reload } = parts;
  const due: Due = {
    layout: layoutOf(config.gateway, config.keys),
    logger,
    clock,
    turns,
    reload,
  };
  let warnedAt = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    try {
      await turns.run(async () => await activateDue(due));
      const now = due.clock.now();
      if (now.getTime() - warnedAt >= WARN_EVERY_MS) {
        await warnOfEnds(due.layout, logger, now);
        warnedAt = now.getTime();
      }
    } catch (cause) {
      logger.error('key.not-activated', { cause }); // and again at the next look
    }
    await rest(clock, LOOK_MS, signal);
  }
}

async function activateDue({ layout, logger, clock, reload }: Due): Promise<void> {
  const now = clock.now();
  const isDue = ({ state, activateAt }: KeyRecord): boolean =>
    state === 'pending' && activateAt !== undefined && Date.parse(activateAt) <= now.getTime();
  for (const { keyId } of (await readKeyRecords(layout.keys)).filter(isDue)) {
    const records = await readKeyRecords(layout.keys);
    const plan = planActivation({ records, keyId, now, beside: false });
    if ('fault' in plan) {
      logger.error('key.not-activated', { keyId, fault: plan.fault, reason: plan.sentence });
      continue;
    }
    const reason = await unusable(layout, plan.changes[0].record, records);
    if (reason !== null) {
      logger.error('key.not-activated', { keyId, reason });
      continue;
    }
    await recordAll(layout, plan.changes);
    await applyChanges(layout, plan.changes, records);
    await publishAuthorities(layout, now);
    reload();
    logger.info('key.activated', { keyId });
  }
}

async function recordAll(layout: GatewayLayout, changes: readonly KeyChange[]): Promise<void> {
  const recorder = connectSocket({
    path: layout.sockets.recorder,
    protocol: recorderProtocol,
    deadlineMs: CALL_MS,
  });
  try {
    for (const change of changes) {
      const sentence = 'at the time that was planned for it';
      const event = { ...keyEvent(change), sentence, personal: { by: 'serve' } };
      await recorder.call('record', { event, durable: true });
    }
  } finally {
    recorder.close();
  }
}
