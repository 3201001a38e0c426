import { type Html, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import { type Column, type Tone, table } from './parts.ts';

export interface Series {
  readonly label: string;
  readonly tone: Tone | 'one' | 'two' | 'three' | 'four';
  readonly values: readonly number[];
}

interface Chart {
  readonly title: string;
  /** Start of each step: a time or a day. */
  readonly steps: readonly string[];
  readonly series: readonly Series[];
  /** Bars stand side by side: for numbers whose sum says nothing. */
  readonly isBeside?: boolean;
  readonly text: Catalogue;
}

const WIDTH = 320;
const HEIGHT = 80;

/**
 * Small bars, stacked or side by side, with the greatest of them and the times beside them; below, the
 * same numbers as a table: neither colour nor eyes are needed.
 */
export function barChart(of: Chart): Html {
  const { title, steps, series, isBeside = false, text } = of;
  const heights = steps.map((_, at) => {
    const values = series.map((one) => one.values[at] ?? 0);
    return isBeside ? Math.max(0, ...values) : sumOf(values);
  });
  const most = Math.max(1, ...heights);
  const legend = series.map(({ label, tone, values }) => {
    const words = isBeside
      ? text.parts.chartMost(label, Math.max(0, ...values))
      : text.parts.chartTotal(label, sumOf(values));
    return html`<li><span class="swatch ${tone}"></span>${words}</li>`;
  });
  const times = [steps.at(0), steps.at(-1)].map(
    (step) => html`<span>${labelOf(step ?? '')}</span>`,
  );
  return html`<figure class="chart"><figcaption>${title}</figcaption><div class="plot" aria-hidden="true"><div class="scale"><span>${most}</span><span>0</span></div><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none">${barsOf(of, most)}</svg><div class="times">${times}</div></div><ul class="legend">${legend}</ul><details><summary>${text.parts.chartTable}</summary>${numbersOf(of, heights)}</details></figure>`;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function barsOf(
  { steps, series, isBeside = false }: Chart,
  most: number,
): readonly (Html | null)[] {
  const step = WIDTH / Math.max(1, steps.length);
  const width = isBeside ? (step - 1) / Math.max(1, series.length) : step - 1;
  return steps.flatMap((time, at) => {
    let top = HEIGHT;
    return series.map(({ tone, values, label }, n) => {
      const value = values[at] ?? 0;
      const height = (value / most) * HEIGHT;
      if (height === 0) return null;
      top = (isBeside ? HEIGHT : top) - height;
      const x = at * step + 0.5 + (isBeside ? n * width : 0);
      return html`<rect class="${tone}" x="${x.toFixed(2)}" y="${top.toFixed(2)}" width="${Math.max(0.5, width).toFixed(2)}" height="${height.toFixed(2)}"><title>${labelOf(time)} ${label}: ${value}</title></rect>`;
    });
  });
}

/** The steps in which something was. */
function numbersOf({ title, steps, series, text }: Chart, heights: readonly number[]): Html {
  const columns: Column<number>[] = [
    { title: text.parts.chartStep, narrow: true, cell: (at) => labelOf(steps[at] ?? '') },
    ...series.map(({ label, values }) => ({
      title: label,
      cell: (at: number) => values[at] ?? 0,
    })),
  ];
  const rows = [...steps.keys()].filter((at) => heights[at] !== 0);
  return table({ caption: title, empty: text.parts.none, columns, rows });
}

/** A day as it is, a time in UTC to the minute. */
function labelOf(step: string): string {
  const [day = '', clock] = step.split('T');
  return clock === undefined ? day : `${day} ${clock.slice(0, 5)} UTC`;
}
