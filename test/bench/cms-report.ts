import type { ContestantName, Cost } from './cms-contestant.ts';
import type { KeyName } from './cms-keys.ts';
import { machineLine, median } from './report.ts';

export type Op = 'protect' | 'open';
export type Cipher = 'aes-256-cbc' | 'id-aes256-GCM';

/** One line of the table. */
export interface Cell {
  readonly key: KeyName;
  readonly cipher: Cipher;
  readonly op: Op;
  readonly sizeBytes: number;
}

export interface MeasuredCell extends Cell {
  readonly rounds: Readonly<Record<ContestantName, readonly Cost[]>>;
}

export interface Scaling {
  readonly key: KeyName;
  readonly name: ContestantName;
  /** Messages a second: one process, and two at once together. */
  readonly one: readonly number[];
  readonly two: readonly number[];
}

/** Peak memory of a fresh process over one message, from file to file. */
export interface Memory {
  readonly op: Op;
  readonly cipher: Cipher;
  readonly smallBytes: number;
  readonly largeBytes: number;
}

export interface CmsResults {
  readonly cells: readonly MeasuredCell[];
  readonly scaling: readonly Scaling[];
  readonly memory: readonly Memory[];
  /** Of the machine before the first run: what others did at the same time. */
  readonly loadAverage: number;
}

const KIB = 1_024;
const MIB = KIB * KIB;

export function sizeName(sizeBytes: number): string {
  return sizeBytes < MIB ? `${sizeBytes / KIB} KB` : `${sizeBytes / MIB} MB`;
}

function cpuOf(cell: MeasuredCell, name: ContestantName): number {
  return median(cell.rounds[name].map(({ cpuMicros }) => cpuMicros));
}

/** Our rate over theirs: of processor time, so that a neighbour on the machine counts less. */
function ratio(cell: MeasuredCell, peer: ContestantName): number {
  return cpuOf(cell, peer) / cpuOf(cell, 'ours');
}

function micros(value: number): string {
  return value < 10_000 ? `${value.toFixed(0)} us` : `${(value / 1_000).toFixed(1)} ms`;
}

const KEY_TITLE: Readonly<Record<KeyName, string>> = {
  rsa2048: 'RSA-2048',
  rsa3072: 'RSA-3072',
  p256: 'P-256',
};
const OP_TITLE: Readonly<Record<Op, string>> = {
  protect: 'sign + encrypt',
  open: 'decrypt + verify',
};

function cipherTitle(cipher: Cipher): string {
  return cipher === 'aes-256-cbc' ? 'CBC' : 'GCM';
}

function cellRow(cell: MeasuredCell): string {
  const what = [
    KEY_TITLE[cell.key],
    cipherTitle(cell.cipher),
    OP_TITLE[cell.op],
    sizeName(cell.sizeBytes),
  ];
  const cpu = (['ours', 'c30', 'c35'] as const).map((name) => micros(cpuOf(cell, name)));
  const ratios = (['c30', 'c35'] as const).map((name) => `**${ratio(cell, name).toFixed(2)}**`);
  return `| ${[...what, ...cpu, ...ratios].join(' | ')} |`;
}

interface Goal {
  readonly id: string;
  readonly text: string;
  readonly wanted: number;
  readonly covers: (cell: Cell) => boolean;
}

const SMALL = 10 * KIB;
const GOALS: readonly Goal[] = [
  {
    id: 'G1',
    text: 'sign + encrypt 10 KB, RSA-2048',
    wanted: 0.8,
    covers: ({ key, op, sizeBytes }) =>
      key === 'rsa2048' && op === 'protect' && sizeBytes === SMALL,
  },
  {
    id: 'G2',
    text: 'the same at 1 MB and more',
    wanted: 1.5,
    covers: ({ key, op, sizeBytes }) => key === 'rsa2048' && op === 'protect' && sizeBytes >= MIB,
  },
  {
    id: 'G3',
    text: 'decrypt + verify with the path, 10 KB',
    wanted: 0.9,
    covers: ({ key, op, sizeBytes }) => key === 'rsa2048' && op === 'open' && sizeBytes === SMALL,
  },
  {
    id: 'G3',
    text: 'the same at 1 MB and more',
    wanted: 4,
    covers: ({ key, op, sizeBytes }) => key === 'rsa2048' && op === 'open' && sizeBytes >= MIB,
  },
  {
    id: 'G4',
    text: 'sign + encrypt 10 KB, P-256',
    wanted: 0.7,
    covers: ({ key, op, sizeBytes }) => key === 'p256' && op === 'protect' && sizeBytes === SMALL,
  },
  {
    id: 'G4',
    text: 'decrypt + verify 10 KB, P-256',
    wanted: 0.7,
    covers: ({ key, op, sizeBytes }) => key === 'p256' && op === 'open' && sizeBytes === SMALL,
  },
];

/** The worst cell that a goal covers decides. */
function goalRow(goal: Goal, cells: readonly MeasuredCell[]): string[] {
  const covered = cells.filter(goal.covers);
  if (covered.length === 0) return [];
  const worst = (peer: ContestantName): number =>
    Math.min(...covered.map((cell) => ratio(cell, peer)));
  const [c30, c35] = [worst('c30'), worst('c35')];
  const word = (value: number): string => (value >= goal.wanted ? 'met' : 'not met');
  return [
    `| ${goal.id} | ${goal.text} | ${goal.wanted.toFixed(2)} | ${c30.toFixed(2)}, ${word(c30)} | ${c35.toFixed(2)}, ${word(c35)} |`,
  ];
}

function scalingRows(scaling: readonly Scaling[]): string[] {
  return scaling.map(({ key, name, one, two }) => {
    const [single, both] = [median(one), median(two)];
    const who = name === 'ours' ? 'this engine' : 'the C loop, OpenSSL 3.0';
    const goal = name === 'ours' ? `1.70, ${both / single >= 1.7 ? 'met' : 'not met'}` : '-';
    return `| ${KEY_TITLE[key]} | ${who} | ${single.toFixed(0)} | ${both.toFixed(0)} | **${(both / single).toFixed(2)}** | ${goal} |`;
  });
}

const MEMORY_GOAL_MIB = 64;

function memoryRows(memory: readonly Memory[]): string[] {
  return memory.map(({ op, cipher, smallBytes, largeBytes }) => {
    const more = (largeBytes - smallBytes) / MIB;
    const word = more <= MEMORY_GOAL_MIB ? 'met' : 'not met';
    const columns = [smallBytes / MIB, largeBytes / MIB].map((value) => value.toFixed(0));
    return `| ${OP_TITLE[op]}, ${cipherTitle(cipher)} | ${columns.join(' MiB | ')} MiB | **${more.toFixed(0)} MiB** | ${MEMORY_GOAL_MIB} MiB, ${word} |`;
  });
}

/** The section of docs/performance.md. */
export async function formatCmsReport(results: CmsResults, command: string): Promise<string> {
  const rounds = results.cells[0]?.rounds.ours.length ?? 0;
  return [
    `Command: \`${command}\`, ${new Date().toISOString().slice(0, 10)}, ${rounds} interleaved rounds; medians of the processor time for one message. A ratio over 1 means that this engine needs less.`,
    '',
    `${await machineLine()}. Load average when it began: ${results.loadAverage.toFixed(1)}.`,
    '',
    '| goal | what | wanted | to the C loop, OpenSSL 3.0 | to the C loop, OpenSSL 3.5 |',
    '|---|---|---|---|---|',
    ...GOALS.flatMap((goal) => goalRow(goal, results.cells)),
    '',
    'Where a goal covers several lines of the table below, the worst of them counts.',
    '',
    '| key | cipher | operation | size | this engine | C, 3.0 | C, 3.5 | to 3.0 | to 3.5 |',
    '|---|---|---|---|---|---|---|---|---|',
    ...results.cells.map(cellRow),
    '',
    'G5, sign + encrypt of 10 KB with AES-256-CBC, messages a second, two processes against one:',
    '',
    '| key | who | one | two | ratio | goal |',
    '|---|---|---|---|---|---|',
    ...scalingRows(results.scaling),
    '',
    'G10 for the engine alone, peak resident memory of a fresh process, from file to file:',
    '',
    '| operation | 10 KB | 100 MB | more | goal |',
    '|---|---|---|---|---|',
    ...memoryRows(results.memory),
  ].join('\n');
}
