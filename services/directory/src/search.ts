import { type Entry, foldName } from './entries.ts';
import { attributeName, type Judged, matches, namesOf } from './filter.ts';
import {
  type AttributeValues,
  OID_START_TLS,
  RESULT,
  type ResultCode,
  type SearchRequest,
} from './protocol.ts';

const MAX_ENTRIES = 16;
const OBJECT_CLASSES = ['top', 'person', 'organizationalperson', 'inetorgperson'];

interface FoundEntry {
  readonly dn: string;
  readonly attributes: readonly AttributeValues[];
}

export interface SearchAnswer {
  readonly entries: readonly FoundEntry[];
  readonly code: ResultCode;
}

interface Directory {
  /** The entries that answer to a name. */
  readonly find: (name: string) => Promise<readonly Entry[]>;
  readonly baseDns: readonly string[];
  readonly offersStartTls: boolean;
}

/**
 * Answers a search. Only who names an address exactly learns anything of it; presence, substring
 * and every other way to list what is here finds nothing, with the result code of an empty find.
 */
export async function searchEntries(
  request: SearchRequest,
  directory: Directory,
): Promise<SearchAnswer> {
  const base = normalDn(request.baseDn);
  if (base === '' && request.scope === 'base') return rootDse(request, directory);
  const context =
    base === '' ? directory.baseDns[0] : directory.baseDns.find((name) => normalDn(name) === base);
  if (context === undefined) return { entries: [], code: RESULT.noSuchObject };
  const names = request.scope === 'base' ? null : namesOf(request.filter);
  if (names === null) return { entries: [], code: RESULT.success };
  const found: FoundEntry[] = [];
  for (const name of names) {
    for (const entry of await directory.find(name)) {
      if (matches(request.filter, judged(entry)) !== true) continue;
      found.push(toFound(entry, { name, context, request }));
    }
  }
  const limit = Math.min(request.sizeLimit === 0 ? MAX_ENTRIES : request.sizeLimit, MAX_ENTRIES);
  return {
    entries: found.slice(0, limit),
    code: found.length > limit ? RESULT.sizeLimitExceeded : RESULT.success,
  };
}

/** RFC 4512 section 5.1. */
function rootDse(request: SearchRequest, directory: Directory): SearchAnswer {
  const all: AttributeValues[] = [
    { type: 'objectClass', values: [Buffer.from('top')] },
    { type: 'namingContexts', values: directory.baseDns.map((name) => Buffer.from(name)) },
    { type: 'supportedLDAPVersion', values: [Buffer.from('3')] },
    ...(directory.offersStartTls
      ? [{ type: 'supportedExtension', values: [Buffer.from(OID_START_TLS)] }]
      : []),
  ];
  const entry: Judged = {
    has: (name) => all.some(({ type }) => type.toLowerCase() === name),
    equals: (name, value) => (name === 'objectclass' ? value.toLowerCase() === 'top' : null),
  };
  if (matches(request.filter, entry) !== true) return { entries: [], code: RESULT.success };
  return {
    entries: [{ dn: '', attributes: chosen(all, request) }],
    code: RESULT.success,
  };
}

function judged(entry: Entry): Judged {
  const held: Readonly<Record<string, boolean>> = {
    cn: true,
    mail: true,
    objectclass: true,
    usercertificate: entry.userCertificate.length > 0,
    usersmimecertificate: entry.userSMIMECertificate.length > 0,
  };
  return {
    has: (name) => Object.hasOwn(held, name) && held[name] === true,
    equals: (name, value) => {
      const wanted = value.toLowerCase();
      if (name === 'mail') return isNamed(entry, foldName(value));
      if (name === 'cn') return entry.cn.toLowerCase() === wanted;
      return name === 'objectclass' ? OBJECT_CLASSES.includes(wanted) : null;
    },
  };
}

function isNamed(entry: Entry, name: string | null): boolean {
  return name !== null && entry.mail.some((mail) => foldName(mail) === name);
}

function toFound(
  entry: Entry,
  at: { readonly name: string; readonly context: string; readonly request: SearchRequest },
): FoundEntry {
  const mail = entry.mail.find((name) => foldName(name) === at.name) ?? at.name;
  const all: AttributeValues[] = [
    { type: 'cn', values: [Buffer.from(entry.cn)] },
    // only the name that was asked for: its other names are not the asker's to learn
    { type: 'mail', values: [Buffer.from(mail)] },
    { type: 'userCertificate;binary', values: entry.userCertificate },
    { type: 'userSMIMECertificate;binary', values: entry.userSMIMECertificate },
  ].filter(({ values }) => values.length > 0);
  return { dn: `mail=${escapeDn(mail)},${at.context}`, attributes: chosen(all, at.request) };
}

/** RFC 4511 section 4.5.1.8: none named means all; `1.1` alone means none. */
function chosen(all: readonly AttributeValues[], request: SearchRequest): AttributeValues[] {
  const wanted = request.attributes.map(attributeName);
  const takesAll = wanted.length === 0 || wanted.includes('*') || wanted.includes('+');
  return all
    .filter(({ type }) => takesAll || wanted.includes(attributeName(type)))
    .map(({ type, values }) => ({ type, values: request.typesOnly ? [] : values }));
}

/** RFC 4514 section 2.4. */
function escapeDn(value: string): string {
  return value
    .replace(/[\\",+<>;=]/g, '\\$&')
    .replace(/^[ #]|[ ]$/g, '\\$&')
    .replaceAll('\0', '\\00');
}

/** Enough to compare names of ours: case and the spaces around `,` and `=` do not count. */
function normalDn(dn: string): string {
  return dn
    .trim()
    .toLowerCase()
    .replace(/\s*([,=])\s*/g, '$1');
}
