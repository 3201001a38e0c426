import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '@sallyport/config';
import { type Domain, systemClock } from '@sallyport/mail';
import { parse, stringify } from 'yaml';
import { processSpecs, ROLES } from '../../services/cli/src/gateway/roles.ts';
import {
  agreeWith,
  createOrganisation,
  type Organisation,
  zoneOf,
} from '../../services/cli/src/sandbox/organisation.ts';
import { sandboxSpec } from '../../services/cli/src/sandbox/sandbox-spec.ts';
import { freePort } from '../harness/ports.ts';
import { benchSupervisor } from './bench-processes.ts';
import { writeMessage } from './memory-engine.ts';

/** Peak memory of one process, for a message of 10 KB and for the large one. */
interface ProcessMemory {
  readonly process: string;
  readonly smallPeakBytes: number;
  readonly largePeakBytes: number;
}

export interface GatewaysMemory {
  readonly processes: readonly ProcessMemory[];
  readonly seconds: number;
}

const SMALL_BYTES = 10_240;
const WARM_UPS = 3;
const MAX_SIZE_BYTES = 512 * 1024 * 1024;
const TIMEOUT_MS = 5 * 60_000;
const POLL_MS = 50;
/** After the message is there, the processes still record and remove. */
const SETTLE_MS = 1_500;

/**
 * Two gateways with all their processes; one message of `sizeBytes` goes from the inner MTA of the
 * first, protected, to the inner MTA of the second.
 */
export async function measureGateways(
  folder: string,
  runtime: string,
  sizeBytes: number,
): Promise<GatewaysMemory> {
  await using stack = new AsyncDisposableStack();
  const world = await startWorld(folder, runtime, stack);
  const { from, to, pids } = world;
  const files = { small: join(folder, 'small.eml'), large: join(folder, 'large.eml') };
  await writeMessage(files.small, SMALL_BYTES);
  await writeMessage(files.large, sizeBytes);
  for (let round = 0; round < WARM_UPS; round += 1) await deliver(from, to, files.small);
  const small = await peaksOf(pids, () => deliver(from, to, files.small));
  const started = performance.now();
  const large = await peaksOf(pids, () => deliver(from, to, files.large));
  return {
    processes: [...pids.keys()].map((process) => ({
      process,
      smallPeakBytes: small.get(process) ?? 0,
      largePeakBytes: large.get(process) ?? 0,
    })),
    seconds: (performance.now() - started) / 1_000,
  };
}

async function startWorld(folder: string, runtime: string, stack: AsyncDisposableStack) {
  const dnsPort = await freePort();
  const addresses = ['127.0.0.2', '127.0.0.3'] as const;
  const smtpPort = await freePort(...addresses);
  const organisations: Organisation[] = [];
  for (const [index, name] of ['acme', 'bravo'].entries()) {
    const plan = {
      title: name,
      domain: `${name}.example` as Domain,
      folder: join(folder, name),
      runtime: join(runtime, name),
      address: addresses[index] ?? addresses[0],
      smtpPort,
      relayPort: await freePort(),
      ldapPort: await freePort(),
      sinkPort: await freePort(),
      dnsPort,
    };
    organisations.push(await withSize(await createOrganisation(plan, systemClock.now())));
  }
  const [from, to] = organisations;
  if (from === undefined || to === undefined) throw new Error('two organisations are needed');
  await agreeWith(from, to, systemClock.now());
  await agreeWith(to, from, systemClock.now());
  const zonesFile = join(folder, 'zones.json');
  const plans = organisations.map((one) => one.plan);
  await writeFile(zonesFile, JSON.stringify({ zones: plans.map(zoneOf) }));
  const sinks = plans.map((plan) => ({
    name: plan.domain,
    host: '127.0.0.1',
    port: plan.sinkPort,
    folder: join(plan.folder, 'mailboxes'),
  }));
  const outside = benchSupervisor(join(runtime, 'outside'), join(folder, 'outside.log'));
  stack.defer(() => outside.stop());
  await mkdir(join(runtime, 'outside'), { recursive: true, mode: 0o700 });
  await outside.start([sandboxSpec({ dnsPort, zonesFile, sinks })]);
  const pids = new Map<string, number>();
  for (const { config, layout, plan } of organisations) {
    const own = benchSupervisor(layout.runtime, join(folder, `${plan.title}.log`));
    stack.defer(() => own.stop());
    await own.start(processSpecs(config, ROLES));
    for (const [role, pid] of own.processIds()) pids.set(`${plan.title} ${role}`, pid);
  }
  return { from, to, pids };
}

/** The same organisation with room for long messages. */
async function withSize(organisation: Organisation): Promise<Organisation> {
  const { configFile } = organisation;
  const config = parse(await readFile(configFile, 'utf8')) as { readonly ingress: object };
  const ingress = { ...config.ingress, maxSizeBytes: MAX_SIZE_BYTES };
  await writeFile(configFile, stringify({ ...config, ingress }));
  const loaded = await loadConfig(configFile);
  if (loaded.kind === 'invalid') throw new Error(JSON.stringify(loaded.faults));
  return { ...organisation, config: loaded.config };
}

/** Hands one message to the first gateway and waits until the second has delivered it. */
async function deliver(from: Organisation, to: Organisation, file: string): Promise<void> {
  const mailboxes = join(to.plan.folder, 'mailboxes');
  await submit(from, to, file);
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const found = (await readdir(mailboxes)).find((name) => name.endsWith('.eml'));
    if (found !== undefined) {
      const { size } = await stat(join(mailboxes, found));
      if (size < (await stat(file)).size) throw new Error('the message arrived shorter');
      break;
    }
    if (performance.now() > deadline) throw new Error('the message did not arrive');
    await sleep(POLL_MS);
  }
  for (const name of await readdir(mailboxes)) await rm(join(mailboxes, name));
  await sleep(SETTLE_MS);
}

async function submit(from: Organisation, to: Organisation, file: string): Promise<void> {
  const socket = connect(from.plan.relayPort, '127.0.0.1');
  try {
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]() as AsyncIterator<
      string,
      undefined
    >;
    await expectReply(lines, '220');
    await say(socket, lines, 'EHLO mail.test.example', '250');
    await say(socket, lines, `MAIL FROM:<alice@${from.plan.domain}>`, '250');
    await say(socket, lines, `RCPT TO:<bob@${to.plan.domain}>`, '250');
    await say(socket, lines, 'DATA', '354');
    // No line of the message begins with a full stop.
    for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
      if (!socket.write(chunk)) await once(socket, 'drain');
    }
    await say(socket, lines, '.', '250');
  } finally {
    socket.destroy();
  }
}

async function say(
  socket: Socket,
  lines: AsyncIterator<string, undefined>,
  line: string,
  code: string,
): Promise<void> {
  socket.write(`${line}\r\n`);
  await expectReply(lines, code);
}

async function expectReply(lines: AsyncIterator<string, undefined>, code: string): Promise<void> {
  for (;;) {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('the gateway closed the connection');
    if (!value.startsWith(code)) throw new Error(`the gateway answered: ${value}`);
    if (value[3] !== '-') return;
  }
}

async function peaksOf(
  pids: ReadonlyMap<string, number>,
  act: () => Promise<void>,
): Promise<Map<string, number>> {
  for (const pid of pids.values()) await writeFile(`/proc/${pid}/clear_refs`, '5');
  await act();
  const peaks = new Map<string, number>();
  for (const [name, pid] of pids) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
    peaks.set(name, Number(kib) * 1024);
  }
  return peaks;
}
