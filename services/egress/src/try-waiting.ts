import type { Logger } from '@sallyport/log';
import {
  type Content,
  type Domain,
  formatMailbox,
  formatReversePath,
  parseMailbox,
  parseReversePath,
} from '@sallyport/mail';
import { isTlsReport, type QueueFileHeader } from '@sallyport/spool';
import type { SmtpTimeouts } from '@sallyport/transport';
import type { AddressHealth } from './address-health.ts';
import { attempt } from './attempt.ts';
import { type DeliveryState, waitingOf } from './delivery-state.ts';
import { type Destinations, reportWay } from './destinations.ts';
import { type ContentFacts, inspectContent } from './inspect.ts';
import type { SessionPool } from './pool.ts';
import type { LocatedRoute, RouteLocator } from './ports.ts';
import { tlsWishOf } from './require-tls.ts';
import type { Tried } from './settle.ts';
import type { TlsReports } from './tls-reports/tls-reports.ts';
import { wayOfReport } from './tls-reports/way.ts';
import type { TransactionRecipient } from './transaction.ts';
import type { OutcomeFault } from './transaction-types.ts';

/** What a try of the waiting recipients needs. */
export interface TryPorts {
  readonly routes: RouteLocator;
  readonly pool: SessionPool;
  readonly addresses: AddressHealth;
  readonly destinations: Destinations;
  readonly timeouts: SmtpTimeouts;
  readonly logger: Logger;
  /** Left out: nobody counts. */
  readonly tlsReports?: Pick<TlsReports, 'count'>;
  /** The destinations that an operator stopped. */
  readonly pausedDestinations: () => Promise<ReadonlySet<string>>;
}

/** Tries every recipient that waits, by domain; what rests or is paused is not tried. */
export async function tryWaiting(
  message: { readonly header: QueueFileHeader; readonly content: Content },
  state: DeliveryState,
  ports: TryPorts,
): Promise<readonly Tried[]> {
  const paused = await ports.pausedDestinations();
  const groups = groupByDomain(message.header, waitingOf(state));
  // A TLS report is for those with whom TLS fails: what keeps mail from them does not keep it.
  const waits = !isTlsReport(message.header);
  const troubles = new Map(
    [...groups.keys()].map((domain) => [
      domain,
      domain === null || !waits ? null : ports.destinations.troubleOf(domain),
    ]),
  );
  // What only waits for its destinations is not read: there may be a day's mail of it.
  const isTried = [...troubles.values()].includes(null);
  const facts = isTried ? await inspectContent(message.content) : null;
  const tried = await Promise.all(
    [...groups].map(async ([domain, indexes]) => {
      if (domain === null) return indexes.map((index) => impossible(index, 'mailbox-syntax'));
      if (paused.has(domain)) return [];
      const trouble = troubles.get(domain) ?? null;
      if (trouble !== null) return indexes.map((index) => resting(index, trouble.why));
      if (facts === null) return [];
      if (facts.hasBareLineEnd) return indexes.map((index) => impossible(index, 'bare-line-end'));
      return await tryDomain({ ...message, facts, domain, indexes }, ports).catch(
        (cause: unknown) => {
          // One domain's surprise must not undo what the others' servers have taken already.
          ports.logger.error('delivery.surprise', { queueId: message.header.id, domain, cause });
          return indexes.map((index) => surprise(index));
        },
      );
    }),
  );
  return tried.flat();
}

function groupByDomain(
  header: QueueFileHeader,
  waiting: readonly number[],
): Map<Domain | null, number[]> {
  const groups = new Map<Domain | null, number[]>();
  for (const index of waiting) {
    const mailbox = parseMailbox(header.forwardPaths[index]?.path ?? '');
    const domain = mailbox?.domain ?? null;
    const group = groups.get(domain);
    if (group === undefined) groups.set(domain, [index]);
    else group.push(index);
  }
  return groups;
}

interface DomainWork {
  readonly header: QueueFileHeader;
  readonly content: Content;
  readonly facts: ContentFacts;
  readonly domain: Domain;
  readonly indexes: readonly number[];
}

async function tryDomain(work: DomainWork, ports: TryPorts): Promise<Tried[]> {
  const { header, content, facts, domain, indexes } = work;
  const reversePath = parseReversePath(header.reversePath);
  if (reversePath === null) return indexes.map((index) => impossible(index, 'mailbox-syntax'));
  const isReport = isTlsReport(header);
  const way = await ports.routes.locate(domain, decidedBy(header));
  const located = isReport ? wayOfReport(way) : way;
  const results = await attempt(
    {
      domain,
      located,
      header,
      reversePath: formatReversePath(reversePath),
      recipients: indexes.flatMap((index) => recipientOf(header, index)),
      content,
      facts,
    },
    ports,
  );
  // RFC 8460 section 3: what a report met is not in the next one, or reports would beget reports. Nor
  // does it say how other mail will fare.
  if (!isReport) {
    const { isOfPast = false } = located;
    const tlsWish = tlsWishOf(header, located);
    reportWay(ports.destinations, domain, { tlsWish, isOfPast, results });
    const tlsResults = results.flatMap((one) => one.tlsResults);
    ports.tlsReports?.count(domain, tlsResults);
  }
  return indexes.flatMap((index, at) => {
    const result = results[at];
    return result === undefined ? [] : [{ index, result, located }];
  });
}

/** When their destinations are looked at again, if that is all that the recipients wait for. */
export function restOf(
  header: QueueFileHeader,
  tried: readonly Tried[],
  destinations: Destinations,
): Date | undefined {
  let soonest: Date | undefined;
  if (isTlsReport(header)) return undefined;
  for (const { index, result } of tried) {
    if (result.outcome.kind !== 'deferred') continue;
    const domain = parseMailbox(header.forwardPaths[index]?.path ?? '')?.domain;
    const trouble = domain === undefined ? null : destinations.troubleOf(domain);
    if (trouble === null || result.wasReached) return undefined;
    if (soonest === undefined || trouble.until < soonest) soonest = trouble.until;
  }
  return soonest;
}

/**
 * What one version left readable must not meet only the TLS rule of another: together they could be
 * less than either. Undefined for what no worker decided, such as reports.
 */
function decidedBy({ extra }: QueueFileHeader): number | undefined {
  const version = extra['policyVersion'];
  return typeof version === 'number' ? version : undefined;
}

function recipientOf(header: QueueFileHeader, index: number): TransactionRecipient[] {
  const recipient = header.forwardPaths[index];
  const mailbox = parseMailbox(recipient?.path ?? '');
  if (recipient === undefined || mailbox === null) return [];
  const { notify, orcpt } = recipient;
  return [{ path: formatMailbox(mailbox), notify, orcpt }];
}

const NO_ROUTE: LocatedRoute = {
  route: { kind: 'fault', fault: 'internal', reason: 'no route is looked for' },
  tlsRule: { level: 'none' },
  rule: 'none',
  policyVersion: 0,
};

/** What the last try of another message came to counts for this one too. */
function resting(index: number, why: OutcomeFault): Tried {
  return { ...withoutConnection(index, why), isResting: true };
}

function impossible(index: number, fault: 'mailbox-syntax' | 'bare-line-end'): Tried {
  const sentence =
    fault === 'bare-line-end'
      ? 'the message has a CR or LF that stands alone and cannot be sent as it is'
      : 'the envelope holds an address that cannot be sent';
  return withoutConnection(index, { kind: 'failed', fault, sentence, reply: null });
}

function surprise(index: number): Tried {
  const sentence = 'the gateway met a fault of its own';
  return withoutConnection(index, { kind: 'deferred', fault: 'internal', sentence, reply: null });
}

function withoutConnection(index: number, outcome: OutcomeFault): Tried {
  const result = { outcome, mx: null, tls: null, tlsSentence: 'no connection', tlsResults: [] };
  return { index, result: { ...result, wasReached: false }, located: NO_ROUTE };
}
