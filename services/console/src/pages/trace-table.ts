import type { Surveyed } from '../desk/look.ts';
import { type Html, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import { badge, type Tone, table } from './parts.ts';

type Step = Surveyed['doors'][number]['steps'][number];

const TONES: Readonly<Record<Step['outcome'], Tone>> = {
  found: 'good',
  usable: 'good',
  nothing: 'plain',
  skipped: 'plain',
  unusable: 'warn',
  failed: 'bad',
};

/**
 * The search for a certificate, step by step, as command line and audit log have it. `about` keeps
 * its name apart from other traces on the page.
 */
export function traceTable(steps: readonly Step[], text: Catalogue, about = ''): Html {
  const { columns, trust } = text.partners;
  return table({
    caption: about === '' ? trust.trace : trust.traceOf(about),
    empty: text.parts.none,
    rows: steps,
    columns: [
      { title: columns.door, cell: ({ door }) => door },
      {
        title: columns.query,
        cell: ({ query, server }) =>
          html`<code class="value">${query}</code>${server === undefined ? null : html` @ <code>${server}</code>`}`,
      },
      { title: columns.outcome, cell: ({ outcome }) => badge(TONES[outcome], outcome) },
      { title: columns.reason, cell: ({ reason }) => reason },
      { title: columns.took, cell: ({ tookMs }) => `${tookMs.toFixed(0)} ms`, narrow: true },
    ],
  });
}
