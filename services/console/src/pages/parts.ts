import { type Html, type HtmlValue, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';

/** The parts that pages are made of. A page that needs another one adds it here or beside. */

export type Tone = 'good' | 'warn' | 'bad' | 'plain';

/** A short state in colour and in words: colour alone says nothing. */
export function badge(tone: Tone, words: string): Html {
  return html`<span class="badge ${tone}">${words}</span>`;
}

/** A sentence that stands out; `bad` and `warn` are read out at once. */
export function notice(tone: Tone, body: HtmlValue): Html {
  const role = tone === 'bad' || tone === 'warn' ? 'alert' : 'status';
  return html`<div class="notice ${tone}" role="${role}">${body}</div>`;
}

export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => HtmlValue;
  /** Numbers and times stand to the right and do not wrap. */
  readonly narrow?: boolean;
}

/**
 * A table that becomes a list of cards on a narrow screen; its roles are written out, for they are lost
 * with the way it is laid out there. A column of numbers stands to the right. `caption` names it for
 * screen readers.
 */
export function table<T>(of: {
  readonly caption: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly empty: string;
}): Html {
  const { caption, columns, rows, empty } = of;
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`;
  const shown = columns.map(({ title, cell, narrow }) => {
    const cells = rows.map(cell);
    const isCount = cells.every((value) => typeof value === 'number');
    const look = isCount ? html` class="count"` : narrow === true ? html` class="narrow"` : null;
    return { title, cells, isCount, look };
  });
  const head = shown.map(
    ({ title, isCount }) =>
      html`<th scope="col" role="columnheader"${isCount ? html` class="count"` : null}>${title}</th>`,
  );
  const body = rows.map(
    (_, at) =>
      html`<tr role="row">${shown.map(
        ({ title, cells, look }) =>
          html`<td role="cell" data-title="${title}"${look}>${cells[at]}</td>`,
      )}</tr>`,
  );
  return html`<div class="table-frame" role="region" aria-label="${caption}" tabindex="0"><table role="table"><caption class="unseen">${caption}</caption><thead role="rowgroup"><tr role="row">${head}</tr></thead><tbody role="rowgroup">${body}</tbody></table></div>`;
}

/** Facts by name. */
export function facts(rows: readonly (readonly [name: string, value: HtmlValue])[]): Html {
  return html`<dl class="facts">${rows.map(
    ([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`,
  )}</dl>`;
}

/** A part of a page with a heading of its own. */
export function section(title: string, ...body: readonly HtmlValue[]): Html {
  return html`<section class="card"><h2>${title}</h2>${body}</section>`;
}

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly type?: 'text' | 'password' | 'search' | 'datetime-local' | 'url' | 'file' | 'number';
  readonly value?: string;
  readonly hint?: string;
  /** Why the value that was sent cannot be used. */
  readonly fault?: string | undefined;
  readonly required?: boolean;
  readonly autocomplete?: string;
  readonly maxLength?: number;
}

/** A labelled input; hint and fault are tied to it for screen readers. */
export function field(of: Field): Html {
  const { name, type = 'text', value, maxLength, autocomplete } = of;
  return labelled(
    of,
    html`<input id="${name}" name="${name}" type="${type}"${
      value === undefined ? null : html` value="${value}"`
    }${maxLength === undefined ? null : html` maxlength="${maxLength}"`}${
      autocomplete === undefined ? null : html` autocomplete="${autocomplete}"`
    }${tiesOf(of)}>`,
  );
}

/** A labelled text of several lines. */
export function textArea(of: Field & { readonly rows?: number }): Html {
  const { name, value, rows = 4, maxLength } = of;
  return labelled(
    of,
    html`<textarea id="${name}" name="${name}" rows="${rows}"${
      maxLength === undefined ? null : html` maxlength="${maxLength}"`
    }${tiesOf(of)}>
${value ?? ''}</textarea>`,
  );
}

/** A labelled choice of one. */
export function select(
  of: Field & { readonly options: readonly (readonly [value: string, words: string])[] },
): Html {
  const { name, value, options } = of;
  const rows = options.map(
    ([key, words]) =>
      html`<option value="${key}"${key === value ? html` selected` : null}>${words}</option>`,
  );
  return labelled(of, html`<select id="${name}" name="${name}"${tiesOf(of)}>${rows}</select>`);
}

/** A labelled box to tick. */
export function checkbox(of: {
  readonly name: string;
  readonly label: HtmlValue;
  readonly value?: string;
  readonly isChecked?: boolean;
}): Html {
  const { name, label, value = 'yes', isChecked = false } = of;
  return html`<label class="check"><input type="checkbox" name="${name}" value="${value}"${
    isChecked ? html` checked` : null
  }> ${label}</label>`;
}

function tiesOf({ name, hint, fault, required }: Field): Html {
  const ids = [hint === undefined ? [] : [`${name}-hint`], fault ? [`${name}-fault`] : []].flat();
  return html`${ids.length === 0 ? null : html` aria-describedby="${ids.join(' ')}"`}${
    // The first of them is where the page opens.
    fault ? html` aria-invalid="true" autofocus` : null
  }${required === true ? html` required` : null}`;
}

function labelled({ name, label, hint, fault }: Field, input: Html): Html {
  return html`<div class="field"><label for="${name}">${label}</label>${
    hint === undefined ? null : html`<p class="hint" id="${name}-hint">${hint}</p>`
  }${fault ? html`<p class="fault" id="${name}-fault">${fault}</p>` : null}${input}</div>`;
}

/** A form that posts to our own page. Every one carries the token that shows where it comes from. */
export function form(of: {
  readonly action: string;
  readonly csrf: string;
  readonly submit: string;
  readonly body?: HtmlValue;
  readonly danger?: boolean;
  /** Not what most people came for: the button does not stand out. */
  readonly isQuiet?: boolean;
  readonly isInline?: boolean;
  /** For files: the body is then read as multipart/form-data by the browser script, never by us. */
  readonly id?: string;
  /** Said while the answer is waited for, where that may take long. */
  readonly busy?: string;
}): Html {
  const { action, csrf, submit, body, danger = false, isInline = false, id, busy } = of;
  const tone = danger ? 'danger' : of.isQuiet === true ? 'quiet-button' : 'primary';
  return html`<form method="post" action="${action}" class="${isInline ? 'inline' : 'stacked'}"${
    id === undefined ? null : html` id="${id}"`
  }${busy === undefined ? null : html` data-busy="${busy}"`}><input type="hidden" name="csrf" value="${csrf}">${body}<button type="submit" class="${tone}">${submit}</button></form>`;
}

/** A form that asks: its fields stand in the address, so that a search can be kept as a link. */
export function searchForm(of: {
  readonly action: string;
  readonly label: string;
  readonly submit: string;
  readonly body: HtmlValue;
}): Html {
  const { action, label, submit, body } = of;
  return html`<form method="get" action="${action}" class="search" role="search" aria-label="${label}">${body}<button type="submit">${submit}</button></form>`;
}

/** Links to the next page and back to the first, keeping the other fields of the search. */
export function pager(of: {
  readonly path: string;
  readonly query: URLSearchParams;
  /** Cursor of the next page; null at the end. */
  readonly next: number | string | null;
  /** The list begins with the oldest: its cursor is `after`; that of others is `before`. */
  readonly isOldestFirst?: boolean;
  readonly text: Catalogue;
}): Html | null {
  const { path, query, next, isOldestFirst = false, text } = of;
  const { parts } = text;
  const name = isOldestFirst ? 'after' : 'before';
  const isFirst = !query.has(name);
  if (next === null && isFirst) return null;
  const to = (cursor: number | string | null): string => {
    const search = new URLSearchParams(query);
    search.delete(name);
    search.delete('notice');
    if (cursor !== null) search.set(name, String(cursor));
    return search.size === 0 ? path : `${path}?${search}`;
  };
  return html`<nav class="pager" aria-label="${parts.pages}">${
    isFirst ? null : html`<a href="${to(null)}">${isOldestFirst ? parts.oldest : parts.newest}</a>`
  }${next === null ? null : html`<a rel="next" href="${to(next)}">${isOldestFirst ? parts.later : parts.older}</a>`}</nav>`;
}

/** Text to take elsewhere: shown as it is, with a button where scripts run. */
export function copyBlock(content: string, text: Catalogue): Html {
  return html`<div class="copy"><pre tabindex="0"><code>${content}</code></pre><button type="button" class="copy-button" data-copied="${text.parts.copied}" hidden>${text.parts.copy}</button></div>`;
}

/** A time in UTC (RFC 3339), in seconds. */
export function time(at: string | Date): Html {
  const iso = (typeof at === 'string' ? new Date(at) : at).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')} UTC</time>`;
}

/** Steps in order of time. */
export function timeline(
  steps: readonly { readonly at: string; readonly title: HtmlValue; readonly body?: HtmlValue }[],
): Html {
  return html`<ol class="timeline">${steps.map(
    ({ at, title, body }) =>
      html`<li>${time(at)}<div class="step"><strong>${title}</strong>${body}</div></li>`,
  )}</ol>`;
}
