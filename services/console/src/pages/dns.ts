import type { DnsCheck, RecordCheck, Zone, ZoneLine } from '../desk/dns.ts';
import { type Html, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import type { Page, PageAnswer, PageRequest } from './page.ts';
import {
  badge,
  type Column,
  copyBlock,
  notice,
  searchForm,
  section,
  select,
  type Tone,
  table,
} from './parts.ts';

const MAX_SHOWN = 120;
const BAD_STATUS = 404;

const TONES: Readonly<Record<RecordCheck['status'], Tone>> = {
  ok: 'good',
  missing: 'bad',
  different: 'bad',
  extra: 'warn',
  failed: 'warn',
};

/** What stands first is what somebody has to see to. */
const ORDER: readonly RecordCheck['status'][] = ['missing', 'different', 'failed', 'extra', 'ok'];

async function dnsPage({ desk, query, text }: PageRequest): Promise<PageAnswer> {
  const { dns } = text;
  const zone = await desk.dns.zone(query.get('domain'));
  if (zone.kind === 'refused') {
    const body = notice('bad', html`<p>${zone.sentence}</p>`);
    return { kind: 'page', title: dns.title, body, status: BAD_STATUS };
  }
  const check = query.get('check') === '1' ? await desk.dns.check(zone.lines) : null;
  const body = html`<p>${dns.intro}</p>${choice(zone, text)}${worldSection(zone, check, text)}${publishSection(zone, text)}${filesSection(zone, text)}`;
  return { kind: 'page', title: dns.title, body };
}

function choice({ domain, domains }: Zone, text: Catalogue): Html | null {
  if (domains.length < 2) return null;
  const { dns } = text;
  const options = domains.map((one) => [one, one] as const);
  const body = select({ name: 'domain', label: dns.domain, value: domain, options });
  return searchForm({ action: '/dns', label: dns.domain, submit: dns.show, body });
}

/** A zone file that can be pasted as it is: comments say what each line is for. */
function zoneText(lines: readonly ZoneLine[], { dns }: Catalogue): string {
  return lines
    .map(({ name, type, data, purpose, plannedKeyId }) => {
      const planned = plannedKeyId === null ? '' : `, ${dns.planned(plannedKeyId)}`;
      return `; ${purpose}${planned}\n${name} IN ${type} ${data}`;
    })
    .join('\n');
}

function publishSection({ domain, lines }: Zone, text: Catalogue): Html {
  const { dns } = text;
  if (lines.length === 0) return section(dns.publish, html`<p>${dns.none}</p>`);
  return section(
    `${dns.publish}: ${domain}`,
    html`<p class="quiet">${dns.publishHint}</p>`,
    copyBlock(zoneText(lines, text), text),
  );
}

function filesSection({ files }: Zone, text: Catalogue): Html | null {
  if (files.length === 0) return null;
  const { dns } = text;
  return section(
    dns.web,
    html`<p class="quiet">${dns.webHint}</p>`,
    files.map(
      (file) => html`<h3><code>${file.url}</code></h3>${copyBlock(unixLines(file.text), text)}`,
    ),
  );
}

function unixLines(content: string): string {
  return content.replaceAll('\r\n', '\n');
}

function worldSection({ domain }: Zone, check: DnsCheck | null, text: Catalogue): Html {
  const { dns } = text;
  const query = new URLSearchParams({ domain, check: '1' });
  const again = html`<p class="actions"><a class="button primary" href="/dns?${query.toString()}">${dns.check}</a> <span class="hint">${dns.checkHint}</span></p>`;
  if (check === null) return section(dns.world, again);
  if (check.kind === 'unanswered') {
    return section(dns.world, notice('warn', html`<p>${dns.unanswered}</p>`), again);
  }
  const rows = check.checks.toSorted((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status));
  const isAll = check.unchecked.length === 0 && rows.every(({ status }) => status === 'ok');
  const unchecked = check.unchecked.map(
    ({ name, type }) => html`<li><code>${name} ${type}</code></li>`,
  );
  return section(
    dns.world,
    html`<p class="quiet">${dns.worldHint}</p>`,
    rows.length === 0 ? null : notice(isAll ? 'good' : 'warn', html`<p>${sumOf(rows, dns)}</p>`),
    unchecked.length === 0
      ? null
      : notice('warn', html`<p>${dns.unchecked}</p><ul>${unchecked}</ul>`),
    dnssecNotice(rows, text),
    explanations(rows, text),
    table({ caption: dns.world, columns: columnsOf(text), rows, empty: dns.none }),
    again,
  );
}

/** What each state that is not as it should be means, and what to do; each once. */
function explanations(rows: readonly RecordCheck[], { dns }: Catalogue): Html | null {
  const states = ORDER.filter((one) => one !== 'ok' && rows.some(({ status }) => status === one));
  if (states.length === 0) return null;
  return html`<ul class="plain-list">${states.map(
    (one) => html`<li>${badge(TONES[one], dns.status[one])} ${dns.explain[one]}</li>`,
  )}</ul>`;
}

function columnsOf({ dns }: Catalogue): readonly Column<RecordCheck>[] {
  const { columns, status: words, dnssec } = dns;
  return [
    {
      title: columns.status,
      cell: ({ status }) => badge(TONES[status], words[status]),
      narrow: true,
    },
    { title: columns.type, cell: ({ type }) => type, narrow: true },
    {
      title: columns.name,
      cell: (row) =>
        html`<div class="value"><code>${row.name}</code>${differences(row, dns)}</div>`,
    },
    { title: columns.dnssec, cell: (row) => dnssec[row.dnssec], narrow: true },
  ];
}

/** Both sides in full: who has to put it right compares them. */
/** How many lines are wrong, and of how many nobody can say. */
function sumOf(rows: readonly RecordCheck[], dns: Catalogue['dns']): string {
  const unknown = rows.filter(({ status }) => status === 'failed').length;
  const wrong = rows.filter(({ status }) => status !== 'ok' && status !== 'failed').length;
  const sentences = [
    wrong > 0 ? dns.wrong(wrong, rows.length) : null,
    unknown > 0 ? dns.unknown(unknown, rows.length) : null,
  ].filter((one) => one !== null);
  return sentences.length === 0 ? dns.allSeen(rows.length) : sentences.join(' ');
}

function differences(
  { status, expected, seen }: RecordCheck,
  { columns }: Catalogue['dns'],
): Html | null {
  if (status === 'ok') return null;
  const rows = [
    [columns.should, expected],
    [status === 'failed' ? columns.why : columns.seen, seen],
  ] as const;
  return html`${rows.map(([name, data]) =>
    data === null
      ? null
      : html`<p class="hint">${name}: <code>${data.length > MAX_SHOWN ? html`${data.slice(0, MAX_SHOWN)}…` : data}</code></p>`,
  )}`;
}

function dnssecNotice(checks: readonly RecordCheck[], { dns }: Catalogue): Html | null {
  const bare = checks.filter(
    ({ type, dnssec, status }) =>
      (type === 'SMIMEA' || type === 'TLSA') &&
      status !== 'missing' &&
      status !== 'failed' &&
      dnssec !== 'secure',
  );
  if (bare.length === 0) return null;
  const isUnknown = bare.some(({ dnssec }) => dnssec === 'unknown');
  const tone = isUnknown ? 'plain' : 'warn';
  return notice(tone, html`<p>${isUnknown ? dns.dnssecUnknown : dns.needsDnssec}</p>`);
}

/** The page about DNS: what to publish, and what the world sees of it. */
export const dnsPages: readonly Page[] = [
  { method: 'GET', path: '/dns', permission: 'dns.read', answer: dnsPage },
];
