import type {
  MessageHistory,
  MessagePage,
  MessageQuery,
  MessageSummary,
} from '@sallyport/audit-index';
import type { RecordedEvent } from '@sallyport/audit-log';
import { FAULTS, isFaultId } from '@sallyport/faults';
import type { QueueEntry } from '@sallyport/ipc';
import { parseQueueId } from '@sallyport/mail';
import type { DeskPorts } from './desk.ts';
import type { QueueDesk } from './queue.ts';
import { upToDate } from './up-to-date.ts';

/** Why a message is held, and what can be done about it. */
export interface HeldReason {
  readonly sentence: string;
  /** What the fault means and who can mend it; null if none was named. */
  readonly advice: string | null;
  /**
   * Of its file in hold; null: not there any more, or nobody answers. Its envelope is for those who
   * may look into hold, and that they do is on record.
   */
  readonly entry: Pick<QueueEntry, 'id' | 'expiresAt' | 'release'> | null;
}

/** All that the log knows of one message. It has no content, and no subject was ever recorded. */
export interface MessageStory {
  readonly queueId: string;
  readonly summary: MessageSummary | null;
  /** In the order of the log. */
  readonly events: readonly RecordedEvent[];
  /** Outputs, held copies, reports. */
  readonly related: readonly string[];
  /** Null: it is not held. */
  readonly held: HeldReason | null;
}

export interface MessagesDesk {
  /** @throws RangeError unless 1 <= limit <= 10,000. */
  search(query: MessageQuery): Promise<MessagePage>;
  /** By the queue id of the message or of anything made of it; null if there is none. */
  story(id: string): Promise<MessageStory | null>;
}

export function createMessages(ports: DeskPorts, queue: QueueDesk): MessagesDesk {
  const { index } = ports;
  return {
    search: async (query) => {
      await upToDate(index);
      return index.messages(query);
    },
    story: async (text) => {
      const id = parseQueueId(text);
      if (id === null) return null;
      await upToDate(index);
      const history = index.message(id);
      if (history === null) return null;
      const { summary, events, related } = history;
      const queueId = summary?.queueId ?? id;
      const held = summary?.outcome === 'held' ? await reasonOf(history, queueId, queue) : null;
      return { queueId, summary, events, related, held };
    },
  };
}

async function reasonOf(
  { summary, events }: MessageHistory,
  queueId: string,
  queue: QueueDesk,
): Promise<HeldReason> {
  const copy = events.findLast(({ kind }) => kind === 'held')?.facts['heldId'];
  const entry = await queue.whyHeld(typeof copy === 'string' ? copy : queueId);
  const last = events.findLast(({ facts }) => typeof facts['fault'] === 'string');
  const fault = entry?.fault ?? last?.facts['fault'];
  const known = typeof fault === 'string' && isFaultId(fault) ? FAULTS[fault] : null;
  const sentence = entry?.sentence ?? summary?.sentence ?? known?.text ?? '';
  return { sentence, advice: known?.advice ?? null, entry: entry === null ? null : endOf(entry) };
}

function endOf({ id, expiresAt, release }: QueueEntry): NonNullable<HeldReason['entry']> {
  return {
    id,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(release === undefined ? {} : { release }),
  };
}
