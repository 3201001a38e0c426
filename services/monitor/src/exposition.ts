import { METRICS, type MetricName, type MetricRow, metricOf, type Samples } from '@sallyport/log';

/** What of one process goes into the answer. */
export interface Exposed {
  readonly role: string;
  readonly samples: Samples;
}

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * The metrics of all processes in the text format 0.0.4 of Prometheus, each series with its `role`.
 * What is no row of the catalogue, or not of that process, is left out.
 */
export function formatExposition(exposed: readonly Exposed[]): string {
  const lines = new Map<MetricName, string[]>();
  for (const { role, samples } of exposed) {
    for (const [series, value] of Object.entries(samples)) {
      const metric = metricOf(series);
      if (metric === null || !servedBy(metric.row, role)) continue;
      const found = lines.get(metric.name) ?? [];
      found.push(`${withRole(series, role)} ${value}`);
      lines.set(metric.name, found);
    }
  }
  // A family stands together, whoever serves it: the format wants that.
  const families = Object.keys(METRICS).flatMap((name) => familyOf(name, lines));
  return `${families.join('\n')}\n`;
}

function familyOf(name: string, lines: ReadonlyMap<MetricName, readonly string[]>): string[] {
  const metric = metricOf(name);
  const found = metric === null ? undefined : lines.get(metric.name);
  if (metric === null || found === undefined) return [];
  const { help, type } = metric.row;
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...found];
}

function servedBy({ by }: MetricRow, role: string): boolean {
  return by.includes(role);
}

function withRole(series: string, role: string): string {
  const at = series.indexOf('{');
  const [name, rest] = at < 0 ? [series, '}'] : [series.slice(0, at), `,${series.slice(at + 1)}`];
  return `${name}{role="${role}"${rest}`;
}
