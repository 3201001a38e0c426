import type { CountedStep } from '@sallyport/audit-index';
import { FAULTS, isFaultId } from '@sallyport/faults';
import type { Ending, NowView, WaitingCount } from '../desk/now.ts';
import type { PartState } from '../desk/parts-state.ts';
import { type Html, html } from '../html.ts';
import { forwardPaths, wordOf } from './mail-parts.ts';
import type { Page, PageRequest } from './page.ts';
import { badge, barChart, facts, type Series, section, type Tone, table, time } from './parts.ts';
import { awayNotices } from './queue-parts.ts';

const MAX_SERIES = 4;

const now: Page = {
  method: 'GET',
  path: '/',
  permission: 'now.read',
  answer: async (request) => {
    const { desk, actor, text } = request;
    const view = await desk.now.now(actor);
    return {
      kind: 'page',
      title: text.now.title,
      body: html`<div data-live><div class="cards halves">${flowOf(view, request)}${decideOf(view, request)}${waitsOf(view, request)}${endsOf(view, request)}</div>${chartsOf(view, request)}${partsOf(view.parts, request)}</div>`,
    };
  },
};

const FLOW_TONES: Readonly<Record<NowView['flow']['state'], Tone>> = {
  flows: 'good',
  quiet: 'plain',
  stuck: 'warn',
  trouble: 'bad',
};

function flowOf({ flow }: NowView, { text }: PageRequest): Html {
  const { now: words } = text;
  const at = (found: string | null) => (found === null ? words.never : time(found));
  const { latencies } = flow;
  const seconds = (ms: number): string => words.seconds((ms / 1_000).toFixed(1));
  return section(
    words.flow,
    html`<p class="${FLOW_TONES[flow.state]}"><strong>${words.flowStates[flow.state]}</strong></p>`,
    facts([
      [words.lastAccepted, at(flow.lastAccepted)],
      [words.lastRelayed, at(flow.lastRelayed)],
      [words.lastHour, words.rate(flow.acceptedLastHour, flow.relayedLastHour)],
      [
        words.latency,
        latencies === null
          ? words.latencyNone
          : words.latencyOf(seconds(latencies.p50Ms), seconds(latencies.p99Ms)),
      ],
    ]),
  );
}

function decideOf(view: NowView, request: PageRequest): Html {
  const { now: words } = request.text;
  const { held, proposed, keyChanges } = view;
  const parts = [
    heldOf(held, request),
    proposed.length === 0
      ? null
      : html`<h3>${words.proposed}</h3><ul>${proposed.map(
          ({ version, state }) =>
            html`<li><a href="/policy/${version}">${words.version(version)}</a> ${wordOf(words.versionStates, state)}</li>`,
        )}</ul>`,
    keyChanges.length === 0
      ? null
      : html`<h3>${words.keyChanges}</h3><ul>${keyChanges.map(
          ({ domain, direction, time: at }) =>
            html`<li>${words.keyChange(domain, direction)} ${time(at)}</li>`,
        )}</ul>`,
  ];
  const isNothing = parts.every((part) => part === null);
  return section(words.decide, isNothing ? html`<p class="empty">${words.decideNone}</p>` : parts);
}

/** Who may look into hold gets there at once; everybody else to what the log says. */
function heldOf(
  { total, more, entries }: NowView['held'],
  { text, actor }: PageRequest,
): Html | null {
  const { now: words } = text;
  if (total === 0) return null;
  const all = actor.permissions.has('hold.read')
    ? '/hold'
    : actor.permissions.has('message.read')
      ? '/messages?outcome=held'
      : null;
  const number = html`<span class="number">${words.heldTotal(total, more)}</span>`;
  return html`<h3>${words.held}</h3><p>${all === null ? number : html`<a href="${all}">${number}</a>`}</p><ul>${entries.map(
    ({ id, forwardPaths: paths, sentence }) =>
      html`<li><a href="/hold/${id}">${words.to(paths[0] ?? '')}</a><br><span class="quiet">${sentence}</span></li>`,
  )}</ul>`;
}

function waitsOf({ queue }: NowView, { text, actor }: PageRequest): Html {
  const { now: words } = text;
  const { counts, total, oldest, more, away, stopped } = queue;
  const number = html`<span class="number">${words.waitsTotal(total, more)}</span>`;
  const link = actor.permissions.has('queue.read') ? html`<a href="/queue">${number}</a>` : number;
  const rows = table<WaitingCount>({
    caption: words.waitsCaption,
    empty: words.waitsNone,
    rows: counts,
    columns: [
      { title: words.state, cell: ({ state }) => text.queue.states[state] },
      { title: words.reason, cell: ({ reason }) => reasonOf(reason, words.noReason) },
      { title: words.count, narrow: true, cell: ({ count }) => count },
    ],
  });
  return section(
    words.waits,
    total === 0 ? null : html`<p>${link}</p>`,
    rows,
    oldest === null
      ? null
      : facts([
          [
            words.oldest,
            html`${forwardPaths(oldest.forwardPaths, text, 1)} ${words.waitsSince} ${time(oldest.createdAt)}: ${oldest.sentence}`,
          ],
        ]),
    stopped.length === 0 ? null : html`<p>${words.stopped} ${stopped.join(', ')}</p>`,
    away.length === 0 ? null : awayNotices(away, text),
  );
}

function reasonOf(reason: string, none: string): string {
  if (reason === 'none') return none;
  return isFaultId(reason) ? FAULTS[reason].text : reason;
}

function endsOf({ endings, keysKnown }: NowView, { text, actor }: PageRequest): Html {
  const { now: words } = text;
  const linkOf = ({ what, name }: Ending): Html | string => {
    const permission = what === 'key' ? 'key.read' : 'partner.read';
    const folder = what === 'key' ? 'keys' : 'partners';
    if (!actor.permissions.has(permission)) return name;
    return html`<a href="/${folder}/${encodeURIComponent(name)}">${name}</a>`;
  };
  return section(
    words.ends,
    keysKnown ? null : html`<p>${badge('bad', words.endsUnknown)}</p>`,
    table<Ending>({
      caption: words.endsCaption,
      empty: keysKnown ? words.endsNone : words.endsNoAgreement,
      rows: endings,
      columns: [
        { title: words.what, cell: ({ what }) => words.endings[what] },
        { title: words.name, cell: linkOf },
        { title: words.when, narrow: true, cell: ({ at }) => time(at) },
        {
          title: words.left,
          narrow: true,
          cell: ({ daysLeft }) => badge(daysLeft < 8 ? 'bad' : 'warn', words.daysLeft(daysLeft)),
        },
      ],
    }),
  );
}

function chartsOf({ flow }: NowView, request: PageRequest): Html {
  const { text } = request;
  const { now: words, messages } = text;
  return section(
    words.charts,
    html`<div class="cards">${chartOf(words.outcomes, flow.outcomes, (name) => wordOf(messages.outcomes, name), request)}${chartOf(
      words.tls,
      flow.tls,
      (name) => (name === 'clear' ? words.tlsClear : name),
      request,
    )}</div>`,
  );
}

const TONES: Readonly<Record<string, Series['tone']>> = {
  relayed: 'good',
  held: 'warn',
  refused: 'bad',
  waiting: 'plain',
  clear: 'warn',
};
const FREE_TONES = ['one', 'two', 'three', 'four'] as const;

/** The four most frequent with a tone each, the others together. */
function chartOf(
  title: string,
  steps: readonly CountedStep[],
  wordFor: (name: string) => string,
  { text }: PageRequest,
): Html {
  const totals = new Map<string, number>();
  for (const { counts } of steps) {
    for (const [name, count] of Object.entries(counts)) {
      totals.set(name, (totals.get(name) ?? 0) + count);
    }
  }
  if (totals.size === 0) return html`<p class="empty">${title}: ${text.now.chartNone}</p>`;
  const names = [...totals].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  const shown = names.slice(0, MAX_SERIES);
  const rest = names.slice(MAX_SERIES);
  const valuesOf = (of: readonly string[]): number[] =>
    steps.map(({ counts }) => of.reduce((sum, name) => sum + (counts[name] ?? 0), 0));
  const series: Series[] = shown.map((name, at) => ({
    label: wordFor(name),
    tone: TONES[name] ?? FREE_TONES[at] ?? 'plain',
    values: valuesOf([name]),
  }));
  if (rest.length > 0)
    series.push({ label: text.now.others, tone: 'plain', values: valuesOf(rest) });
  return barChart({ title, steps: steps.map(({ at }) => at), series, text });
}

const PART_TONES: Readonly<Record<PartState['state'], Tone>> = {
  works: 'good',
  trouble: 'bad',
  away: 'bad',
};

function partsOf(parts: readonly PartState[], { text }: PageRequest): Html {
  const { now: words } = text;
  return section(
    words.parts,
    table<PartState>({
      caption: words.partsCaption,
      empty: words.partsNone,
      rows: parts,
      columns: [
        { title: words.part, cell: ({ role }) => role },
        {
          title: words.state,
          cell: ({ state }) => badge(PART_TONES[state], words.partStates[state]),
        },
        { title: words.says, cell: ({ sentence }) => sentence },
      ],
    }),
  );
}

export const nowPages: readonly Page[] = [now];
