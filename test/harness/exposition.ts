import assert from 'node:assert/strict';

/** One family of the text format, read strictly. */
export interface Family {
  readonly type: string;
  readonly help: string;
  /** Values by series, `name{label="value"}`, as it stands. */
  readonly series: ReadonlyMap<string, number>;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABELS = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\n"])*"';
const SERIES = new RegExp(`^(${NAME})(\\{${LABELS}(?:,${LABELS})*\\})? (\\S+)$`);
const NUMBER = /^([+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|NaN|[+-]Inf)$/;

/**
 * Reads the text format 0.0.4 of Prometheus and fails at whatever it does not allow: a family told
 * twice or in pieces, a series twice, a sample without its TYPE, a histogram that does not add up.
 */
export function readExposition(text: string): ReadonlyMap<string, Family> {
  assert.ok(text.endsWith('\n'), 'the last line has a line feed');
  const families = new Map<string, Family & { series: Map<string, number> }>();
  let current = '';
  let help: readonly [string, string] | null = null;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') help = [name, rest];
    else if (keyword === 'TYPE') {
      assert.ok(!families.has(name), `${name} is told in pieces`);
      assert.match(rest, /^(counter|gauge|histogram)$/);
      assert.equal(help?.[0], name, `${name} has its HELP`);
      families.set(name, { type: rest, help: help?.[1] ?? '', series: new Map() });
      current = name;
    } else takeSample(line, current, families.get(current)?.series);
  }
  for (const [name, family] of families) if (family.type === 'histogram') checkSums(name, family);
  return families;
}

function takeSample(line: string, family: string, series: Map<string, number> | undefined): void {
  const [, name = '', labels = '', value = ''] = SERIES.exec(line) ?? [];
  assert.ok(name !== '' && series !== undefined, `no sample of a family: ${line}`);
  assert.match(value, NUMBER, line);
  const base = name.replace(/_(bucket|sum|count)$/, '');
  assert.ok(name === family || base === family, `${name} stands under ${family}`);
  const names = [...labels.matchAll(/([a-zA-Z_]+)="/g)].map((match) => match[1]);
  assert.equal(new Set(names).size, names.length, `a label twice: ${line}`);
  assert.ok(!series.has(name + labels), `a series twice: ${line}`);
  series.set(name + labels, Number(value));
}

function checkSums(name: string, { series }: Family): void {
  const last = new Map<string, number>();
  for (const [text, value] of series) {
    if (!text.startsWith(`${name}_bucket`)) continue;
    const key = text.replace(/,le="[^"]*"\}$/, '}').replace(/\{le="[^"]*"\}$/, '');
    assert.ok(value >= (last.get(key) ?? 0), `buckets of ${text} grow`);
    last.set(key, value);
  }
  assert.ok(last.size > 0, `${name} has buckets`);
  for (const [key, value] of last) {
    const count = series.get(key.replace('_bucket', '_count'));
    assert.equal(value, count, `the last bucket of ${key} is its count`);
  }
}
