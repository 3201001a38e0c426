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
import { domainsOfPartner } from './active-policy.ts';
import type { DeskPorts } from './desk.ts';
import { baseOf } from './partner-domains.ts';
import type { QueueDesk } from './queue.ts';
import { upToDate } from './up-to-date.ts';

/** Domains of one partner that are searched one by one. */
const MAX_DOMAINS = 100;
const MAX_COPIES = 20;

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

/** What is searched for; `partner` is the name of a record of the policy in force. */
export type MessageSearch = MessageQuery & { readonly partner?: string };

export type FoundMessages =
  | ({ readonly kind: 'page' } & MessagePage)
  | { readonly kind: 'unknown-partner' }
  /** More than are asked for one by one. */
  | { readonly kind: 'many-domains' };

export interface MessagesDesk {
  /** @throws RangeError unless 1 <= limit <= 10,000. */
  search(search: MessageSearch): Promise<FoundMessages>;
  /** By the queue id of the message or of anything made of it; null if there is none. */
  story(id: string): Promise<MessageStory | null>;
}

export function createMessages(ports: DeskPorts, queue: QueueDesk): MessagesDesk {
  const { index } = ports;
  return {
    search: async ({ partner, ...query }) => {
      await upToDate(index);
      if (partner === undefined) return { kind: 'page', ...index.messages(query) };
      const domains = await domainsOfPartner(ports, partner);
      if (domains === null) return { kind: 'unknown-partner' };
      const asked = narrowed(domains, query.domain);
      if (asked.length > MAX_DOMAINS) return { kind: 'many-domains' };
      return { kind: 'page', ...ofDomains(asked, query, index) };
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

/** The domains of a partner's record that are within the one that is asked for as well. */
function narrowed(patterns: readonly string[], domain: string | undefined): string[] {
  const wanted = domain?.toLowerCase();
  const found = patterns.flatMap((pattern) => {
    // The index takes what is below a domain with it.
    const own = baseOf(pattern);
    if (wanted === undefined || own === wanted || own.endsWith(`.${wanted}`)) return [own];
    return wanted.endsWith(`.${own}`) ? [wanted] : [];
  });
  return [...new Set(found)];
}

/** The newest of all of them. */
function ofDomains(
  domains: readonly string[],
  query: MessageQuery,
  index: DeskPorts['index'],
): MessagePage {
  const { limit } = query;
  const pages = domains.map((domain) => index.messages({ ...query, domain }));
  const all = new Map(pages.flatMap(({ messages }) => messages).map((one) => [one.index, one]));
  const sorted = [...all.values()].sort((a, b) => b.index - a.index);
  const messages = sorted.slice(0, limit);
  const more = sorted.length > limit || pages.some(({ before }) => before !== null);
  return { messages, before: more ? (messages.at(-1)?.index ?? null) : null };
}

async function reasonOf(
  { summary, events }: MessageHistory,
  queueId: string,
  queue: QueueDesk,
): Promise<HeldReason> {
  const entry = await heldCopy(copiesIn(events, queueId), queue);
  const last = events.findLast(({ facts }) => typeof facts['fault'] === 'string');
  const fault = entry?.fault ?? last?.facts['fault'];
  const known = typeof fault === 'string' && isFaultId(fault) ? FAULTS[fault] : null;
  const sentence = entry?.sentence ?? summary?.sentence ?? known?.text ?? '';
  return { sentence, advice: known?.advice ?? null, entry: entry === null ? null : endOf(entry) };
}

/** Where it may be held, the newest first: one copy may have gone on while another has not. */
function copiesIn(events: readonly RecordedEvent[], queueId: string): string[] {
  const gone = new Set(
    events.flatMap(({ kind, queueId: id }) =>
      kind === 'released' || kind === 'dropped' || kind === 'expired' ? [id] : [],
    ),
  );
  const held = events.flatMap(({ kind, facts }) =>
    kind === 'held' && typeof facts['heldId'] === 'string' ? [facts['heldId']] : [],
  );
  return [
    ...held
      .filter((id) => !gone.has(id))
      .reverse()
      .slice(0, MAX_COPIES),
    queueId,
  ];
}

async function heldCopy(ids: readonly string[], queue: QueueDesk): Promise<QueueEntry | null> {
  for (const id of ids) {
    const entry = await queue.whyHeld(id);
    if (entry !== null) return entry;
  }
  return null;
}

function endOf({ id, expiresAt, release }: QueueEntry): NonNullable<HeldReason['entry']> {
  return {
    id,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(release === undefined ? {} : { release }),
  };
}
