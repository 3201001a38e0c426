import { FAULTS, isFaultId } from '@sallyport/faults';
import type { EndingSoon, NowView, WaitingCount } from '../desk/now.ts';
import type { PartState } from '../desk/parts-state.ts';
import { type Html, html } from '../html.ts';
import { endingOwner } from './ending-owner.ts';
import { forwardPaths, wordOf } from './mail-parts.ts';
import { nowCharts } from './now-charts.ts';
import type { Page, PageRequest } from './page.ts';
import { badge, facts, section, type Tone, table, time } from './parts.ts';
import { awayNotices } from './queue-parts.ts';

const MAX_ENDINGS = 10;

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
      body: html`<div data-live><div class="cards halves">${flowOf(view, request)}${decideOf(view, request)}${waitsOf(view, request)}${endsOf(view, request)}</div>${nowCharts(view.flow, request)}${partsOf(view.parts, request)}</div>`,
    };
  },
};

const FLOW_TONES: Readonly<Record<NowView['flow']['state'], Tone>> = {
  flows: 'good',
  quiet: 'plain',
  stuck: 'warn',
  ended: 'plain',
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
    ({ id, forwardPaths: paths, sentence, expiresAt }) =>
      html`<li><a href="/hold/${id}">${words.to(paths[0] ?? '')}</a><br><span class="quiet">${sentence}</span>${
        expiresAt === undefined ? null : html` ${words.heldUntil} ${time(expiresAt)}`
      }</li>`,
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
    more ? html`<p class="hint">${words.waitsCounted(total)}</p>` : null,
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

function endsOf({ endings, endingsMissing }: NowView, { text, actor }: PageRequest): Html {
  const { now: words, reports } = text;
  const seesKeys = actor.permissions.has('key.read');
  const more = endings.length - MAX_ENDINGS;
  return section(
    words.ends,
    endingsMissing.map((part) => html`<p>${badge('bad', reports.missing[part])}</p>`),
    table<EndingSoon>({
      caption: words.endsCaption,
      empty: endingsMissing.length === 0 ? words.endsNone : words.endsNoneKnown,
      rows: endings.slice(0, MAX_ENDINGS),
      columns: [
        { title: words.what, cell: ({ what }) => reports.whats[what] },
        { title: words.name, cell: (row) => endingOwner(row, seesKeys ? 'linked' : 'named') },
        { title: words.when, narrow: true, cell: ({ until }) => time(until) },
        {
          title: words.left,
          narrow: true,
          cell: ({ daysLeft }) => badge(daysLeft < 8 ? 'bad' : 'warn', reports.left(daysLeft)),
        },
      ],
    }),
    actor.permissions.has('report.read')
      ? html`<p><a href="/reports">${more > 0 ? words.endsMore(more) : words.endsAll}</a></p>`
      : null,
  );
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
