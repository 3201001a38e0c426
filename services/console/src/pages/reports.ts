import type { ReceivedTlsReport } from '@sallyport/ipc';
import { daysUntil, SOON_DAYS } from '../desk/key-life.ts';
import { orAway } from '../desk/refused.ts';
import type { Ending, Endings, Posture, TlsReportPage } from '../desk/reports.ts';
import { type Html, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import { barChart, type Series } from './chart.ts';
import { endingOwner } from './ending-owner.ts';
import type { Page, PageAnswer, PageRequest } from './page.ts';
import { badge, type Column, notice, pager, section, type Tone, table, time } from './parts.ts';

const POSTURE_DAYS = 30;
const REPORTS_A_PAGE = 20;
const MAX_ENDINGS = 200;
const MAX_DETAILS = 5;
/** RFC 8460 section 4.3 has names for failures; ids of reports are hashes. */
const REPORT_ID = /^[0-9a-f]{1,64}$/;

/** From the weakest to the strongest; what else there may be stands last. */
const LEVELS: readonly string[] = [
  'clear',
  'none',
  'may',
  'encrypt',
  'dane',
  'dane-only',
  'fingerprint',
  'verify',
  'secure',
];
const LEVEL_TONES: Readonly<Record<string, Series['tone']>> = {
  clear: 'bad',
  none: 'bad',
  may: 'warn',
  encrypt: 'two',
  dane: 'three',
  'dane-only': 'three',
  fingerprint: 'four',
  verify: 'one',
  secure: 'good',
};

type Words = Catalogue['reports'];

async function reportsPage(request: PageRequest): Promise<PageAnswer> {
  const { desk, query, text } = request;
  const before = query.get('before') ?? '';
  const page = REPORT_ID.test(before) ? { before } : {};
  const [posture, endings, received] = await Promise.all([
    desk.reports.posture(POSTURE_DAYS),
    desk.reports.endings(),
    orAway(async () => await desk.reports.tlsReports({ limit: REPORTS_A_PAGE, ...page })),
  ]);
  const body = html`${endingsSection(endings, request)}${postureSection(posture, text)}${tlsSection(received, query, text)}`;
  return { kind: 'page', title: text.reports.title, body };
}

function levelWords(level: string, { levels }: Words): string {
  return Object.hasOwn(levels, level) ? levels[level as keyof Words['levels']] : level;
}

function meaningOf(level: string, { meanings }: Words): string {
  return Object.hasOwn(meanings, level) ? meanings[level as keyof Words['meanings']] : meanings.tls;
}

function postureSection({ steps, total }: Posture, text: Catalogue): Html {
  const { reports: words } = text;
  const sum = Object.values(total).reduce((all, one) => all + one, 0);
  if (sum === 0) return section(words.posture, html`<p class="empty">${words.postureNone}</p>`);
  const levels = Object.keys(total).toSorted((a, b) => rank(a) - rank(b));
  const chart = barChart({
    title: words.postureChart,
    steps: steps.map(({ at }) => at.slice(0, 10)),
    series: levels.map((level) => ({
      label: levelWords(level, words),
      tone: LEVEL_TONES[level] ?? 'plain',
      values: steps.map(({ counts }) => counts[level] ?? 0),
    })),
    text,
  });
  const { columns } = words;
  const rows = levels.map((level) => ({ level, count: total[level] ?? 0 }));
  const share = (count: number): string => `${((count / sum) * 100).toFixed(1)} %`;
  return section(
    words.posture,
    html`<p class="quiet">${words.postureHint}</p>`,
    chart,
    table({
      caption: words.posture,
      empty: words.postureNone,
      rows,
      columns: [
        { title: columns.level, cell: ({ level }) => levelWords(level, words) },
        { title: columns.count, cell: ({ count }) => count, narrow: true },
        { title: columns.share, cell: ({ count }) => share(count), narrow: true },
        { title: columns.meaning, cell: ({ level }) => meaningOf(level, words) },
      ],
    }),
  );
}

function rank(level: string): number {
  const at = LEVELS.indexOf(level);
  return at === -1 ? LEVELS.length : at;
}

function endingsSection({ endings, missing }: Endings, { now, text, actor }: PageRequest): Html {
  const { reports: words } = text;
  const seesKeys = actor.permissions.has('key.read');
  const { endingColumns: columns } = words;
  return section(
    words.endings,
    missing.map((part) => notice('warn', html`<p>${words.missing[part]}</p>`)),
    html`<p class="quiet">${words.endingsHint}</p>`,
    table<Ending>({
      caption: words.endings,
      empty: words.endingsNone,
      rows: endings.slice(0, MAX_ENDINGS),
      columns: [
        { title: columns.when, cell: ({ until }) => time(until), narrow: true },
        { title: columns.left, cell: (row) => leftBadge(row, now, words), narrow: true },
        { title: columns.what, cell: ({ what }) => words.whats[what] },
        { title: columns.whose, cell: (row) => endingOwner(row, seesKeys ? 'linked' : 'named') },
        { title: columns.name, cell: ({ name }) => name },
      ],
    }),
  );
}

function leftBadge({ until }: Ending, now: Date, words: Words): Html {
  const days = daysUntil(until, now);
  const tone: Tone = days < 0 ? 'bad' : days <= SOON_DAYS ? 'warn' : 'plain';
  return badge(tone, words.left(days));
}

function tlsSection(page: TlsReportPage | null, query: URLSearchParams, text: Catalogue): Html {
  const { reports: words } = text;
  if (page === null) return section(words.tls, notice('warn', html`<p>${words.tlsAway}</p>`));
  return section(
    words.tls,
    html`<p class="quiet">${words.tlsHint}</p>`,
    table({
      caption: words.tls,
      empty: words.tlsNone,
      rows: page.reports,
      columns: reportColumns(words),
    }),
    pager({ path: '/reports', query, next: page.before, text }),
  );
}

function reportColumns(words: Words): readonly Column<ReceivedTlsReport>[] {
  const { tlsColumns: columns } = words;
  return [
    { title: columns.day, cell: ({ start }) => start.slice(0, 10), narrow: true },
    { title: columns.about, cell: ({ domain }) => domain, narrow: true },
    { title: columns.from, cell: ({ submitter }) => submitter, narrow: true },
    { title: columns.good, cell: ({ successes }) => successes, narrow: true },
    {
      title: columns.bad,
      cell: ({ failures }) => (failures === 0 ? '0' : badge('bad', String(failures))),
      narrow: true,
    },
    { title: columns.why, cell: (row) => failuresOf(row, words) },
  ];
}

function failuresOf({ details, failures }: ReceivedTlsReport, words: Words): Html {
  if (failures === 0) return html`${words.allGood}`;
  const rows = details.slice(0, MAX_DETAILS).map(({ result, mx, reason, sessions }) => {
    const at = mx === null ? null : ` ${words.at(mx)}`;
    return html`<li>${words.sessions(sessions)}: ${resultWords(result, words)}${at}${
      reason === null ? null : html` <span class="quiet">(${reason})</span>`
    }</li>`;
  });
  return html`<ul class="plain-list">${rows}</ul>`;
}

function resultWords(result: string, { results }: Words): string {
  return Object.hasOwn(results, result) ? results[result as keyof Words['results']] : result;
}

/** The page with reports: what ends, how mail left, what others report. */
export const reportPages: readonly Page[] = [
  { method: 'GET', path: '/reports', permission: 'report.read', answer: reportsPage },
];
