import type { AuditEvent, KeyholderOperation } from '@sallyport/audit-log';
import {
  type IpcClient,
  IpcRefused,
  IpcUnavailable,
  NOT_ACCEPTED,
  type RecorderProtocol,
} from '@sallyport/ipc';
import type { Metrics } from '@sallyport/log';

/** The recorder, and who counts the uses; left out, nobody does. */
export type AuditedRecorder = Pick<IpcClient<RecorderProtocol>, 'call' | 'close'> & {
  readonly metrics?: Metrics;
};

type Intent = AuditEvent & {
  readonly kind: 'key-intent';
  readonly operation: KeyholderOperation;
};
type OutcomeFacts = Partial<
  Pick<AuditEvent & { readonly kind: 'key-outcome' }, 'signatureDigest' | 'signedAttributesDigest'>
>;

/** What a use of a key yields: the answer, and what the log says of it. */
export interface Used<T> {
  readonly answer: T;
  readonly facts: OutcomeFacts;
}

/**
 * Uses a key between two durable records: intent first, outcome before the answer leaves.
 *
 * @throws IpcRefused if the recorder is away, refuses, or does not hold the outcome; the answer is
 *   dropped then. What `use` throws is recorded as failed and thrown on.
 */
export async function useAudited<T>(
  recorder: AuditedRecorder,
  intent: Intent,
  use: () => Promise<Used<T>>,
): Promise<T> {
  const { queueId, keyId, operation } = intent;
  const begunAt = performance.now();
  // For unwrap `done` counts right and wrong keys alike: no figure tells one from the other.
  const counted = (came: 'done' | 'failed' | 'not-recorded'): void => {
    const seconds = (performance.now() - begunAt) / 1_000;
    const labels = { operation, outcome: came };
    recorder.metrics?.observe('sallyport_key_use_duration_seconds', labels, seconds);
  };
  const recorded = async (event: AuditEvent): Promise<number> => {
    try {
      return await recordDurably(recorder, event);
    } catch (error) {
      counted('not-recorded');
      throw error;
    }
  };
  const index = await recorded(intent);
  const outcome = { kind: 'key-outcome', queueId, keyId, operation, intent: index } as const;
  let used: Used<T>;
  try {
    used = await use();
  } catch (error) {
    await recorded({ ...outcome, outcome: 'failed' });
    counted('failed');
    throw error;
  }
  await recorded({ ...outcome, outcome: 'done', ...used.facts });
  counted('done');
  return used.answer;
}

async function recordDurably(recorder: AuditedRecorder, event: AuditEvent): Promise<number> {
  try {
    const { index } = await recorder.call('record', { event, durable: true });
    return index;
  } catch (error) {
    if (error instanceof IpcRefused && error.message === NOT_ACCEPTED) {
      throw new IpcRefused(null, NOT_ACCEPTED, { cause: error });
    }
    if (error instanceof IpcRefused || error instanceof IpcUnavailable) {
      const text = `the use of the key could not be recorded: ${error.message}`;
      throw new IpcRefused('recorder-unavailable', text, { cause: error });
    }
    throw error;
  }
}
