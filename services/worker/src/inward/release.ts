import { childQueueId, type QueueId } from '@sallyport/mail';
import { writeQueueFile } from '../shared/spool-client.ts';
import { judgeMessage } from './judge.ts';
import type { InwardPorts } from './serve-inward.ts';

/**
 * Takes a held message from outside to the inner MTA: opened and judged anew under the present
 * policy, with the hold lifted by a person. What proves no integrity stays held.
 *
 * @returns null if it was released, else why not.
 */
export async function releaseInward(
  id: QueueId,
  ports: InwardPorts & { readonly relay: (id: QueueId) => void },
): Promise<string | null> {
  const stored = await ports.spool.read('hold', id);
  if (stored.kind !== 'ok') return 'The held message cannot be read.';
  const active = await ports.policy.current();
  const received = stored.header.extra['receivedAs'];
  const judgement = await judgeMessage(
    {
      queueId: typeof received === 'string' ? (received as QueueId) : id,
      client: stored.header.client,
      reversePath: stored.header.reversePath,
      content: stored.content,
      released: true,
    },
    active,
    { ...ports, mayOpen: ports.mayOpenFor(id), now: ports.clock.now() },
  );
  if (judgement.kind === 'malformed') return `Not released: ${judgement.reason}.`;
  const { decision } = judgement;
  if (decision.kind !== 'deliver') return decision.sentence;
  const result = childQueueId(id, 'released');
  const header = {
    ...stored.header,
    id: result,
    extra: { ...stored.header.extra, policyVersion: active.version, rule: decision.rule },
  };
  await writeQueueFile(ports.spool, header, judgement.delivered, 'egress');
  await ports.spool.commit(result, 'tmp', 'outgoing');
  await ports.spool.remove('hold', id);
  ports.relay(result);
  return null;
}
