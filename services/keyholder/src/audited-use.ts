import type { AuditEvent } from '@sallyport/audit-log';
import {
  type IpcClient,
  IpcRefused,
  IpcUnavailable,
  NOT_ACCEPTED,
  type RecorderProtocol,
} from '@sallyport/ipc';

type Intent = AuditEvent & { readonly kind: 'key-intent' };
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
  recorder: IpcClient<RecorderProtocol>,
  intent: Intent,
  use: () => Promise<Used<T>>,
): Promise<T> {
  const { queueId, keyId, operation } = intent;
  const index = await recordDurably(recorder, intent);
  const outcome = { kind: 'key-outcome', queueId, keyId, operation, intent: index } as const;
  let used: Used<T>;
  try {
    used = await use();
  } catch (error) {
    await recordDurably(recorder, { ...outcome, outcome: 'failed' });
    throw error;
  }
  await recordDurably(recorder, { ...outcome, outcome: 'done', ...used.facts });
  return used.answer;
}

async function recordDurably(
  recorder: IpcClient<RecorderProtocol>,
  event: AuditEvent,
): Promise<number> {
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
