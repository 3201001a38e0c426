import type { Ending } from '../desk/reports.ts';
import { type HtmlValue, html } from '../html.ts';
import { keyPath } from './keys-life.ts';

/** Whose the thing is that ends: a link to the partner, or to the key for those who see keys. */
export function endingOwner({ what, whose }: Ending, keys: 'linked' | 'named'): HtmlValue {
  if (what !== 'own-certificate') {
    return html`<a href="/partners/${encodeURIComponent(whose)}">${whose}</a>`;
  }
  return keys === 'linked' ? html`<a href="${keyPath(whose)}">${whose}</a>` : whose;
}
