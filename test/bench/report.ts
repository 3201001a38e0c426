import { readFile, writeFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { run } from '../harness/process.ts';
import type { Latency } from './latency.ts';
import type { Round } from './measure.ts';
import type { System } from './system.ts';

const PAGE = new URL('../../docs/performance.md', import.meta.url);

/** Two lines of the page; a bench writes what stands between them. */
export interface Marks {
  readonly begin: string;
  readonly end: string;
}

const GATEWAY_MARKS: Marks = {
  begin: '<!-- bench: written by npm run bench -->',
  end: '<!-- bench: end -->',
};

export const CMS_MARKS: Marks = {
  begin: '<!-- bench:cms: written by npm run bench:cms -->',
  end: '<!-- bench:cms: end -->',
};

/** All rounds of one system. */
export interface Measured {
  readonly system: System;
  readonly rounds: readonly Round[];
  readonly latency: Latency | null;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = 0, high = 0] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[middle]];
  return (low + high) / 2;
}

/** The table, the machine and how it was run, as Markdown. */
export async function formatReport(all: readonly Measured[], command: string): Promise<string> {
  const rateOf = (one: Measured | undefined): number =>
    one === undefined ? Number.NaN : median(one.rounds.map((round) => round.perSecond));
  const named = (name: string): number => rateOf(all.find(({ system }) => system.name === name));
  const ratio = (rate: number, base: number): string =>
    Number.isNaN(base) ? '-' : `${(rate / base).toFixed(2)}`;
  const rows = all.map((one) => {
    const rates = one.rounds.map((round) => round.perSecond);
    const rate = rateOf(one);
    const range = `${Math.min(...rates).toFixed(0)}-${Math.max(...rates).toFixed(0)}`;
    const accepted = median(one.rounds.map((round) => round.acceptedPerSecond)).toFixed(0);
    const latency =
      one.latency === null
        ? '-'
        : `${one.latency.p50.toFixed(0)} / ${one.latency.p99.toFixed(0)} ms`;
    const { title } = one.system;
    return `| ${title} | **${rate.toFixed(0)}** (${range}) | ${ratio(rate, named('pipe'))} | ${ratio(rate, named('relay'))} | ${accepted} | ${latency} |`;
  });
  return [
    `Command: \`${command}\`, ${new Date().toISOString().slice(0, 10)}, ${all[0]?.rounds.length ?? 0} interleaved rounds; median (range).`,
    '',
    await machine(),
    '',
    '| system | messages/s | to the pipe | to the relay | accepted/s | accepted to relayed, p50 / p99 |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    ...cpuTable(all),
  ].join('\n');
}

function cpuTable(all: readonly Measured[]): string[] {
  const known = all.filter(({ rounds }) => (rounds[0]?.cpuMicros.size ?? 0) > 0);
  const names = [
    ...new Set(known.flatMap(({ rounds }) => [...(rounds[0]?.cpuMicros.keys() ?? [])])),
  ];
  if (names.length === 0) return [];
  const cells = ({ rounds }: Measured): number[] =>
    names.map((name) => median(rounds.map((round) => round.cpuMicros.get(name) ?? 0)));
  return [
    'Processor time of each process, in microseconds for a message (median):',
    '',
    `| profile | ${names.join(' | ')} | all |`,
    `|---|${names.map(() => '---|').join('')}---|`,
    ...known.map((one) => {
      const values = cells(one);
      const sum = values.reduce((total, value) => total + value, 0);
      return `| ${one.system.name} | ${values.map((value) => value.toFixed(0)).join(' | ')} | ${sum.toFixed(0)} |`;
    }),
  ];
}

async function firstLine(command: string, ...args: string[]): Promise<string> {
  return (await run(command, args)).stdout.toString('utf8').split('\n')[0]?.trim() ?? '';
}

/** The machine and the two OpenSSLs, in one sentence. */
export async function machineLine(): Promise<string> {
  const cores = cpus();
  const gib = Math.round(totalmem() / 1024 ** 3);
  const { node, openssl: own } = process.versions;
  return `Machine: ${cores.length} cores (${cores[0]?.model.trim()}), ${gib} GiB, Linux ${release()}; Node ${node} (OpenSSL ${own}), ${await firstLine('openssl', 'version')}`;
}

async function machine(): Promise<string> {
  const postfix = await firstLine('postconf', '-d', '-h', 'mail_version');
  return `${await machineLine()}, Postfix ${postfix}. Load generator and sink run on the same cores.`;
}

/** Puts the report between the markers of the page; all else on it stays. */
export async function writeReport(report: string, marks = GATEWAY_MARKS): Promise<void> {
  const path = fileURLToPath(PAGE);
  const page = await readFile(path, 'utf8');
  const [begin, end] = [page.indexOf(marks.begin), page.indexOf(marks.end)];
  if (begin === -1 || end < begin) throw new Error('docs/performance.md has lost its markers');
  await writeFile(
    path,
    `${page.slice(0, begin + marks.begin.length)}\n\n${report}\n\n${page.slice(end)}`,
  );
}
