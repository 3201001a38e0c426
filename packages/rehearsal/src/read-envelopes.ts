import { type RecordedEvent, readEvents, type SegmentSource } from '@sallyport/audit-log';

/** What the audit log says of one message that was accepted. */
export interface LoggedEnvelope {
  readonly queueId: string;
  readonly time: string;
  readonly origin: 'outward' | 'inward';
  /** Null if the log no longer says it. */
  readonly reversePath: string | null;
  readonly forwardPaths: readonly string[] | null;
  readonly hasEvidence: boolean;
  readonly isTls: boolean;
  readonly isBehindFront: boolean;
  /** decided, and refused at stage decide. */
  readonly decisions: RecordedEvent[];
  readonly deliveries: RecordedEvent[];
  /** Queue ids of what was made of it. */
  readonly children: string[];
  opened: RecordedEvent | null;
  deferred: RecordedEvent | null;
}

const KINDS = ['accepted', 'decided', 'refused', 'opened', 'deferred', 'protected', 'relayed'];

/** The newest `limit` messages from inside or outside, oldest first, with what became of them. */
export async function readEnvelopes(
  segments: readonly SegmentSource[],
  limit: number,
): Promise<LoggedEnvelope[]> {
  const envelopes = new Map<string, LoggedEnvelope>();
  /** Ids of messages that were made of another, by their own. */
  const parents = new Map<string, string>();
  const drop = (envelope: LoggedEnvelope): void => {
    envelopes.delete(envelope.queueId);
    for (const id of envelope.children) parents.delete(id);
  };
  for await (const event of readEvents(segments, { kinds: KINDS })) {
    const made = event.kind === 'accepted' ? envelopeOf(event) : null;
    if (made !== null) {
      envelopes.set(made.queueId, made);
      const [oldest] = envelopes.values();
      if (envelopes.size > limit && oldest !== undefined) drop(oldest);
      continue;
    }
    const id = event.queueId ?? '';
    const envelope = envelopes.get(id) ?? envelopes.get(parents.get(id) ?? '');
    if (envelope !== undefined) note(event, { envelope, parents });
  }
  return [...envelopes.values()];
}

function envelopeOf({ facts, personal, queueId, time }: RecordedEvent): LoggedEnvelope | null {
  const { origin } = facts;
  if (queueId === null || (origin !== 'outward' && origin !== 'inward')) return null;
  return {
    queueId,
    time,
    origin,
    reversePath: personal['reversePath'] ?? null,
    forwardPaths: forwardPathsOf(personal),
    hasEvidence: typeof facts['evidence'] === 'string',
    isTls: typeof facts['tls'] === 'object' && facts['tls'] !== null,
    isBehindFront: facts['behindFront'] === true,
    decisions: [],
    deliveries: [],
    children: [],
    opened: null,
    deferred: null,
  };
}

/** As ingress writes them; null if one was withheld or erased. */
function forwardPathsOf(personal: RecordedEvent['personal']): string[] | null {
  const paths: string[] = [];
  let more = '';
  for (const [name, value] of Object.entries(personal)) {
    if (!/^forwardPath(sMore)?(\.\d+)?$/.test(name)) continue;
    if (value === null) return null;
    if (name.startsWith('forwardPathsMore')) more += value;
    else paths.push(value);
  }
  return [...paths, ...more.split(' ').filter((path) => path !== '')];
}

function note(
  event: RecordedEvent,
  { envelope, parents }: { envelope: LoggedEnvelope; parents: Map<string, string> },
): void {
  switch (event.kind) {
    case 'decided':
      envelope.decisions.push(event);
      break;
    case 'refused':
      if (event.facts['stage'] === 'decide') envelope.decisions.push(event);
      break;
    case 'opened':
      envelope.opened = event;
      break;
    case 'relayed':
      envelope.deliveries.push(event);
      break;
    case 'deferred':
      // Of the message itself: it waits for a decision. Of what was made of it: for the next hop.
      if (event.queueId === envelope.queueId) envelope.deferred = event;
      break;
    default:
      for (const id of outputsOf(event)) {
        parents.set(id, envelope.queueId);
        envelope.children.push(id);
      }
  }
}

function outputsOf({ facts }: RecordedEvent): readonly string[] {
  const outputs = facts['outputs'];
  if (!Array.isArray(outputs)) return [];
  return outputs.flatMap((one: unknown) => {
    const id = typeof one === 'object' && one !== null && 'id' in one ? one.id : null;
    return typeof id === 'string' ? [id] : [];
  });
}
