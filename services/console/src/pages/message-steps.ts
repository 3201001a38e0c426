import type { RecordedEvent } from '@sallyport/audit-log';
import type { MessageStory } from '../desk/messages.ts';
import { type Html, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import { eventFacts } from './event-facts.ts';
import { messageLink, ruleOf, wordOf } from './mail-parts.ts';
import type { PageRequest } from './page.ts';
import { facts, timeline } from './parts.ts';

const MAX_STEPS = 500;

type Facts = Readonly<Record<string, unknown>>;
type Line = readonly [name: string, value: Html | string];

/** All that happened to a message, step by step, in the order of the log. */
export function messageSteps({ events, queueId }: MessageStory, request: PageRequest): Html {
  const { messages } = request.text;
  const shown = events.slice(0, MAX_STEPS);
  const more =
    shown.length === events.length
      ? null
      : html`<p class="quiet">${messages.stepsMore(shown.length, events.length)}</p>`;
  const steps = shown.map((event) => ({
    at: event.time,
    title: wordOf(messages.kinds, event.kind),
    body: stepOf(event, queueId, request),
  }));
  return html`${timeline(steps)}${more}`;
}

function stepOf(event: RecordedEvent, queueId: string, request: PageRequest): Html {
  const { text } = request;
  const { sentence } = event.facts;
  const other =
    event.queueId === null || event.queueId === queueId
      ? null
      : html` <span class="quiet">${messageLink(event.queueId)}</span>`;
  const lines = linesOf(event, request);
  return html`${other}${
    typeof sentence === 'string' ? html`<p class="sentence">${sentence}</p>` : null
  }${lines.length === 0 ? null : facts(lines)}<details><summary>${text.messages.allFacts}</summary>${eventFacts(event, request)}</details>`;
}

/** What people look for first: who, what was found, which keys, which rule, which TLS. */
function linesOf({ facts: all, personal }: RecordedEvent, request: PageRequest): Line[] {
  const { messages } = request.text;
  const { lines } = messages;
  const found: Line[] = [];
  const add = (name: string, value: Html | string | null): void => {
    if (value !== null && value !== '') found.push([name, value]);
  };
  add(lines.by, personal['by'] ?? null);
  add(lines.decision, wordFrom(all['decision'], messages.decisions));
  add(lines.verdict, verdictOf(all['verdict'], request.text));
  add(lines.authentication, authenticationOf(all['authentication']));
  add(lines.layers, layersOf(all, request.text));
  add(lines.key, keyOf(all));
  add(lines.certificates, listOf(all['certificates']));
  add(lines.evidence, stringOf(all['evidence']));
  add(lines.tls, all['tls'] === null ? messages.noTls : tlsOf(all['tls']));
  add(lines.reply, stringOf(all['reply']));
  add(lines.nextAttempt, stringOf(all['nextAttempt']));
  const report = stringOf(all['dsnId']);
  add(lines.report, report === null ? null : messageLink(report));
  const hasRule = typeof all['rule'] === 'string' || typeof all['policyVersion'] === 'number';
  add(lines.rule, hasRule ? ruleOf(all, request) : null);
  return found;
}

function stringOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function wordFrom(value: unknown, words: Readonly<Record<string, string>>): string | null {
  return typeof value === 'string' ? wordOf(words, value) : null;
}

function factsIn(value: unknown): Facts | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : null;
}

const MAX_LISTED = 5;

function listOf(value: unknown): string | null {
  if (!Array.isArray(value)) return null;
  const texts = value.filter((one) => typeof one === 'string');
  const more = texts.length > MAX_LISTED ? ' …' : '';
  return `${texts.slice(0, MAX_LISTED).join(', ')}${more}`;
}

/** The verdict words of design section 8, as a sentence. */
function verdictOf(value: unknown, { messages }: Catalogue): string | null {
  const verdict = factsIn(value);
  if (verdict === null) return null;
  const { signature, signatureType, signer, originator, encryption, scope, reason } = verdict;
  const named = stringOf(originator);
  const encrypted = stringOf(encryption);
  // What a signature covers says nothing where there is none.
  const covers = signature === 'none' && scope === 'whole' ? null : scope;
  return [
    messages.signature(stringOf(signature) ?? '', stringOf(signatureType), stringOf(signer)),
    named === null ? null : messages.originator(named),
    wordFrom(verdict['mapping'], messages.mappings),
    wordFrom(verdict['senderLookup'], messages.senderLookups),
    encrypted === null ? null : messages.encryption(encrypted),
    wordFrom(covers, messages.scopes),
    stringOf(reason),
  ]
    .filter((words) => words !== null && words !== '')
    .join('; ');
}

function authenticationOf(value: unknown): string | null {
  const authentication = factsIn(value);
  if (authentication === null) return null;
  const { spf, dkim, dmarc } = authentication;
  const checks = [
    ['SPF', spf],
    ...(Array.isArray(dkim) ? dkim : []).map((one: unknown) => ['DKIM', one] as const),
    ['DMARC', dmarc],
  ] as const;
  return checks
    .flatMap(([name, check]) => {
      const { result, domain } = factsIn(check) ?? {};
      if (typeof result !== 'string') return [];
      return [`${name} ${result}${typeof domain === 'string' ? ` (${domain})` : ''}`];
    })
    .join(', ');
}

function layersOf(all: Facts, { messages }: Catalogue): string | null {
  const { signed, encryption, profile, contentAlgorithm, keyTransport } = all;
  if (typeof signed !== 'boolean') return null;
  return [
    signed ? messages.signed : messages.notSigned,
    typeof encryption === 'string' ? messages.encryption(encryption) : '',
    typeof profile === 'string' ? messages.profile(profile) : '',
    stringOf(contentAlgorithm) ?? '',
    stringOf(keyTransport) ?? '',
  ]
    .filter((words) => words !== '')
    .join('; ');
}

function keyOf({ keyId, operation, outcome }: Facts): string | null {
  if (typeof keyId !== 'string') return null;
  const rest = [operation, outcome].filter((one) => typeof one === 'string');
  return [keyId, ...rest].join(', ');
}

function tlsOf(value: unknown): string | null {
  const tls = factsIn(value);
  if (tls === null) return null;
  return [tls['version'], tls['cipher'], tls['level'], tls['result']]
    .filter((one) => typeof one === 'string')
    .join(', ');
}
