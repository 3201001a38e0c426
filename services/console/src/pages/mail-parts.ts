import type { MessageOutcome } from '@sallyport/audit-index';
import { type Html, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import type { PageRequest } from './page.ts';
import { badge, type Tone } from './parts.ts';

/** Parts that every page about messages has. */

const MAX_PATHS = 20;
/** Longer ones are broken wherever a line ends. */
const MAX_UNBROKEN = 40;

function unbroken(path: string): Html {
  return path.length > MAX_UNBROKEN ? html`<span class="value">${path}</span>` : html`${path}`;
}

/** The word for a key of ours; the key itself where there is none. */
export function wordOf(words: Readonly<Record<string, string>>, key: string): string {
  return Object.hasOwn(words, key) ? (words[key] ?? key) : key;
}

/** RFC 5321 section 4.5.5: the null reverse-path has a name of its own; null is withheld. */
export function reversePath(path: string | null, text: Catalogue): Html {
  if (path === null) return html`<span class="quiet">${text.messages.withheld}</span>`;
  return path === '' ? html`<span class="quiet">${text.messages.nullPath}</span>` : unbroken(path);
}

/** The first of them, and how many more there are. */
export function forwardPaths(
  paths: readonly string[] | null,
  text: Catalogue,
  shown = MAX_PATHS,
): Html {
  if (paths === null) return html`<span class="quiet">${text.messages.withheld}</span>`;
  const more = paths.length - shown;
  const first = paths
    .slice(0, shown)
    .map((path, at) => html`${at === 0 ? null : html`<br>`}${unbroken(path)}`);
  return html`${first}${more > 0 ? html` <span class="quiet">${text.messages.more(more)}</span>` : null}`;
}

const TONES: Readonly<Record<MessageOutcome, Tone>> = {
  waiting: 'plain',
  held: 'warn',
  relayed: 'good',
  'partly-relayed': 'warn',
  refused: 'bad',
  failed: 'bad',
  expired: 'bad',
  dropped: 'bad',
  abandoned: 'plain',
  kept: 'plain',
};

/** What became of it, in colour and words. */
export function outcomeBadge(outcome: MessageOutcome, text: Catalogue): Html {
  return badge(TONES[outcome], text.messages.outcomes[outcome]);
}

/** A link to all that happened to a message. */
export function messageLink(id: string, words: string = id): Html {
  return html`<a href="/messages/${encodeURIComponent(id)}">${words}</a>`;
}

/** The rule with the version of the policy that it stands in. */
export function ruleOf(
  { rule, policyVersion }: Readonly<Record<string, unknown>>,
  { actor, text }: PageRequest,
): Html {
  const { messages } = text;
  const version = typeof policyVersion === 'number' ? policyVersion : null;
  const words = version === null ? null : messages.policyVersion(version);
  const link = actor.permissions.has('partner.read')
    ? html`<a href="/policy/${version}">${words}</a>`
    : words;
  const named = typeof rule === 'string' ? messages.ruleOf(rule) : null;
  return html`${named}${named !== null && words !== null ? ', ' : null}${words === null ? null : link}`;
}
