import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import {
  formatHeadLine,
  formatLeafLine,
  formatSegmentLine,
  LOG_KEY_FILE,
  leafHash,
  leafOf,
  MerkleTree,
  NO_PREVIOUS,
  segmentName,
  signHead,
} from '@sallyport/audit-log';
import { importPolicy } from '@sallyport/policy-store/write';
import { parse, stringify } from 'yaml';
import { examine } from '../../services/cli/src/doctor/examine.ts';
import type { Finding } from '../../services/cli/src/doctor/finding.ts';
import { temporaryFolder } from './folder.ts';
import { type Gateway, makeGateway } from './gateway.ts';
import { freePort } from './ports.ts';

interface Sections {
  [section: string]: unknown;
  gateway: { name: string; runtimeFolder: string };
  ingress: Record<string, unknown> & { partner: { listen: string[] } };
}

/** A copy of a sound gateway, for one fault to be planted in; it goes with what listens for it. */
export interface GatewayCopy extends AsyncDisposable {
  readonly folder: string;
  readonly data: string;
  readonly configFile: string;
  /** Changes sections of the config. */
  config(change: (config: Sections) => void): Promise<void>;
  policy(policy: object): Promise<void>;
  /** Greets, and answers EHLO without any extension; all else with `?`. */
  listen(
    at: { readonly port: number } | { readonly path: string },
    greeting?: string,
  ): Promise<void>;
}

/** One fault, and what doctor is to say of it. */
export interface Plant {
  readonly what: string;
  readonly code: string;
  readonly level: 'warning' | 'fault';
  readonly plant?: (copy: GatewayCopy) => Promise<unknown>;
  readonly now?: Date;
}

/** A provisioned gateway without a fault on this host, and copies of it; all on the stack. */
export async function soundGateway(
  stack: AsyncDisposableStack,
): Promise<{ readonly gateway: Gateway; readonly copyOf: () => Promise<GatewayCopy> }> {
  const [innerPort, dnsPort, egressPort] = [await freePort(), await freePort(), await freePort()];
  const ports = { innerPort, dnsPort, egressPort };
  const gateway = stack.use(await makeGateway({ domain: 'acme.example', ...ports }));
  await gateway.setPolicy({ partners: [] });
  return { gateway, copyOf: await copies(gateway, stack) };
}

/** Makes copies of a gateway below one folder, which is on the stack. */
export async function copies(
  gateway: Gateway,
  stack: AsyncDisposableStack,
): Promise<() => Promise<GatewayCopy>> {
  const root = stack.use(await temporaryFolder('d'));
  let count = 0;
  return async () => {
    count += 1;
    const copy = await copyInto(join(root.path, String(count)), gateway);
    await copy.config((config) => {
      config.gateway.runtimeFolder = join(copy.folder, 'r');
    });
    return copy;
  };
}

async function copyInto(folder: string, gateway: Gateway): Promise<GatewayCopy> {
  const configFile = join(folder, 'gateway.yaml');
  const data = join(folder, 'data');
  const ends: AsyncDisposable[] = [];
  await cp(gateway.folder, folder, { recursive: true, preserveTimestamps: true });
  return {
    folder,
    data,
    configFile,
    config: async (change) => {
      const value = parse(await readFile(configFile, 'utf8')) as Sections;
      change(value);
      await writeFile(configFile, stringify(value));
    },
    policy: async (document) => {
      const by = { author: 'test', reason: 'test', now: new Date() };
      const made = await importPolicy(join(data, 'policy'), stringify(document), by);
      assert.notEqual(made.kind, 'invalid', JSON.stringify(made));
    },
    listen: async (at, greeting) => {
      ends.push(await listening(at, greeting ?? ''));
    },
    [Symbol.asyncDispose]: async () => {
      for (const end of ends) await end[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

async function listening(
  at: { readonly port: number } | { readonly path: string },
  greeting: string,
): Promise<AsyncDisposable> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) =>
      socket.write(String(chunk).startsWith('EHLO') ? '250 me\r\n' : '?\0'),
    );
    if (greeting !== '') socket.write(greeting);
  });
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', ...at }, resolve));
  return {
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** What doctor finds. */
export async function lookAt(
  copy: Pick<GatewayCopy, 'configFile'>,
  how: { readonly offline: boolean; readonly now?: Date },
): Promise<readonly Finding[]> {
  const { now = new Date(), offline } = how;
  const reports = await examine({ config: copy.configFile, offline, now });
  return reports.flatMap(({ findings }) => findings);
}

/** Plants one fault, and asserts that it is found, with a sentence and what to do. */
export async function assertFound(
  plant: Plant,
  copy: GatewayCopy,
  how: { readonly offline: boolean },
): Promise<void> {
  await plant.plant?.(copy);
  const findings = await lookAt(copy, { ...how, ...(plant.now ? { now: plant.now } : {}) });
  const found = findings.find(({ code, level }) => code === plant.code && level === plant.level);
  assert.ok(found, JSON.stringify(findings, null, 1));
  assert.ok(found.advice, 'it says what to do');
  assert.match(found.sentence, /\.$/);
  // Of the URL that one of the plants has.
  assert.doesNotMatch(JSON.stringify(findings), /hunter2/);
}

/** Writes an audit log of one event under a head of a new log key. */
export async function writeLog(
  { data }: GatewayCopy,
  options: { time?: Date; tail?: string; edit?: (text: string) => string } = {},
): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  await writeFile(
    join(data, 'recorder/log-key.pem'),
    privateKey.export({ type: 'pkcs8', format: 'pem' }),
    { mode: 0o600 },
  );
  await writeFile(
    join(data, 'audit', LOG_KEY_FILE),
    publicKey.export({ type: 'spki', format: 'pem' }),
  );
  const time = options.time ?? new Date();
  const leaf = leafOf(
    { kind: 'service-started', service: 'recorder' },
    { index: 0, time, salt: () => '' },
  );
  const tree = new MerkleTree();
  tree.append(leafHash(leaf.leaf));
  const head = {
    size: 1,
    root: tree.root().toString('hex'),
    time: time.toISOString(),
    previous: NO_PREVIOUS,
  };
  const text =
    formatSegmentLine({ first: 0, frontier: [], previous: NO_PREVIOUS }) +
    formatLeafLine(leaf) +
    formatHeadLine(signHead(head, privateKey)) +
    (options.tail ?? '');
  await writeFile(join(data, 'audit', segmentName(0)), options.edit?.(text) ?? text);
}
