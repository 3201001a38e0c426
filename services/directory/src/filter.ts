import { DerError, DerReader, type Tlv } from '@sallyport/der';
import { foldName } from './entries.ts';

const MAX_DEPTH = 8;
const MAX_BRANCHES = 32;
/** Names that one search may ask for. */
const MAX_NAMES = 8;

/** RFC 4511 section 4.5.1.7, as far as we judge it; all the rest is `undefined` (never true). */
export type Filter =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Filter[] }
  | { readonly kind: 'not'; readonly part: Filter }
  | { readonly kind: 'equals'; readonly attribute: string; readonly value: string }
  | { readonly kind: 'present'; readonly attribute: string }
  | { readonly kind: 'undefined' };

const CHOICE = { and: 0, or: 1, not: 2, equals: 3, extensible: 9, present: 7 } as const;

/** @throws DerError if it is malformed or over the limits. */
export function parseFilter(tlv: Tlv, depth: number): Filter {
  if (depth > MAX_DEPTH) throw new DerError('filter is nested too deeply');
  if (tlv.tagClass !== 'context' || tlv.tag > CHOICE.extensible) throw new DerError('bad filter');
  switch (tlv.tag) {
    case CHOICE.and:
    case CHOICE.or: {
      const parts = new DerReader(tlv)
        .all(MAX_BRANCHES)
        .map((part) => parseFilter(part, depth + 1));
      return { kind: tlv.tag === CHOICE.and ? 'and' : 'or', parts };
    }
    case CHOICE.not:
      return { kind: 'not', part: parseFilter(new DerReader(tlv).next(), depth + 1) };
    case CHOICE.equals: {
      const assertion = new DerReader(tlv);
      const attribute = attributeName(assertion.octetString().toString('utf8'));
      return { kind: 'equals', attribute, value: assertion.octetString().toString('utf8') };
    }
    case CHOICE.present:
      return { kind: 'present', attribute: attributeName(tlv.value.toString('utf8')) };
    default:
      return { kind: 'undefined' };
  }
}

const NAME_OF_OID: ReadonlyMap<string, string> = new Map([
  ['2.5.4.3', 'cn'],
  ['commonname', 'cn'],
  ['0.9.2342.19200300.100.1.3', 'mail'],
  ['rfc822mailbox', 'mail'],
  ['2.5.4.36', 'usercertificate'],
  ['2.16.840.1.113730.3.1.40', 'usersmimecertificate'],
  ['2.5.4.0', 'objectclass'],
]);

/** Lower case, without options such as `;binary` (RFC 4512 section 2.5); an OID becomes its name. */
export function attributeName(description: string): string {
  const [name = ''] = description.toLowerCase().split(';');
  return NAME_OF_OID.get(name) ?? name;
}

/**
 * The names, folded, that an entry must have one of for the filter to be true, or null if the filter
 * does not pin them: then it could enumerate, and is answered with nothing (CD-8).
 */
export function namesOf(filter: Filter): readonly string[] | null {
  switch (filter.kind) {
    case 'equals':
      return filter.attribute === 'mail' ? [foldName(filter.value) ?? []].flat() : null;
    case 'and':
      return filter.parts.map(namesOf).find((names) => names !== null) ?? null;
    case 'or': {
      const names = filter.parts.map(namesOf);
      if (names.length === 0 || names.includes(null)) return null;
      const all = new Set(names.flatMap((some) => some ?? []));
      return all.size <= MAX_NAMES ? [...all] : null;
    }
    case 'not':
    case 'present':
    case 'undefined':
      return null;
  }
}

/** What a filter is judged against; attribute names in lower case. */
export interface Judged {
  readonly has: (attribute: string) => boolean;
  readonly equals: (attribute: string, value: string) => boolean | null;
}

/** Three-valued as RFC 4511 section 4.5.1.7 says: null is Undefined. */
export function matches(filter: Filter, entry: Judged): boolean | null {
  switch (filter.kind) {
    case 'equals':
      return entry.equals(filter.attribute, filter.value);
    case 'present':
      return entry.has(filter.attribute);
    case 'undefined':
      return null;
    case 'not': {
      const inner = matches(filter.part, entry);
      return inner === null ? null : !inner;
    }
    case 'and': {
      const results = filter.parts.map((part) => matches(part, entry));
      return results.includes(false) ? false : results.includes(null) ? null : true;
    }
    case 'or': {
      const results = filter.parts.map((part) => matches(part, entry));
      return results.includes(true) ? true : results.includes(null) ? null : false;
    }
  }
}
