import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { METRICS, type MetricRow, metricOf } from '@sallyport/log';
import { parse } from 'yaml';

const FILE = new URL('../../deploy/prometheus/sallyport-alerts.yml', import.meta.url);

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}

const { groups } = parse(readFileSync(FILE, 'utf8')) as {
  groups: readonly { rules: readonly Rule[] }[];
};
const rules = groups.flatMap((group) => group.rules);

test('alert rules name metrics that exist, and labels and values that these have', () => {
  assert.ok(rules.length > 10);
  for (const { alert, expr } of rules) {
    const used = [...expr.matchAll(/\b(sallyport_[a-z0-9_]+)(?:\{([^}]*)\})?/g)];
    for (const [, name = '', selector = ''] of used) {
      const metric = metricOf(name);
      assert.ok(metric, `${alert}: there is no ${name}`);
      const isPart = name !== metric.name;
      assert.equal(isPart, metric.row.type === 'histogram', `${alert}: ${name}`);
      for (const [, label = '', values = ''] of selector.matchAll(/(\w+)(?:=~|!=|=)"([^"]*)"/g)) {
        checkLabel(metric.row, { label, values, where: `${alert}: ${name}` });
      }
    }
  }
});

function checkLabel(
  row: MetricRow,
  { label, values, where }: { label: string; values: string; where: string },
): void {
  const known = row.labels[label];
  assert.ok(known !== undefined, `${where} has no label ${label}`);
  if (known === 'word') return;
  for (const value of values.split('|')) {
    assert.ok(known.includes(value), `${where}: ${label} is never ${value}`);
  }
}

test('every rule says what is so and what to do, by labels that its metric has', () => {
  for (const { alert, expr, annotations } of rules) {
    assert.match(annotations['summary'] ?? '', /\.$/, alert);
    assert.match(annotations['action'] ?? '', /\.$/, alert);
    const names = [...expr.matchAll(/sallyport_[a-z0-9_]+/g)].map(([name]) => name);
    const labels = names.flatMap((name) => Object.keys(metricOf(name)?.row.labels ?? {}));
    for (const [, label = ''] of (annotations['summary'] ?? '').matchAll(/\$labels\.(\w+)/g)) {
      assert.ok(['instance', ...labels].includes(label), `${alert}: ${label}`);
    }
  }
});

test('a rule over a metric that was renamed would be found', () => {
  assert.equal(metricOf('sallyport_queue_age_seconds'), null);
  assert.ok(Object.keys(METRICS).length > 20);
});
