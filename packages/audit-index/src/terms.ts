import { hash } from 'node:crypto';
import type { RecordedEvent } from '@sallyport/audit-log';

/** Different words that are kept of one event. */
const MAX_WORDS = 400;
const MAX_WORD_CHARS = 64;
const MAX_DEPTH = 4;
/** Words of a question: as many as the longest text of a search holds, so that none is passed over. */
const MAX_ASKED_WORDS = 160;
/** A shorter word is looked for as it is: too many begin with it. */
const MIN_PREFIX_CHARS = 4;

/** Digests are different in each event, ids are found by id, TLS tries repeat what is said elsewhere. */
const SKIPPED = /digest|outputs|results|tlsResults|queueId|dsnId|heldId/i;

type Event = Pick<RecordedEvent, 'kind' | 'facts' | 'personal'>;

/** What an event can be found by, as the full-text table takes it. */
export function eventTerms(event: Event): string {
  const terms = new Set<string>([kindTerm(event.kind)]);
  for (const address of addressesOf(event.personal)) {
    terms.add(addressTerm(address));
    for (const suffix of suffixesOf(domainOf(address))) terms.add(domainTerm(suffix));
  }
  for (const domain of domainsOf(event.facts)) {
    for (const suffix of suffixesOf(domain)) terms.add(domainTerm(suffix));
  }
  const { by } = event.personal;
  if (typeof by === 'string') terms.add(byTerm(by));
  const words = new Words(terms);
  words.take(event.facts, 0);
  words.take(event.personal, 0);
  return [...terms].join(' ');
}

/** The question for all of these; null if nothing is asked. */
export function termsQuery(of: {
  readonly kinds?: readonly string[];
  readonly address?: string;
  readonly domain?: string;
  readonly by?: string;
  readonly text?: string;
}): string | null {
  const all: string[] = [];
  if (of.address !== undefined) all.push(quoted(addressTerm(of.address)));
  if (of.domain !== undefined) all.push(quoted(domainTerm(of.domain)));
  if (of.by !== undefined) all.push(quoted(byTerm(of.by)));
  for (const word of wordsOf(of.text ?? '').slice(0, MAX_ASKED_WORDS)) {
    all.push(word.length < MIN_PREFIX_CHARS ? quoted(word) : `${quoted(word)}*`);
  }
  if (all.length === 0) return null;
  if (of.kinds !== undefined) {
    all.push(`(${of.kinds.map((kind) => quoted(kindTerm(kind))).join(' OR ')})`);
  }
  return all.join(' AND ');
}

/** Words never hold a colon, so that none can look like one of these. */
const kindTerm = (kind: string) => `k:${kind.replaceAll('-', '')}`;
const addressTerm = (address: string) => `a:${digest(address)}`;
const domainTerm = (domain: string) => `d:${digest(domain)}`;
const byTerm = (by: string) => `b:${digest(by)}`;

function digest(value: string): string {
  return hash('sha256', normal(value), 'hex').slice(0, 16);
}

/** What messages are found by: the same for the same address or domain in any case. */
export function messageTerm(kind: 'address' | 'domain', value: string): number {
  return Number.parseInt(hash('sha256', `${kind}:${normal(value)}`, 'hex').slice(0, 12), 16);
}

/** The same in any case and form of its letters. */
function normal(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}

/** A term holds letters, digits and the colon only. */
function quoted(term: string): string {
  return `"${term}"`;
}

class Words {
  readonly #terms: Set<string>;

  constructor(terms: Set<string>) {
    this.#terms = terms;
  }

  take(value: unknown, depth: number): void {
    if (this.#terms.size >= MAX_WORDS || depth > MAX_DEPTH) return;
    if (typeof value === 'string') this.#takeText(value);
    else if (Array.isArray(value)) for (const one of value) this.take(one, depth + 1);
    else if (typeof value === 'object' && value !== null) {
      for (const [name, one] of Object.entries(value)) {
        if (!SKIPPED.test(name)) this.take(one, depth + 1);
      }
    }
  }

  #takeText(text: string): void {
    for (const word of wordsOf(text)) {
      if (this.#terms.size >= MAX_WORDS) return;
      this.#terms.add(word);
    }
  }
}

function wordsOf(text: string): string[] {
  const words = normal(text).match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.map((word) => word.slice(0, MAX_WORD_CHARS));
}

const ADDRESS_FIELD =
  /^(reversePath|forwardPath|forwardPathsMore|login|originator|author)(\.\d+)?$/;

/** The addresses that an event names, as far as they are not withheld. */
export function addressesOf(personal: RecordedEvent['personal']): string[] {
  const addresses: string[] = [];
  let more = ''; // one list in several fields, cut anywhere
  for (const [name, value] of Object.entries(personal)) {
    if (value === null || !ADDRESS_FIELD.test(name)) continue;
    if (name.startsWith('forwardPathsMore')) more += value;
    else addresses.push(...value.split(' '));
  }
  return [...addresses, ...more.split(' ')].filter((address) => address !== '');
}

/** The forward-paths of an event in their order; null if one was withheld or none was ever said. */
export function forwardPathsOf(personal: RecordedEvent['personal']): string[] | null {
  const paths: string[] = [];
  let more = '';
  for (const [name, value] of Object.entries(personal)) {
    const field = /^forwardPath(sMore)?(\.\d+)?$/.exec(name);
    if (field === null) continue;
    if (value === null) return null;
    if (field[1] === undefined) paths.push(value);
    else more += value;
  }
  const all = [...paths, ...more.split(' ').filter((path) => path !== '')];
  return all.length === 0 ? null : all;
}

export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1);
}

/** The domains that an event names as such. */
function domainsOf(facts: RecordedEvent['facts']): string[] {
  const { domains, domain, destination } = facts;
  const several: readonly unknown[] = Array.isArray(domains) ? domains : [];
  return [...several, domain, destination].filter(
    (one): one is string => typeof one === 'string' && one !== '',
  );
}

/** The domain and those above it, down to two labels. */
export function suffixesOf(domain: string): string[] {
  const labels = domain.replace(/\.$/, '').split('.');
  const all = [labels.join('.')];
  for (let from = 1; from < labels.length - 1 && all.length < 16; from += 1) {
    all.push(labels.slice(from).join('.'));
  }
  return all;
}
