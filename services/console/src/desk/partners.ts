import type { MessageSummary } from '@sallyport/audit-index';
import { parseDomain } from '@sallyport/mail';
import { type EffectiveValue, effectiveRule } from '@sallyport/policy';
import { formatPartner } from '@sallyport/policy-store/write';
import type { Actor } from '../actor.ts';
import type { DeskPorts } from './desk.ts';
import type { Described, LookDesk } from './look.ts';
import {
  askedDomains,
  endOf,
  type KeyChange,
  keyChangeOf,
  type Partner,
  type PartnerRow,
  type RowPorts,
  rowOf,
  type Session,
  sessionOf,
} from './partner-facts.ts';
import { type PartnerStep, partnerHistory } from './partner-history.ts';
import { pemsOf } from './partner-record.ts';
import type { Drafted, OpenedVersion, PolicyDesk } from './policy.ts';
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
  readonly certificates: readonly Described[];
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
  /** Faults are named by the path within the record. */
  edit(actor: Actor, edit: PartnerEdit): Promise<Drafted | { readonly kind: 'unknown' }>;
}

interface Parts {
  readonly policy: PolicyDesk;
  readonly look: LookDesk;
}

export function createPartnersDesk(ports: DeskPorts, parts: Parts): PartnersDesk {
  const { policy, look } = parts;
  const { index, clock } = ports;
  return {
    list: async ({ text = '', from = 0, limit }) => {
      const opened = await policy.inForce();
      await upToDate(index);
      const wanted = text.trim().toLowerCase();
      const fits = ({ name, domains }: Partner): boolean =>
        [name, ...domains].some((one) => one.toLowerCase().includes(wanted));
      const found = (opened?.policy.partners ?? [])
        .filter(fits)
        .toSorted((a, b) => a.name.localeCompare(b.name));
      const partners = found
        .slice(from, from + limit)
        .map((one) => rowOf(one, { index, now: clock.now() }));
      const next = from + limit < found.length ? from + limit : null;
      return { partners, total: found.length, next };
    },
    show: async (name) => {
      const opened = await policy.inForce();
      const partner = opened?.policy.partners.find((one) => one.name === name);
      if (opened === null || partner === undefined) return null;
      await upToDate(index);
      const certificates = await look.describe(pemsOf(partner));
      return {
        ...viewOf(partner, opened, { index, now: clock.now() }, certificates),
        certificates,
        history: await partnerHistory(name, ports, policy),
        tag: await policy.tag(),
      };
    },
    edit: async (actor, edit) => await editPartner(actor, edit, policy),
  };
}

const MAX_SHOWN = 10;

function viewOf(
  partner: Partner,
  opened: OpenedVersion,
  ports: RowPorts,
  certificates: readonly Described[],
): Omit<PartnerView, 'certificates' | 'history' | 'tag'> {
  const row = rowOf(partner, ports);
  const asked = askedDomains(partner);
  const newest = <T extends { readonly index: number }>(all: readonly T[]): T[] =>
    all.toSorted((a, b) => b.index - a.index).slice(0, MAX_SHOWN);
  const events = asked.flatMap((domain) => {
    const kinds = ['relayed', 'deferred', 'failed'];
    return ports.index.search({ domain, kinds, limit: MAX_SHOWN }).events;
  });
  const changes = asked.flatMap((domain) => {
    const kinds = ['partner-key-changed'];
    return ports.index.search({ domain, kinds, limit: MAX_SHOWN }).events;
  });
  const messages = asked.flatMap(
    (domain) => ports.index.messages({ domain, limit: MAX_SHOWN }).messages,
  );
  const record = recordIn(opened.document, partner.name) ?? {};
  const domain = parseDomain(asked[0] ?? '');
  const values =
    domain === null
      ? []
      : (effectiveRule(opened.document, { domain, localPart: null, own: null })?.values ?? []);
  return {
    row: { ...row, trouble: [...row.trouble, ...endOf(certificates, ports.now)] },
    partner,
    record,
    text: formatPartner(record),
    values,
    version: opened.version.version,
    sessions: newest(events).map(sessionOf),
    messages: newest(messages),
    keyChanges: newest(changes).map(keyChangeOf),
  };
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
  const prefix = `partners.${at}.`;
  const faults = written.faults.map(({ path, reason: why }) => ({
    path: path.startsWith(prefix) ? path.slice(prefix.length) : path,
    reason: why,
  }));
  return { kind: 'invalid', faults };
}
