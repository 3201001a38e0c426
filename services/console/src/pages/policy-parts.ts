import type { PolicyChange } from '@sallyport/policy';
import type { VersionState } from '@sallyport/policy-store/read';
import type { Rehearsal } from '@sallyport/rehearsal';
import { type Html, type HtmlValue, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import { badge, facts, type Tone, table, time } from './parts.ts';

const MAX_CHANGES = 200;
const MAX_RECORDS = 20;
const MAX_VALUE_CHARS = 400;

/** @returns null for what is no version number. */
export function versionOf(text: string | undefined): number | null {
  return /^\d{1,6}$/.test(text ?? '') ? Number(text) : null;
}

const STATE_TONES: Readonly<Record<VersionState, Tone>> = {
  draft: 'plain',
  proposed: 'warn',
  approved: 'warn',
  scheduled: 'warn',
  active: 'good',
  superseded: 'plain',
  'rolled-back': 'plain',
};

export function stateBadge(state: VersionState, text: Catalogue): Html {
  return badge(STATE_TONES[state], text.policy.states[state]);
}

const EFFECT_TONES: Readonly<Record<PolicyChange['effect'], Tone>> = {
  stricter: 'good',
  looser: 'bad',
  other: 'plain',
};

/** Differences between two versions, with what they mean. */
export function changesTable(
  changes: readonly PolicyChange[],
  text: Catalogue,
  caption: string = text.policy.changesTitle,
): Html {
  const { columns, effects, kinds, changesNone } = text.policy;
  const whole = changes.filter(({ field }) => field === '').slice(0, MAX_RECORDS);
  const names = new Set(whole.map(({ record }) => record));
  const inside = changes.filter(({ record }) => !names.has(record));
  const shown = inside.slice(0, MAX_CHANGES);
  const more =
    inside.length > shown.length
      ? html`<p>${text.policy.changesMore(shown.length, inside.length)}</p>`
      : null;
  const records = whole.map((one) => wholeRecord(one, changes, text));
  if (shown.length === 0 && records.length > 0) return html`${records}`;
  return html`${records}${table({
    caption,
    empty: changesNone,
    rows: shown,
    columns: [
      { title: columns.record, cell: ({ record }) => record },
      {
        title: columns.field,
        cell: ({ field }) => html`<code class="term">${field}</code>`,
      },
      { title: columns.change, cell: ({ kind }) => kinds[kind] },
      { title: columns.from, cell: ({ from }) => valueList(from) },
      { title: columns.to, cell: ({ to }) => valueList(to) },
      { title: columns.effect, cell: ({ effect }) => badge(EFFECT_TONES[effect], effects[effect]) },
    ],
  })}${more}`;
}

/** A record that came or went, with what it says; what it leaves empty is left out. */
function wholeRecord(
  { record, kind }: PolicyChange,
  changes: readonly PolicyChange[],
  text: Catalogue,
): Html {
  const own = changes.filter((one) => one.record === record && one.field !== '');
  const rows = own.flatMap(({ field, from, to }) => {
    const values = to ?? from ?? [];
    return values.length === 0 ? [] : [[field, valueList(values)] as const];
  });
  const title = html`<strong>${record}</strong> ${badge(kind === 'added' ? 'good' : 'warn', text.policy.kinds[kind])}`;
  return html`<details class="record" open><summary>${title}</summary><div class="dense">${facts(rows)}</div></details>`;
}

function valueList(values: readonly string[] | null): HtmlValue {
  if (values === null) return null;
  const cut = values.map((one) =>
    one.length > MAX_VALUE_CHARS ? `${one.slice(0, MAX_VALUE_CHARS)}…` : one,
  );
  if (cut.length === 1) return html`<span class="value">${cut[0]}</span>`;
  return html`<ul class="values">${cut.map((one) => html`<li>${one}</li>`)}</ul>`;
}

/** What a rehearsal found. */
export function rehearsalView(found: Rehearsal | null, text: Catalogue): Html {
  const {
    rehearsalNone,
    rehearsed,
    rehearsalColumns: columns,
    rehearsalTitle,
    fails,
  } = text.policy;
  if (found === null || found.since === null) return html`<p>${rehearsalNone}</p>`;
  const { summary, since, until, changes, unknowns } = found;
  const frame = html`<p>${rehearsed(summary)}</p><p class="quiet">${time(since)} – ${time(until ?? since)}</p>`;
  const changed = table({
    caption: rehearsalTitle,
    empty: text.policy.changesNone,
    rows: changes.slice(0, MAX_CHANGES),
    columns: [
      { title: columns.direction, cell: ({ direction }) => direction },
      { title: columns.rule, cell: ({ rule }) => rule },
      {
        title: columns.change,
        cell: ({ from, to, fails: isFailure, sentence }) =>
          html`${from} → ${to} ${isFailure ? badge('bad', fails) : null}<br><span class="quiet">${sentence}</span>`,
      },
      { title: columns.count, cell: ({ count }) => count, narrow: true },
      { title: columns.example, cell: ({ examples }) => messageLinks(examples) },
    ],
  });
  const rest =
    unknowns.length === 0
      ? null
      : table({
          caption: columns.why,
          empty: '',
          rows: unknowns.slice(0, MAX_CHANGES),
          columns: [
            { title: columns.why, cell: ({ why }) => why },
            { title: columns.count, cell: ({ count }) => count, narrow: true },
            { title: columns.example, cell: ({ examples }) => messageLinks(examples) },
          ],
        });
  return html`${frame}${changed}${rest}`;
}

function messageLinks(ids: readonly string[]): HtmlValue {
  return ids.map(
    (id) => html`<a href="/messages/${encodeURIComponent(id)}"><code>${id}</code></a> `,
  );
}
