import { type Domain, parseDomain } from '@sallyport/mail';
import type { HeaderField } from '@sallyport/mime';
import type { DmarcFacts } from '@sallyport/policy';
import { SPF_RESULTS, type SpfFacts } from './facts.ts';
import { parseResults, type ResultStatement } from './parse-results.ts';

/** A front with several filters adds one field each. */
const MAX_FIELDS = 10;
const MAX_DKIM_DOMAINS = 3;
const DMARC_RESULTS = ['none', 'pass', 'fail', 'temperror', 'permerror'] as const;

/** What a trusted front says of a message that it handed over. */
export interface FrontResults {
  /** Of the reverse-path, or of the HELO if that is null; null if it does not say. */
  readonly spf: SpfFacts | null;
  /** For which domains a DKIM signature passed. */
  readonly dkimDomains: readonly Domain[];
  /** What DMARC says of an author's domain; null if it does not say. */
  readonly dmarcOf: (author: Domain) => DmarcFacts['result'] | null;
}

/**
 * Reads the Authentication-Results fields of the front: those above the second Received field that is
 * not ours, with its authserv-id letter for letter. RFC 8601 section 5: the front removes what others
 * write in its name. If it said something twice, what is worse counts, so that whatever slips through
 * cannot better its word.
 *
 * @param header as received, our own Received field first
 */
export function readFrontResults(
  header: readonly HeaderField[],
  { authservId, reversePath }: { readonly authservId: string; readonly reversePath: Domain | null },
): FrontResults {
  const statements = fieldsOfFront(header)
    .flatMap(({ value }) => {
      const field = parseResults(value);
      return field?.authservId === authservId ? [field] : [];
    })
    .slice(0, MAX_FIELDS)
    .flatMap((field) => field.statements);
  const of = (method: string) => statements.filter((one) => one.method === method);
  return {
    spf: spfOf(of('spf'), reversePath),
    dkimDomains: dkimOf(of('dkim')),
    dmarcOf: (author) => {
      const about = of('dmarc').filter((one) => domainIn(one, 'header.from') === author);
      return wordOf(DMARC_RESULTS, worstOf(about));
    },
  };
}

/** Our own Received field is the first, the front's the next; what is below the one after was there before. */
function fieldsOfFront(header: readonly HeaderField[]): readonly HeaderField[] {
  const received = header.flatMap(({ name }, at) => (name.toLowerCase() === 'received' ? at : []));
  return header
    .slice(0, received[2] ?? header.length)
    .filter(({ name }) => name.toLowerCase() === 'authentication-results');
}

function spfOf(
  statements: readonly ResultStatement[],
  reversePath: Domain | null,
): SpfFacts | null {
  const identity = reversePath === null ? 'helo' : 'mailfrom';
  const about = statements.flatMap((one) => {
    const domain = domainIn(one, `smtp.${identity}`);
    const isRight = domain !== null && (reversePath === null || domain === reversePath);
    return isRight ? { one, domain } : [];
  });
  const worst = worstOf(about.map(({ one }) => one));
  const domain = about.find(({ one }) => one === worst)?.domain ?? null;
  const result = wordOf(SPF_RESULTS, worst);
  return result === null ? null : { result, identity, domain };
}

function dkimOf(statements: readonly ResultStatement[]): readonly Domain[] {
  const passed = statements.filter(({ result }) => result === 'pass');
  const domains = passed.flatMap((one) => domainIn(one, 'header.d') ?? []);
  return [...new Set(domains)].slice(0, MAX_DKIM_DOMAINS);
}

function worstOf(statements: readonly ResultStatement[]): ResultStatement | null {
  return statements.find(({ result }) => result !== 'pass') ?? statements[0] ?? null;
}

/** Null for no statement; a word that nobody knows proves nothing. */
function wordOf<const Words extends readonly string[]>(
  words: Words,
  statement: ResultStatement | null,
): Words[number] | 'permerror' | null {
  if (statement === null) return null;
  return words.find((word) => word === statement.result) ?? 'permerror';
}

/** The domain of a property, which may be that of an address. */
function domainIn({ properties }: ResultStatement, property: string): Domain | null {
  const text = properties.get(property) ?? '';
  return parseDomain(text.slice(text.lastIndexOf('@') + 1));
}
