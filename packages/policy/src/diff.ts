import { createHash } from 'node:crypto';
import type { PolicyDocument } from './schema.ts';

/** What a change means for the mail it concerns; `other` where neither word would be true. */
export type Effect = 'stricter' | 'looser' | 'other';

/** One field of one record that differs between two policies. */
export interface PolicyChange {
  /** The partner's name, `default`, `filters`; with what of ours it holds for, if not for all. */
  readonly record: string;
  readonly kind: 'added' | 'removed' | 'changed';
  /** `outbound.encrypt`; empty where the whole record came or went. */
  readonly field: string;
  /** As people read them; lists item by item. Null where the field is not there. */
  readonly from: readonly string[] | null;
  readonly to: readonly string[] | null;
  readonly effect: Effect;
}

/** Values of a field from the loosest to the strictest; those in one place are alike. */
const ORDERS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'outbound.sign': [['none'], ['domain']],
  'outbound.encrypt': [['none'], ['when-possible'], ['required']],
  'outbound.floor': [['aes128-cbc'], ['aes256-cbc', 'aes128-gcm'], ['aes256-gcm']],
  'outbound.protectHeaders': [['false'], ['true']],
  'outbound.headerConfidentiality': [['none'], ['baseline'], ['shy']],
  'outbound.review': [['none'], ['required']],
  'outbound.lookupFailure.then': [['send-signed'], ['hold']],
  'inbound.signature': [['when-present'], ['any-required'], ['domain-required']],
  'inbound.encryption': [['when-present'], ['required']],
  'inbound.otherwise': [['flag'], ['hold'], ['refuse']],
  'inbound.dmarc': [['ignore'], ['flag'], ['hold'], ['refuse']],
  'inbound.legacyAlgorithms': [['accept'], ['refuse']],
  'inbound.tls.level': [['none'], ['encrypt']],
  'tls.level': [
    ['none'],
    ['may'],
    ['dane'],
    ['encrypt'],
    ['fingerprint', 'verify', 'secure', 'dane-only'],
  ],
  'tls.minVersion': [['TLSv1.2'], ['TLSv1.3']],
  'tls.ciphers': [['floor'], ['forward-secret']],
  'tls.requireTls': [['false'], ['true']],
  'tls.tlsRequiredNo': [['honour'], ['ignore']],
  'tls.dane': [['off'], ['auto']],
  'tls.mtaSts': [['off'], ['auto']],
  'trust.revocation': [['off'], ['soft'], ['hard']],
  'trust.keyChange': [['follow'], ['approve']],
  'trust.smimea': [['accept'], ['path']],
  'trust.senderLookup': [['off'], ['compare'], ['require']],
};

/** Lists whose every item lets something more through; with fewer of them less is believed. */
const WIDENING: ReadonlySet<string> = new Set([
  'trust.anchors',
  'trust.encryptAnchors',
  'trust.signAnchors',
  'trust.pinned',
  'trust.exceptions',
  'tls.match',
  'outbound.reviewers',
]);

/**
 * What differs between two policies, record by record and field by field, with all that is inherited.
 * Pure. A partner is known by its name.
 */
export function diffPolicies(before: PolicyDocument, after: PolicyDocument): PolicyChange[] {
  const changes = diffRecords(before, after, '');
  for (const names of variantsOf(before, after)) {
    const ours = ` (our ${names})`;
    const own = diffRecords(variantOf(before, names), variantOf(after, names), ours);
    // What holds for all of our domains is told once.
    const told = new Set(changes.map((one) => keyOf(one, '')));
    changes.push(...own.filter((one) => !told.has(keyOf(one, ours))));
  }
  return changes;
}

type Records = Pick<PolicyDocument, 'partners' | 'default' | 'filters'>;

function diffRecords(before: Records, after: Records, ours: string): PolicyChange[] {
  const names = [...new Set([...before.partners, ...after.partners].map(({ name }) => name))];
  const partners = names.flatMap((name) => {
    const [old, own] = [before, after].map(({ partners: all }) =>
      all.find((one) => one.name === name),
    );
    return diffRecord(`${name}${ours}`, old, own);
  });
  return [
    ...diffRecord(`default${ours}`, before.default, after.default),
    ...(ours === '' ? diffRecord('filters', before.filters, after.filters) : []),
    ...partners,
  ];
}

function variantsOf(...policies: readonly PolicyDocument[]): string[] {
  const all = policies.flatMap(({ variants = [] }) =>
    variants.map(({ names }) => names.join(', ')),
  );
  return [...new Set(all)];
}

function variantOf(policy: PolicyDocument, names: string): Records {
  return policy.variants?.find((one) => one.names.join(', ') === names)?.policy ?? policy;
}

function keyOf({ record, kind, field, from, to }: PolicyChange, ours: string): string {
  return JSON.stringify([record.slice(0, record.length - ours.length), kind, field, from, to]);
}

function diffRecord(record: string, before: unknown, after: unknown): PolicyChange[] {
  const [old, own] = [flatten(before), flatten(after)];
  if (before === undefined || after === undefined) {
    const isNew = before === undefined;
    const kind = isNew ? 'added' : 'removed';
    return [
      { record, kind, field: '', from: null, to: null, effect: 'other' },
      ...[...(isNew ? own : old)].map(
        ([field, value]): PolicyChange => ({
          record,
          kind,
          field,
          from: isNew ? null : value,
          to: isNew ? value : null,
          effect: 'other',
        }),
      ),
    ];
  }
  return [...new Set([...old.keys(), ...own.keys()])].flatMap((field) => {
    const [from, to] = [old.get(field) ?? null, own.get(field) ?? null];
    if (JSON.stringify(from) === JSON.stringify(to)) return [];
    const kind = from === null ? 'added' : to === null ? 'removed' : 'changed';
    return [{ record, kind, field, from, to, effect: effectOf(field, from, to) } as const];
  });
}

type Values = readonly string[] | null;

function effectOf(path: string, from: Values, to: Values): Effect {
  const field = path.replace(/^users\.[^.]+\./, '');
  const order = ORDERS[field];
  if (order !== undefined) return orderEffect(order, from, to);
  switch (field) {
    case 'agreement.validUntil':
      return from === null || to === null
        ? 'other'
        : ranked((from[0] ?? '').localeCompare(to[0] ?? ''));
    case 'inbound.tls.clientName':
      return ranked(Number(to !== null) - Number(from !== null));
    case 'tls.pins':
      return pinsEffect(from ?? [], to ?? []);
    default:
      return WIDENING.has(field) ? listEffect(from ?? [], to ?? []) : 'other';
  }
}

function orderEffect(order: readonly (readonly string[])[], from: Values, to: Values): Effect {
  const rank = (value: Values): number => order.findIndex((one) => one.includes(value?.[0] ?? ''));
  const [a, b] = [rank(from), rank(to)];
  return a === -1 || b === -1 ? 'other' : ranked(b - a);
}

function ranked(difference: number): Effect {
  if (difference === 0) return 'other';
  return difference > 0 ? 'stricter' : 'looser';
}

function listEffect(from: readonly string[], to: readonly string[]): Effect {
  const isMore = to.some((one) => !from.includes(one));
  const isLess = from.some((one) => !to.includes(one));
  if (isMore === isLess) return 'other';
  return isMore ? 'looser' : 'stricter';
}

/** The first pin demands something; each further one allows another key. */
function pinsEffect(from: readonly string[], to: readonly string[]): Effect {
  if (from.length === 0) return 'stricter';
  return to.length === 0 ? 'looser' : listEffect(from, to);
}

const MAX_DEPTH = 8;

function flatten(value: unknown): Map<string, readonly string[]> {
  const flat = new Map<string, readonly string[]>();
  add(flat, '', value);
  flat.delete('name');
  return flat;
}

function add(flat: Map<string, readonly string[]>, path: string, value: unknown): void {
  if (value === undefined) return;
  if (Array.isArray(value)) {
    if (path === 'users') addUsers(flat, value);
    else flat.set(path, valueTexts(value));
    return;
  }
  const isDeep = path.split('.').length > MAX_DEPTH;
  if (typeof value !== 'object' || value === null || isDeep) {
    flat.set(path, valueTexts(value));
    return;
  }
  for (const [name, one] of Object.entries(value))
    add(flat, path === '' ? name : `${path}.${name}`, one);
}

/** By their names: one that moved in the list is no change. */
function addUsers(flat: Map<string, readonly string[]>, users: readonly unknown[]): void {
  for (const one of users) {
    if (typeof one !== 'object' || one === null || !('name' in one)) continue;
    const { name, ...rest } = one;
    add(flat, `users.${String(name)}`, rest);
  }
}

/** A value as people read it, lists item by item. */
export function valueTexts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(textOf) : [textOf(value)];
}

/** A certificate by its fingerprint: nobody compares PEM by eye. It is not looked into. */
function textOf(value: unknown): string {
  if (typeof value !== 'string')
    return typeof value === 'object' ? JSON.stringify(value) : String(value);
  const pem = /-----BEGIN CERTIFICATE-----([\s\S]*?)-----END CERTIFICATE-----/.exec(value)?.[1];
  if (pem === undefined) return value;
  const der = Buffer.from(pem, 'base64');
  return `certificate SHA-256 ${createHash('sha256').update(der).digest('hex')}`;
}
