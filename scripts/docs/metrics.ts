import { formatHead, formatTable } from './table.ts';

/** One metric as the page shows it. */
export interface MetricRow {
  readonly type: string;
  readonly help: string;
  readonly by: readonly string[];
  readonly labels: Readonly<Record<string, readonly string[] | 'word'>>;
}

/** The page of metrics. */
export function formatMetrics(
  metrics: Readonly<Record<string, MetricRow>>,
  servers: readonly string[],
): string {
  const labels = (row: MetricRow): string =>
    Object.entries(row.labels)
      .map(
        ([label, values]) => `\`${label}\`: ${values === 'word' ? 'a fault' : values.join(', ')}`,
      )
      .join('; ');
  const by = (row: MetricRow): string =>
    row.by.length === servers.length ? 'all' : row.by.join(', ');
  return [
    ...formatHead('Metrics', 'packages/log'),
    'What `GET /metrics` of the monitor answers, in the text format 0.0.4 of Prometheus. Every series has',
    'the label `role`: the process that serves it. Labels are closed lists or faults of the catalogue;',
    'what does not fit is `other`. No label holds an address, a domain or the name of a partner.',
    'Histograms have `_bucket`, `_sum` and `_count`. Counters begin at zero with each start of a process.',
    '',
    'Alert rules over these names: `deploy/prometheus/sallyport-alerts.yml`.',
    '',
    ...formatTable(
      ['metric', 'type', 'labels', 'served by', 'what it says'],
      Object.entries(metrics).map(([name, row]) => [
        `\`${name}\``,
        row.type,
        labels(row),
        by(row),
        row.help,
      ]),
    ),
    '',
  ].join('\n');
}
