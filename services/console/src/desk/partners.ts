import type { MessageSummary } from '@sallyport/audit-index';
import type { RecordedEvent } from '@sallyport/audit-log';
import type { Domain } from '@sallyport/mail';
import { type EffectiveValue, effectiveRule } from '@sallyport/policy';
import { formatPartner } from '@sallyport/policy-store/write';
import type { Actor } from '../actor.ts';
import type { DeskPorts } from './desk.ts';
import type { DescribedList, LookDesk } from './look.ts';
import { askedDomains, domainUnder } from './partner-domains.ts';
import {
  isToward,
  type KeyChange,
  keyChangeOf,
  type Partner,
  type PartnerRow,
  postureOf,
  type RowPorts,
  rowOf,
  type Session,
  sessionOf,
} from './partner-facts.ts';
import { type PartnerStep, partnerHistory } from './partner-history.ts';
import { pemsOf } from './partner-record.ts';
import type { Drafted, PolicyDesk } from './policy.ts';
import type { OpenedVersion } from './policy-versions.ts';
import { upToDate } from './up-to-date.ts';

export interface PartnerView {
  readonly row: PartnerRow;
  readonly partner: Partner;
  /** As it was written, YAML. */
  readonly text: string;
  readonly record: Readonly<Record<string, unknown>>;
  /** Every value that holds, and who said it. */
  readonly values: readonly EffectiveValue[];
  /** In force. */
  readonly version: number;
  /** A domain that goes by this record; null if others have all of them. */
  readonly domain: Domain | null;
  /** Those of the record; null while nobody can read them. */
  readonly certificates: DescribedList | null;
  /** By TLS level, of the last sessions that relayed mail. */
  readonly posture: Readonly<Record<string, number>>;
  readonly sessions: readonly Session[];
  readonly messages: readonly MessageSummary[];
  readonly keyChanges: readonly KeyChange[];
  readonly history: readonly PartnerStep[];
  /** Of the policy as a whole, for `seen`. */
  readonly tag: string;
}

/** A change of one record; the whole document with it becomes the next draft version. */
export interface PartnerEdit {
  /** The partner that is changed, by name; null makes a new one. */
  readonly name: string | null;
  /** Null takes the partner away. */
  readonly record: Readonly<Record<string, unknown>> | null;
  readonly reason: string;
  /** `PartnerView.tag` when the person looked. */
  readonly seen?: string;
}

export interface PartnersDesk {
  /** By name; `from` is how many are passed over. */
  list(of: { readonly text?: string; readonly from?: number; readonly limit: number }): Promise<{
    readonly partners: readonly PartnerRow[];
    readonly total: number;
    readonly next: number | null;
  }>;
  show(name: string): Promise<PartnerView | null>;
  /** What its ETag is; null if there is no such partner. */
  tag(name: string): Promise<string | null>;
  /** Faults are named by the path within the record. */
  edit(actor: Actor, edit: PartnerEdit): Promise<Drafted | { readonly kind: 'unknown' }>;
}

interface Parts {
  readonly policy: PolicyDesk;
  readonly look: LookDesk;
}

export function createPartnersDesk(ports: DeskPorts, parts: Parts): PartnersDesk {
  const { policy } = parts;
  return {
    list: async (of) => await listOf(of, ports, parts),
    show: async (name) => await showOne(name, ports, parts),
    tag: async (name) => {
      const tag = await policy.tag();
      const opened = await policy.inForce();
      return opened?.policy.partners.some((one) => one.name === name) === true ? tag : null;
    },
    edit: async (actor, edit) => await editPartner(actor, edit, policy),
  };
}

async function listOf(
  { text = '', from = 0, limit }: Parameters<PartnersDesk['list']>[0],
  ports: DeskPorts,
  parts: Parts,
): ReturnType<PartnersDesk['list']> {
  const opened = await parts.policy.inForce();
  await upToDate(ports.index);
  const wanted = text.trim().toLowerCase();
  const fits = ({ name, domains }: Partner): boolean =>
    [name, ...domains].some((one) => one.toLowerCase().includes(wanted));
  const found = (opened?.policy.partners ?? [])
    .filter(fits)
    .toSorted((a, b) => a.name.localeCompare(b.name));
  const shown = found.slice(from, from + limit);
  const rowPorts = await rowPortsFor(shown, ports, parts);
  const next = from + limit < found.length ? from + limit : null;
  return { partners: shown.map((one) => rowOf(one, rowPorts)), total: found.length, next };
}

async function rowPortsFor(
  partners: readonly Partner[],
  { index, clock, options }: DeskPorts,
  { look }: Parts,
): Promise<RowPorts> {
  const ends = await look.endsOf(partners.flatMap(pemsOf));
  return { index, now: clock.now(), ends, trustsDnssec: options.wayOut.dns.trusted };
}

async function showOne(name: string, ports: DeskPorts, parts: Parts): Promise<PartnerView | null> {
  const { policy, look } = parts;
  // Before anything is read: a change in between must not go unseen.
  const tag = await policy.tag();
  const opened = await policy.inForce();
  const partner = opened?.policy.partners.find((one) => one.name === name);
  if (opened === null || partner === undefined) return null;
  await upToDate(ports.index);
  const certificates = await look.describe(pemsOf(partner));
  const rowPorts = await rowPortsFor([partner], ports, parts);
  return {
    ...ruleOf(partner, opened),
    ...activityOf(partner, certificates, rowPorts),
    partner,
    certificates,
    history: await partnerHistory(name, ports, policy),
    tag,
  };
}

function ruleOf(
  partner: Partner,
  { document, policy, version }: OpenedVersion,
): Pick<PartnerView, 'record' | 'text' | 'domain' | 'values' | 'version'> {
  const record = recordIn(document, partner.name) ?? {};
  const domain = domainUnder(partner, policy);
  const rule =
    domain === null ? null : effectiveRule(document, { domain, localPart: null, own: null });
  return {
    record,
    text: formatPartner(record),
    domain,
    values: rule?.values ?? [],
    version: version.version,
  };
}

const MAX_SHOWN = 10;
/** What the posture is counted of. */
const MAX_SESSIONS = 100;

function activityOf(
  partner: Partner,
  described: DescribedList | null,
  ports: RowPorts,
): Pick<PartnerView, 'row' | 'sessions' | 'posture' | 'messages' | 'keyChanges'> {
  const asked = askedDomains(partner);
  const { index } = ports;
  const eventsOf = (kinds: readonly string[], limit: number): RecordedEvent[] => {
    const all = asked.flatMap((domain) => index.search({ domain, kinds, limit }).events);
    const once = new Map(all.map((event) => [event.index, event]));
    return newest([...once.values()], limit);
  };
  const sessions = eventsOf(['relayed', 'deferred', 'failed'], MAX_SESSIONS).filter((event) =>
    isToward(partner, event),
  );
  const messages = asked.flatMap((domain) => index.messages({ domain, limit: MAX_SHOWN }).messages);
  const inRecord = new Set(
    (described?.certificates ?? []).flatMap((one) =>
      one.kind === 'certificate' ? [one.value.sha256] : [],
    ),
  );
  return {
    row: rowOf(partner, ports),
    sessions: sessions.slice(0, MAX_SHOWN).map(sessionOf),
    posture: postureOf(sessions),
    messages: newest([...new Map(messages.map((one) => [one.index, one])).values()], MAX_SHOWN),
    keyChanges: eventsOf(['partner-key-changed'], MAX_SHOWN).map((one) =>
      keyChangeOf(one, inRecord),
    ),
  };
}

function newest<T extends { readonly index: number }>(all: readonly T[], limit: number): T[] {
  return all.toSorted((a, b) => b.index - a.index).slice(0, limit);
}

function partnersIn(document: unknown): readonly unknown[] {
  const isWhole = typeof document === 'object' && document !== null && 'partners' in document;
  return isWhole && Array.isArray(document.partners) ? document.partners : [];
}

function isNamed(one: unknown, name: string): boolean {
  return typeof one === 'object' && one !== null && 'name' in one && one.name === name;
}

function recordIn(document: unknown, name: string): Record<string, unknown> | null {
  const found = partnersIn(document).find((one) => isNamed(one, name));
  return typeof found === 'object' && found !== null ? { ...found } : null;
}

/** The whole document of the version in force with one record changed. */
async function editPartner(
  actor: Actor,
  { name, record, reason, seen }: PartnerEdit,
  policy: PolicyDesk,
): Promise<Drafted | { readonly kind: 'unknown' }> {
  const opened = await policy.inForce();
  const document = opened?.document ?? {};
  const partners = [...partnersIn(document)];
  const at = name === null ? partners.length : partners.findIndex((one) => isNamed(one, name));
  if (at === -1) return { kind: 'unknown' };
  if (record === null) partners.splice(at, 1);
  else partners.splice(at, name === null ? 0 : 1, record);
  const whole = typeof document === 'object' && document !== null ? document : {};
  const text = JSON.stringify({ ...whole, partners });
  const written = await policy.draft(actor, {
    text,
    reason,
    ...(seen === undefined ? {} : { seen }),
  });
  if (written.kind !== 'invalid') return written;
  const own = `partners.${at}`;
  const within = (path: string): string =>
    path === own || path.startsWith(`${own}.`) ? path.slice(own.length + 1) : path;
  const faults = written.faults.map((one) => ({ path: within(one.path), reason: one.reason }));
  return { kind: 'invalid', faults };
}
