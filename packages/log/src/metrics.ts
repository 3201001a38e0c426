import {
  type LabelsOf,
  METRICS,
  type MetricName,
  type MetricRow,
  type MetricServer,
  type NameOf,
} from './metric-catalogue.ts';

/** Series of one metric; what comes beyond is counted under the label value `other`. */
const MAX_SERIES = 200;
const OTHER = 'other';
const WORD = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** The series of a process by the text that Prometheus has for them, `name{label="value"}`. */
export type Samples = Readonly<Record<string, number>>;

interface Histogram {
  readonly bounds: readonly number[];
  readonly counts: number[];
  sum: number;
  count: number;
}

type Series =
  | { readonly kind: 'value'; value: number }
  | ({ readonly kind: 'histogram' } & Histogram);

/**
 * What one process counts: the metrics of the catalogue that it serves. Counting is a look into a
 * map; nothing is formatted before somebody collects. A label value that the catalogue does not
 * know becomes `other`, so that no stranger can make series.
 */
export class Metrics {
  readonly #families = new Map<
    string,
    { readonly row: MetricRow; readonly series: Map<string, Series> }
  >();

  constructor(server: MetricServer) {
    for (const [name, row] of Object.entries<MetricRow>(METRICS)) {
      if (!row.by.includes(server)) continue;
      this.#families.set(name, { row, series: new Map() });
      // A series that begins at 1 hides its first event from those who ask for an increase.
      for (const labels of closedLabels(row)) this.#seriesOf(name, labels);
    }
  }

  /** Counts. @throws Error if this process does not serve the metric. */
  add<Name extends NameOf<'counter'>>(name: Name, labels: LabelsOf<Name>, by = 1): void {
    const series = this.#seriesOf(name, labels);
    if (series.kind === 'value') series.value += by;
  }

  /** Says how much there is: of a gauge, or of a counter that somebody else counts. */
  set<Name extends NameOf<'gauge' | 'counter'>>(
    name: Name,
    labels: LabelsOf<Name>,
    value: number,
  ): void {
    const series = this.#seriesOf(name, labels);
    if (series.kind === 'value') series.value = value;
  }

  /** Forgets all series of a gauge: what is not said again is gone. */
  clear(name: NameOf<'gauge'>): void {
    this.#families.get(name)?.series.clear();
  }

  /** Adds one duration, in seconds. */
  observe<Name extends NameOf<'histogram'>>(
    name: Name,
    labels: LabelsOf<Name>,
    seconds: number,
  ): void {
    const series = this.#seriesOf(name, labels);
    if (series.kind !== 'histogram') return;
    const at = series.bounds.findIndex((bound) => seconds <= bound);
    if (at >= 0) series.counts[at] = (series.counts[at] ?? 0) + 1;
    series.sum += seconds;
    series.count += 1;
  }

  /** All that was counted. Histograms are told as Prometheus has them: `_bucket`, `_sum`, `_count`. */
  samples(): Samples {
    const samples: Record<string, number> = {};
    for (const [name, { series }] of this.#families) {
      for (const [labels, one] of series) {
        if (one.kind === 'value') samples[seriesText(name, labels)] = one.value;
        else tellHistogram(samples, { name, labels, one });
      }
    }
    return samples;
  }

  #seriesOf(name: string, labels: Readonly<Record<string, string>>): Series {
    const family = this.#families.get(name);
    if (family === undefined) throw new Error(`${name} is no metric of this process`);
    const { row, series } = family;
    const key = labelText(row, labels);
    const known = series.get(key);
    if (known !== undefined) return known;
    if (series.size < MAX_SERIES) return begin(series, key, row);
    const rest = labelText(row, {});
    return series.get(rest) ?? begin(series, rest, row);
  }
}

function begin(
  series: Map<string, Series>,
  key: string,
  { type, buckets = [] }: MetricRow,
): Series {
  const made: Series =
    type === 'histogram'
      ? { kind: 'histogram', bounds: buckets, counts: buckets.map(() => 0), sum: 0, count: 0 }
      : { kind: 'value', value: 0 };
  series.set(key, made);
  return made;
}

/** Every combination of label values of a counter or histogram that has closed lists only. */
function closedLabels({ type, labels }: MetricRow): Record<string, string>[] {
  let all: Record<string, string>[] = [{}];
  for (const [label, values] of Object.entries(labels)) {
    if (values === 'word' || type === 'gauge') return [];
    all = all.flatMap((one) => values.map((value) => ({ ...one, [label]: value })));
  }
  return type === 'gauge' || all.length > MAX_SERIES ? [] : all;
}

// The values are words of the catalogue or match WORD: nothing in them needs to be escaped.
function labelText(row: MetricRow, labels: Readonly<Record<string, string>>): string {
  let text = '';
  for (const label in row.labels) {
    const allowed = row.labels[label];
    const value = labels[label] ?? OTHER;
    const isKnown = allowed === 'word' ? WORD.test(value) : allowed?.includes(value) === true;
    text += `${text === '' ? '' : ','}${label}="${isKnown ? value : OTHER}"`;
  }
  return text;
}

function seriesText(name: string, labels: string): string {
  return labels === '' ? name : `${name}{${labels}}`;
}

function tellHistogram(
  samples: Record<string, number>,
  of: { readonly name: string; readonly labels: string; readonly one: Histogram },
): void {
  const { name, labels, one } = of;
  const before = labels === '' ? '' : `${labels},`;
  let total = 0;
  for (const [at, bound] of one.bounds.entries()) {
    total += one.counts[at] ?? 0;
    samples[`${name}_bucket{${before}le="${bound}"}`] = total;
  }
  samples[`${name}_bucket{${before}le="+Inf"}`] = one.count;
  samples[seriesText(`${name}_sum`, labels)] = one.sum;
  samples[seriesText(`${name}_count`, labels)] = one.count;
}

/** The row of a metric, or of the histogram that a series is part of; null for a stranger's name. */
export function metricOf(
  series: string,
): { readonly name: MetricName; readonly row: MetricRow } | null {
  const [text = ''] = series.split('{', 1);
  for (const name of [text, text.replace(/_(bucket|sum|count)$/, '')]) {
    if (isMetricName(name)) return { name, row: METRICS[name] };
  }
  return null;
}

function isMetricName(name: string): name is MetricName {
  return Object.hasOwn(METRICS, name);
}
