import { MAX_COUNTED, type PartnerRow, type Trouble } from '../desk/partner-facts.ts';
import { type HtmlValue, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import { badge, time } from './parts.ts';

/** Where one partner, or a page of it, is. */
export function partnerPath(name: string, below = ''): string {
  return `/partners/${encodeURIComponent(name)}${below === '' ? '' : `/${below}`}`;
}

/** When the last message came or went, as a link to it. */
export function lastMailCell(last: PartnerRow['lastMail'], never: string): HtmlValue {
  if (last === null) return never;
  return html`<a href="/messages/${encodeURIComponent(last.queueId)}">${time(last.time)}</a>`;
}

const SERIOUS: ReadonlySet<Trouble['kind']> = new Set([
  'agreement-ended',
  'nothing-trusted',
  'no-signer-trusted',
  'held',
]);

function isSerious(one: Trouble): boolean {
  return SERIOUS.has(one.kind) || (one.kind === 'certificate-ends' && one.days < 0);
}

function troubleText(one: Trouble, { partners: { trouble } }: Catalogue): string {
  switch (one.kind) {
    case 'held':
    case 'waiting':
      return trouble[one.kind](
        one.count < MAX_COUNTED ? String(one.count) : trouble.orMore(one.count),
      );
    case 'agreement-ending':
    case 'certificate-ends':
      return trouble[one.kind](one.days);
    default:
      return trouble[one.kind];
  }
}

/** What an admin should see to, the worst in red. */
export function troubleList(all: readonly Trouble[], text: Catalogue): HtmlValue {
  if (all.length === 0) return badge('good', text.partners.fine);
  return html`<ul class="plain-list">${all.map(
    (one) => html`<li>${badge(isSerious(one) ? 'bad' : 'warn', troubleText(one, text))}</li>`,
  )}</ul>`;
}
