/**
 * `npm run bench:cms`: this engine against a loop over libcrypto's own CMS, of Debian's OpenSSL and
 * of the one inside Node. Rounds are interleaved, so that what disturbs one disturbs all.
 */
import { stat } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { temporaryFolder } from '../harness/folder.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { type Contestant, type ContestantName, type Cost, contestants } from './cms-contestant.ts';
import { type BenchKeys, type KeyName, makeKeys, writeEntity } from './cms-keys.ts';
import {
  type Cell,
  type Cipher,
  formatCmsReport,
  type MeasuredCell,
  type Memory,
  type Op,
  type Scaling,
  sizeName,
} from './cms-report.ts';
import { CMS_MARKS, writeReport } from './report.ts';

const HELP = `npm run bench:cms -- [--rounds N] [--seconds N] [--only rsa2048,rsa3072,p256] [--largest BYTES] [--no-write]`;
const KIB = 1_024;
const MIB = KIB * KIB;
const SIZES = [10 * KIB, 100 * KIB, MIB, 10 * MIB, 25 * MIB];
const MEMORY_BYTES = 100 * MIB;
/** A service runs for weeks: what its compiler does in the first seconds is not what a message costs. */
const WARM_UP_SECONDS = 1;
const NAMES: readonly ContestantName[] = ['ours', 'c30', 'c35'];
const CIPHERS: readonly Cipher[] = ['aes-256-cbc', 'id-aes256-GCM'];
const OPS: readonly Op[] = ['protect', 'open'];
const KEYS: readonly KeyName[] = ['rsa2048', 'rsa3072', 'p256'];

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly keys: readonly KeyName[];
  readonly largest: number;
  readonly writes: boolean;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '0.3' },
      only: { type: 'string', default: KEYS.join(',') },
      largest: { type: 'string', default: String(SIZES.at(-1)) },
      'no-write': { type: 'boolean', default: false },
    },
  });
  const names = values.only.split(',');
  const [rounds, seconds, largest] = [values.rounds, values.seconds, values.largest].map(Number);
  const keys = KEYS.filter((key) => names.includes(key));
  const isGood = [rounds, seconds, largest].every((one) => one !== undefined && one > 0);
  if (!isGood || keys.length !== names.length) throw new Error(HELP);
  const writes = !values['no-write'] && keys.length === KEYS.length;
  return { rounds: rounds ?? 0, seconds: seconds ?? 0, largest: largest ?? 0, keys, writes };
}

/** All sizes for RSA-2048, which the goals are about; the smallest and 1 MB for the others. */
function cellsOf({ keys, largest }: Options): Cell[] {
  return keys.flatMap((key) =>
    OPS.flatMap((op) =>
      CIPHERS.flatMap((cipher) =>
        SIZES.filter((size) => key === 'rsa2048' || size === 10 * KIB || size === MIB)
          .filter((size) => size <= largest)
          .map((sizeBytes) => ({ key, op, cipher, sizeBytes })),
      ),
    ),
  );
}

interface World {
  readonly folder: string;
  readonly keys: BenchKeys;
  readonly start: Readonly<Record<ContestantName, () => Contestant>>;
}

async function started(world: World, name: ContestantName, key: KeyName): Promise<Contestant> {
  const contestant = world.start[name]();
  const leaf = world.keys.leaf[key];
  await contestant.ask('load', world.keys.anchor, leaf.certificate, leaf.key);
  return contestant;
}

function entityFile({ folder }: World, sizeBytes: number): string {
  return join(folder, `entity-${sizeBytes}`);
}

/** What OpenSSL 3.0 made of the entity: everybody opens the same foreign message. */
async function sealedFile(world: World, cell: Cell): Promise<string> {
  const path = join(world.folder, `sealed-${cell.key}-${cell.cipher}-${cell.sizeBytes}`);
  if (await stat(path).catch(() => null)) return path;
  await using maker = await started(world, 'c30', cell.key);
  await maker.ask('protect', cell.cipher, entityFile(world, cell.sizeBytes), path);
  return path;
}

async function measureCells(world: World, key: KeyName, options: Options): Promise<MeasuredCell[]> {
  await using stack = new AsyncDisposableStack();
  const runners = new Map<ContestantName, Contestant>();
  for (const name of NAMES) runners.set(name, stack.use(await started(world, name, key)));
  const found: MeasuredCell[] = [];
  for (const cell of cellsOf({ ...options, keys: [key] })) {
    const isSealed = cell.op === 'open';
    const file = isSealed ? await sealedFile(world, cell) : entityFile(world, cell.sizeBytes);
    const rounds: Record<ContestantName, Cost[]> = { ours: [], c30: [], c35: [] };
    // The first run pays for compilation and lookups: it does not count.
    for (const [name, runner] of runners) {
      const seconds = name === 'ours' ? Math.max(WARM_UP_SECONDS, options.seconds) : 0.1;
      await runner.run(cell.op, cell.cipher, file, seconds);
    }
    for (let round = 0; round < options.rounds; round += 1) {
      for (const [name, runner] of runners) {
        rounds[name].push(await runner.run(cell.op, cell.cipher, file, options.seconds));
      }
    }
    found.push({ ...cell, rounds });
    const cpu = NAMES.map((name) =>
      Math.round(
        rounds[name].map((one) => one.cpuMicros).sort((a, b) => a - b)[
          Math.floor(options.rounds / 2)
        ] ?? 0,
      ),
    );
    const what = `${key} ${cell.op} ${cell.cipher} ${sizeName(cell.sizeBytes)}`;
    process.stdout.write(`${what.padEnd(40)} ours, C 3.0, C 3.5: ${cpu.join(', ')} us\n`);
  }
  return found;
}

async function measureScaling(world: World, key: KeyName, options: Options): Promise<Scaling[]> {
  const found: Scaling[] = [];
  for (const name of ['ours', 'c30'] as const) {
    await using stack = new AsyncDisposableStack();
    const pair = [
      stack.use(await started(world, name, key)),
      stack.use(await started(world, name, key)),
    ];
    const run = (runner: Contestant): Promise<Cost> =>
      runner.run('protect', 'aes-256-cbc', entityFile(world, 10 * KIB), options.seconds * 2);
    for (let warm = 0; warm < WARM_UP_SECONDS; warm += options.seconds * 2) {
      await Promise.all(pair.map(run));
    }
    const [one, two]: number[][] = [[], []];
    for (let round = 0; round < options.rounds; round += 1) {
      for (const runner of pair.slice(0, 1)) one?.push((await run(runner)).perSecond);
      const both = await Promise.all(pair.map(run));
      two?.push(both.reduce((sum, { perSecond }) => sum + perSecond, 0));
    }
    found.push({ key, name, one: one ?? [], two: two ?? [] });
  }
  return found;
}

async function measureMemory(world: World, options: Options): Promise<Memory[]> {
  if (options.largest < (SIZES.at(-1) ?? 0)) return [];
  await writeEntity(entityFile(world, MEMORY_BYTES), MEMORY_BYTES);
  const found: Memory[] = [];
  for (const op of OPS) {
    for (const cipher of CIPHERS) {
      const peaks: number[] = [];
      for (const sizeBytes of [10 * KIB, MEMORY_BYTES]) {
        const cell: Cell = { key: 'rsa2048', op, cipher, sizeBytes };
        const file = op === 'open' ? await sealedFile(world, cell) : entityFile(world, sizeBytes);
        await using fresh = await started(world, 'ours', 'rsa2048');
        peaks.push(Number(await fresh.ask('file', op, cipher, file, join(world.folder, 'out'))));
      }
      const [smallBytes = 0, largeBytes = 0] = peaks;
      found.push({ op, cipher, smallBytes, largeBytes });
    }
  }
  return found;
}

async function main(): Promise<void> {
  const options = readOptions();
  const [loadAverage = 0] = loadavg();
  const missing = skipWithout('gcc', 'libssl-dev', 'libc6-dev', 'openssl');
  if (missing !== false) throw new Error(`The bench ${missing}.`);
  await using folder = await temporaryFolder('bench-cms');
  const world: World = {
    folder: folder.path,
    keys: await makeKeys(folder.path),
    start: await contestants(folder.path),
  };
  for (const size of SIZES) await writeEntity(entityFile(world, size), size);
  const cells: MeasuredCell[] = [];
  for (const key of options.keys) cells.push(...(await measureCells(world, key, options)));
  const scaling: Scaling[] = [];
  for (const key of options.keys.filter((one) => one !== 'rsa3072')) {
    scaling.push(...(await measureScaling(world, key, options)));
  }
  const memory = await measureMemory(world, options);
  const command = `npm run bench:cms -- --rounds ${options.rounds} --seconds ${options.seconds}`;
  const report = await formatCmsReport({ cells, scaling, memory, loadAverage }, command);
  process.stdout.write(`\n${report}\n`);
  if (options.writes) await writeReport(report, CMS_MARKS);
}

await main();
