/**
 * `npm run bench`: this gateway outward against what one would build of Postfix and OpenSSL, all
 * delivering over TLS to one sink. Rounds are interleaved, so that what disturbs one disturbs all.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeCa } from '../harness/ca.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { exitOnSignals } from './bench-processes.ts';
import { createWorld } from './gateway-system.ts';
import { latencyOf } from './latency.ts';
import { measure, type Round } from './measure.ts';
import { startPostfixSystem } from './postfix-system.ts';
import { formatReport, type Measured, writeReport } from './report.ts';
import { type Sink, startSink } from './sink-client.ts';
import type { System } from './system.ts';

const HELP = `npm run bench -- [--rounds N] [--messages N] [--only NAME,NAME] [--profile FOLDER] [--no-write]
systems: pipe, relay, compat, domsec`;
const SYSTEMS = ['pipe', 'relay', 'compat', 'domsec'] as const;
type Name = (typeof SYSTEMS)[number];

interface Options {
  readonly rounds: number;
  readonly messages: number;
  readonly only: readonly Name[];
  readonly profile: string | null;
  readonly writes: boolean;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      messages: { type: 'string', default: '3000' },
      only: { type: 'string', default: SYSTEMS.join(',') },
      profile: { type: 'string' },
      'no-write': { type: 'boolean', default: false },
    },
  });
  const names = values.only.split(',');
  const options = {
    rounds: Number(values.rounds),
    messages: Number(values.messages),
    only: SYSTEMS.filter((name) => names.includes(name)),
    profile: values.profile ?? null,
    writes: !values['no-write'] && values.profile === undefined,
  };
  const counts = [options.rounds, options.messages];
  const isGood = counts.every((one) => Number.isInteger(one) && one > 0);
  if (!isGood || options.only.length !== names.length) throw new Error(HELP);
  return options;
}

async function main(): Promise<void> {
  const options = readOptions();
  const missing = skipWithout('postfix', 'openssl');
  if (missing !== false) throw new Error(`The bench ${missing}.`);
  if (process.getuid?.() !== 0) throw new Error('Postfix can be started by root alone.');
  await using folder = await temporaryFolder('bench');
  const runtime = await mkdtemp(join(tmpdir(), 'sb-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(runtime, { recursive: true, force: true }));
  const world = stack.use(await createWorld(folder.path, runtime));
  const sink = stack.use(await startSink([world.listener]));
  const ca = await makeCa(folder.path);
  const systems: System[] = [];
  const auditFolders = new Map<string, string>();
  for (const name of options.only) {
    if (name === 'pipe' || name === 'relay') {
      const started = await startPostfixSystem({ kind: name, sink: world.listener, ca });
      systems.push(stack.use(started));
    } else {
      const started = await world.startGateway(name, options.profile);
      auditFolders.set(name, started.auditFolder);
      systems.push(stack.use(started));
    }
  }
  const rounds = await measureAll(systems, sink, options);
  const since = new Date(0);
  const all: Measured[] = [];
  for (const system of systems) {
    const audit = auditFolders.get(system.name);
    const latency = audit === undefined ? null : await latencyOf(audit, since);
    all.push({ system, rounds: rounds.get(system.name) ?? [], latency });
  }
  const command = `npm run bench -- --rounds ${options.rounds} --messages ${options.messages}`;
  const report = await formatReport(all, command);
  process.stdout.write(`\n${report}\n`);
  if (options.writes && options.only.length === SYSTEMS.length) await writeReport(report);
}

async function measureAll(
  systems: readonly System[],
  sink: Sink,
  options: Options,
): Promise<Map<string, Round[]>> {
  const rounds = new Map<string, Round[]>(systems.map(({ name }) => [name, []]));
  // The first messages pay for lookups, connections and compilation: they do not count.
  for (const system of systems) await measure(system, sink, Math.min(options.messages, 600));
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const system of systems) {
      const found = await measure(system, sink, options.messages);
      rounds.get(system.name)?.push(found);
      process.stdout.write(
        `round ${round} ${system.name.padEnd(6)} ${found.perSecond.toFixed(0)} messages/s\n`,
      );
    }
  }
  return rounds;
}

exitOnSignals();
try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  if (error instanceof Error && error.cause !== undefined) {
    process.stderr.write(`${String(error.cause)}\n`);
  }
  process.exitCode = 1;
}
