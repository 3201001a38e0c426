import type { MessageSummary } from '@sallyport/audit-index';
import type { RecordedEvent } from '@sallyport/audit-log';
import {
  type AgreementState,
  agreementState,
  anchorsFor,
  type PolicyDocument,
} from '@sallyport/policy';
import type { DeskPorts } from './desk.ts';
import { askedDomains, names } from './partner-domains.ts';
import { pemsOf } from './partner-record.ts';

export type Partner = PolicyDocument['partners'][number];

/** What an admin should see to. */
export type Trouble =
  | {
      readonly kind:
        | 'agreement-ended'
        | 'agreement-missing'
        | 'nothing-trusted'
        | 'no-signer-trusted'
        | 'unsigned'
        | 'certificates-unread';
    }
  | { readonly kind: 'agreement-ending'; readonly days: number }
  | { readonly kind: 'held' | 'waiting'; readonly count: number }
  | { readonly kind: 'certificate-ends'; readonly days: number }
  | { readonly kind: 'exception-over' };

/** One partner in the list. */
export interface PartnerRow {
  readonly name: string;
  readonly domains: readonly string[];
  readonly encrypt: Partner['outbound']['encrypt'];
  readonly signature: Partner['inbound']['signature'];
  readonly tlsLevel: Partner['tls']['level'];
  readonly agreement: { readonly validUntil: string; readonly state: AgreementState } | null;
  /** Pinned ones and anchors in the record itself. */
  readonly certificates: number;
  readonly lastMail: Pick<MessageSummary, 'time' | 'origin' | 'outcome' | 'queueId'> | null;
  readonly trouble: readonly Trouble[];
}

/** One session with a server of the partner, as the audit log has it. */
export interface Session {
  readonly time: string;
  readonly kind: string;
  readonly queueId: string | null;
  readonly mx: string;
  readonly tls: string;
  readonly sentence: string;
}

export interface RowPorts {
  readonly index: DeskPorts['index'];
  readonly now: Date;
  /** When certificates end, by their text; null while nobody can read them. */
  readonly ends: ReadonlyMap<string, string> | null;
  /** `dns.trusted` of the config: without it DNSSEC proves nothing. */
  readonly trustsDnssec: boolean;
}

/** Beyond it nobody counts. */
export const MAX_COUNTED = 50;

/** The partner at a glance; the index has caught up. */
export function rowOf(partner: Partner, ports: RowPorts): PartnerRow {
  const { index, now } = ports;
  const { name, domains, outbound, inbound, tls, agreement } = partner;
  const asked = askedDomains(partner);
  const last = asked
    .flatMap((domain) => index.messages({ domain, limit: 1 }).messages)
    .toSorted((a, b) => b.index - a.index)[0];
  const countOf = (outcome: 'held' | 'waiting'): number => {
    const found = asked.flatMap(
      (domain) => index.messages({ domain, outcome, limit: MAX_COUNTED }).messages,
    );
    return new Set(found.map(({ queueId }) => queueId)).size;
  };
  const lastMail =
    last === undefined
      ? null
      : { time: last.time, origin: last.origin, outcome: last.outcome, queueId: last.queueId };
  const counted = (['held', 'waiting'] as const).flatMap((kind): Trouble[] => {
    const count = countOf(kind);
    return count === 0 ? [] : [{ kind, count }];
  });
  return {
    name,
    domains,
    encrypt: outbound.encrypt,
    signature: inbound.signature,
    tlsLevel: tls.level,
    agreement:
      agreement === undefined
        ? null
        : { validUntil: agreement.validUntil, state: agreementState(agreement, now) },
    certificates: pemsOf(partner).length,
    lastMail,
    trouble: [...counted, ...troubleIn(partner, ports), ...endTrouble(partner, ports)],
  };
}

function troubleIn(partner: Partner, { now, trustsDnssec }: RowPorts): Trouble[] {
  const { agreement, outbound, inbound, trust } = partner;
  const trouble: Trouble[] = [];
  const state = agreement === undefined ? null : agreementState(agreement, now);
  if (state === null) trouble.push({ kind: 'agreement-missing' });
  if (state?.kind === 'ended') trouble.push({ kind: 'agreement-ended' });
  if (state?.kind === 'ending') trouble.push({ kind: 'agreement-ending', days: state.daysLeft });
  const isDnssecProof =
    trustsDnssec && trust.smimea === 'accept' && outbound.discovery.includes('smimea');
  const trusts = (direction: 'encrypt' | 'sign'): boolean =>
    trust.pinned.length > 0 || anchorsFor(trust, direction).length > 0;
  if (outbound.encrypt === 'required' && !trusts('encrypt') && !isDnssecProof) {
    trouble.push({ kind: 'nothing-trusted' });
  }
  if (inbound.signature !== 'when-present' && !trusts('sign') && !isDnssecProof) {
    trouble.push({ kind: 'no-signer-trusted' });
  }
  if (outbound.encrypt !== 'none' && outbound.sign === 'none') trouble.push({ kind: 'unsigned' });
  const isOver = ({ until }: { readonly until: string }): boolean =>
    agreementState({ validUntil: until }, now).kind === 'ended';
  if (trust.exceptions.some(isOver)) trouble.push({ kind: 'exception-over' });
  return trouble;
}

const DAY_MS = 86_400_000;
const SOON_DAYS = 30;

/** Trouble that its certificates make soon. */
function endTrouble(partner: Partner, { ends, now }: RowPorts): Trouble[] {
  const pems = pemsOf(partner);
  if (pems.length === 0) return [];
  const known = pems.flatMap((pem) => ends?.get(pem) ?? []);
  const days = known.map((end) => Math.floor((Date.parse(end) - now.getTime()) / DAY_MS));
  const least = Math.min(...days);
  return [
    ...(least <= SOON_DAYS ? [{ kind: 'certificate-ends', days: least } as const] : []),
    ...(known.length < pems.length ? [{ kind: 'certificates-unread' } as const] : []),
  ];
}

/** The partner showed another certificate than the pinned one. */
export interface KeyChange {
  readonly time: string;
  readonly domain: string;
  readonly direction: string;
  /** SHA-256 of the new one. */
  readonly certificate: string;
  /** `waits`: for an admin to pin it; `followed`: it was used; `pinned`: the record has it by now. */
  readonly outcome: 'waits' | 'followed' | 'pinned';
}

export function keyChangeOf(
  { time, facts }: RecordedEvent,
  inRecord: ReadonlySet<string>,
): KeyChange {
  const word = (name: string): string => wordIn(facts, name)[0] ?? '';
  const certificate = word('certificate');
  const outcome = word('outcome') === 'followed' ? 'followed' : 'waits';
  return {
    time,
    domain: word('domain'),
    direction: word('direction'),
    certificate,
    outcome: inRecord.has(certificate) ? 'pinned' : outcome,
  };
}

/** Whether an event of egress is of a way to the partner: one from it leads to our inner MTA. */
export function isToward(partner: Partner, { facts }: RecordedEvent): boolean {
  const [destination] = wordIn(facts, 'destination');
  return destination !== undefined && 'mx' in facts && names(partner, destination);
}

/** How many of so many sessions that relayed mail had which level; `clear` had no TLS. */
export function postureOf(sessions: readonly RecordedEvent[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { kind, facts } of sessions) {
    if (kind !== 'relayed') continue;
    const tls = facts['tls'];
    const [level = 'TLS'] =
      typeof tls === 'object' && tls !== null ? wordIn(tls, 'level') : ['clear'];
    counts[level] = (counts[level] ?? 0) + 1;
  }
  return counts;
}

/** What an event of egress says of the session. */
export function sessionOf({ time, kind, queueId, facts }: RecordedEvent): Session {
  const tls = facts['tls'];
  const words =
    typeof tls === 'object' && tls !== null
      ? ['version', 'cipher', 'level'].flatMap((name) => wordIn(tls, name))
      : [];
  return {
    time,
    kind,
    queueId,
    mx: wordIn(facts, 'mx')[0] ?? '',
    tls: words.join(', '),
    sentence: wordIn(facts, 'sentence')[0] ?? wordIn(facts, 'reply')[0] ?? '',
  };
}

function wordIn(facts: object, name: string): string[] {
  const value: unknown = Object.entries(facts).find(([key]) => key === name)?.[1];
  return typeof value === 'string' ? [value] : [];
}
