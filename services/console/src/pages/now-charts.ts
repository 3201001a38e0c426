import type { CountedStep } from '@sallyport/audit-index';
import type { LatencyStep, NowView } from '../desk/now.ts';
import { type Html, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import { barChart, type Series } from './chart.ts';
import { wordOf } from './mail-parts.ts';
import type { PageRequest } from './page.ts';
import { section } from './parts.ts';

const MAX_SERIES = 6;

/** How much goes through, how fast, what becomes of it, and over which TLS. */
export function nowCharts(flow: NowView['flow'], { text }: PageRequest): Html {
  const { now: words, messages } = text;
  const outcomeOf = (name: string): string => wordOf(messages.outcomes, name);
  const levelOf = (name: string): string => (name === 'clear' ? words.tlsClear : name);
  return section(
    words.charts,
    html`<div class="cards halves">${rateChart(flow.rate, text)}${latencyChart(flow.latencySteps, text)}${chartOf(words.outcomes, flow.outcomes, outcomeOf, text)}${chartOf(words.tls, flow.tls, levelOf, text)}</div>`,
  );
}

function nothingIn(title: string, { now }: Catalogue): Html {
  return html`<p class="empty">${title}: ${now.chartNone}</p>`;
}

function rateChart(rate: readonly CountedStep[], text: Catalogue): Html {
  const { now: words } = text;
  const valuesOf = (name: string): number[] => rate.map(({ counts }) => counts[name] ?? 0);
  const [accepted, relayed] = [valuesOf('accepted'), valuesOf('relayed')];
  if ([...accepted, ...relayed].every((value) => value === 0))
    return nothingIn(words.rateChart, text);
  return barChart({
    title: words.rateChart,
    isBeside: true,
    steps: rate.map(({ at }) => at),
    series: [
      { label: words.accepted, tone: 'two', values: accepted },
      { label: words.relayed, tone: 'good', values: relayed },
    ],
    text,
  });
}

function latencyChart(hours: readonly LatencyStep[], text: Catalogue): Html {
  const { now: words } = text;
  if (hours.every(({ latencies }) => latencies === null))
    return nothingIn(words.latencyChart, text);
  const secondsOf = (ms = 0): number => Math.round(ms / 100) / 10;
  return barChart({
    title: words.latencyChart,
    isBeside: true,
    steps: hours.map(({ at }) => at),
    series: [
      {
        label: words.latencyHalf,
        tone: 'one',
        values: hours.map(({ latencies }) => secondsOf(latencies?.p50Ms)),
      },
      {
        label: words.latencyMost,
        tone: 'three',
        values: hours.map(({ latencies }) => secondsOf(latencies?.p99Ms)),
      },
    ],
    text,
  });
}

const TONES: Readonly<Record<string, Series['tone']>> = {
  relayed: 'good',
  held: 'warn',
  refused: 'bad',
  waiting: 'plain',
  failed: 'three',
  expired: 'four',
  dropped: 'two',
  clear: 'warn',
};
const FREE_TONES = ['one', 'two', 'three', 'four'] as const;

/** The most frequent with a tone each, the others together. */
function chartOf(
  title: string,
  steps: readonly CountedStep[],
  wordFor: (name: string) => string,
  text: Catalogue,
): Html {
  const totals = new Map<string, number>();
  for (const { counts } of steps) {
    for (const [name, count] of Object.entries(counts)) {
      totals.set(name, (totals.get(name) ?? 0) + count);
    }
  }
  if (totals.size === 0) return nothingIn(title, text);
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
  if (rest.length > 0) series.push({ label: text.now.others, tone: 'one', values: valuesOf(rest) });
  return barChart({ title, steps: steps.map(({ at }) => at), series, text });
}
