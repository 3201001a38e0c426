import { type Content, childQueueId, parseQueueId, type QueueId } from '@sallyport/mail';
import { putQueueFile, type QueueFileHeader } from '@sallyport/spool';
import { activeFor } from './active-for.ts';
import { judgeMessage } from './judge.ts';
import type { InwardPorts } from './serve-inward.ts';

interface ReleasePorts {
  readonly relay: (id: QueueId) => void;
  /** Puts the release on record. */
  readonly record: () => Promise<void>;
}

/**
 * Takes a held message from outside to the inner MTA: opened and judged anew under the present
 * policy, with the hold lifted by a person. What proves no integrity stays held. `ports.record`
 * is called once it is sure to go, and before it does.
 *
 * @returns null if it was released, else why not.
 */
export async function releaseInward(
  id: QueueId,
  ports: InwardPorts & ReleasePorts,
): Promise<string | null> {
  const stored = await ports.spool.read('hold', id);
  if (stored.kind !== 'ok') return 'The held message cannot be read.';
  // Egress could not deliver it: it was judged and opened, and to judge what is left of it anew
  // would put another verdict on it.
  if (typeof stored.header.extra['heldFrom'] === 'string') {
    await relayReleased(id, stored.header, stored.content, ports);
    return null;
  }
  const active = activeFor(await ports.policy.current(), stored.header);
  const received = stored.header.extra['receivedAs'];
  const judgement = await judgeMessage(
    {
      queueId: (typeof received === 'string' ? parseQueueId(received) : null) ?? id,
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
  const extra = { ...stored.header.extra, policyVersion: active.version, rule: decision.rule };
  await relayReleased(id, { ...stored.header, extra }, judgement.delivered, ports);
  return null;
}

async function relayReleased(
  id: QueueId,
  header: QueueFileHeader,
  content: Content,
  ports: Pick<InwardPorts, 'spool' | 'clock'> & ReleasePorts,
): Promise<void> {
  const result = childQueueId(id, 'released');
  // Its time in hold does not count against its time in the queue.
  const createdAt = ports.clock.now().toISOString();
  const released = { ...header, id: result, createdAt };
  const file = { header: released, content, reader: 'egress' } as const;
  await putQueueFile(ports.spool, 'outgoing', file, ports.record);
  await ports.spool.remove('hold', id);
  ports.relay(result);
}
