import type { MessageSummary } from '@sallyport/audit-index';
import type { RecordedEvent } from '@sallyport/audit-log';
import { type AgreementState, agreementState, type PolicyDocument } from '@sallyport/policy';
import type { DeskPorts } from './desk.ts';
import type { Described } from './look.ts';
import { pemsOf } from './partner-record.ts';

export type Partner = PolicyDocument['partners'][number];

/** What an admin should see to. */
export type Trouble =
  | { readonly kind: 'agreement-ended' | 'agreement-missing' | 'nothing-trusted' | 'unsigned' }
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
}

const MAX_COUNTED = 50;
const MAX_DOMAINS_ASKED = 5;

/** Without the star: the index takes what is below a domain with it. */
export function askedDomains({ domains }: Pick<Partner, 'domains'>): string[] {
  const bare = domains.map((pattern) => pattern.replace(/^\*\./, ''));
  return [...new Set(bare)].slice(0, MAX_DOMAINS_ASKED);
}

/** The partner at a glance; the index has caught up. */
export function rowOf(partner: Partner, { index, now }: RowPorts): PartnerRow {
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
    trouble: [...counted, ...troubleIn(partner, now)],
  };
}

function troubleIn(partner: Partner, now: Date): Trouble[] {
  const { agreement, outbound, trust } = partner;
  const trouble: Trouble[] = [];
  const state = agreement === undefined ? null : agreementState(agreement, now);
  if (state === null) trouble.push({ kind: 'agreement-missing' });
  if (state?.kind === 'ended') trouble.push({ kind: 'agreement-ended' });
  if (state?.kind === 'ending') trouble.push({ kind: 'agreement-ending', days: state.daysLeft });
  const isDnssecProof = trust.smimea === 'accept' && outbound.discovery.includes('smimea');
  if (outbound.encrypt === 'required' && pemsOf(partner).length === 0 && !isDnssecProof) {
    trouble.push({ kind: 'nothing-trusted' });
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
export function endOf(certificates: readonly Described[], now: Date): Trouble[] {
  const days = certificates.flatMap((one) =>
    one.kind === 'certificate'
      ? [Math.floor((Date.parse(one.value.notAfter) - now.getTime()) / DAY_MS)]
      : [],
  );
  const least = Math.min(...days);
  return least <= SOON_DAYS ? [{ kind: 'certificate-ends', days: least }] : [];
}

/** The partner showed another certificate than the pinned one. */
export interface KeyChange {
  readonly time: string;
  readonly domain: string;
  readonly direction: string;
  /** SHA-256 of the new one. */
  readonly certificate: string;
  /** `waits`: for an admin to pin it; `followed`: it was used. */
  readonly outcome: string;
}

export function keyChangeOf({ time, facts }: RecordedEvent): KeyChange {
  const word = (name: string): string => wordIn(facts, name)[0] ?? '';
  return {
    time,
    domain: word('domain'),
    direction: word('direction'),
    certificate: word('certificate'),
    outcome: word('outcome'),
  };
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
