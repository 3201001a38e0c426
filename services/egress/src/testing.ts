/** What the tests of a delivery share: a spool, a scripted next hop, ports held in memory. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { AuditEvent } from '@sallyport/audit-log';
import { createLogger } from '@sallyport/log';
import { newQueueId, type QueueId, readContent } from '@sallyport/mail';
import { DEFAULT_RETRY_SCHEDULE, DestinationHealth } from '@sallyport/queue';
import { generateReaderKey, type QueueFileHeader, Spool, type SpoolFolder } from '@sallyport/spool';
import { type NextHop, TlsContexts, type TlsRule } from '@sallyport/transport';
import { createTestCa } from '../../../packages/transport/src/test-support/certificates.ts';
import {
  type Script,
  type ScriptedServer,
  startScriptedServer,
} from '../../../packages/transport/src/test-support/scripted-server.ts';
import { AddressHealth } from './address-health.ts';
import type { DeliverPorts } from './deliver.ts';
import { type DeliveryState, parseState } from './delivery-state.ts';
import { createOutgoingFiles } from './files.ts';
import { createReportFormatter } from './formatter.ts';
import { SessionPool } from './pool.ts';
import { RecorderUnavailable } from './ports.ts';

export const HOUR_MS = 3_600_000;
export const START = new Date('2026-11-21T08:00:00Z');
const logger = createLogger({ service: 'test', now: () => START, write: () => {} });
const ca = createTestCa();
after(() => ca.remove());
export const identity = ca.issue({ names: ['mx.bravo.example'] });
export const secure = {
  level: 'secure',
  match: [],
  minVersion: 'TLSv1.2',
  anchors: [ca.caPem],
} satisfies TlsRule;
export const TEXT = 'Subject: hi\r\n\r\n.dot\r\n..two\r\nlast';

export interface Bench extends AsyncDisposable {
  readonly folder: string;
  readonly spool: Spool;
  readonly events: AuditEvent[];
  readonly reports: QueueId[];
  readonly ports: DeliverPorts;
  readonly world: { now: Date; recorder: 'up' | 'down' | 'down-after-ping'; paused: Set<string> };
  put(text?: string, header?: Partial<QueueFileHeader>): Promise<QueueFileHeader>;
  state(header: QueueFileHeader): Promise<DeliveryState | null>;
  incoming(): Promise<{ header: QueueFileHeader; text: string }[]>;
  held(): Promise<QueueFileHeader[]>;
}

const SETTINGS = {
  ehloName: 'gw.acme.example',
  timeouts: {
    ...{ connectMs: 1_000, tlsMs: 1_000, greetingMs: 1_000, commandMs: 1_000, dataMs: 1_000 },
    ...{ blockMs: 1_000, finalMs: 1_000, quitMs: 100 },
  },
};

/** A pool as a gateway has it, with short timeouts. */
export function testPool(): SessionPool {
  const settings = { ...SETTINGS, contexts: new TlsContexts(null) };
  return new SessionPool({ settings, idleMs: 5_000, maxUses: 100, maxIdle: 10, logger });
}

async function openSpools(folder: string): Promise<{ spool: Spool; asWorker: Spool }> {
  const egress = generateReaderKey();
  const worker = generateReaderKey();
  const readerKeys = { egress: egress.publicKeyPem, worker: worker.publicKeyPem };
  const shared = { folder, readerKeys, logger };
  return {
    spool: await Spool.open({
      ...shared,
      privateKey: { name: 'egress', pem: egress.privateKeyPem },
    }),
    asWorker: await Spool.open({
      ...shared,
      privateKey: { name: 'worker', pem: worker.privateKeyPem },
    }),
  };
}

/** The only route leads to the servers, in their order; to none of them is a null MX. */
function routesTo(servers: readonly ScriptedServer[], tlsRule: TlsRule): DeliverPorts['routes'] {
  const [first, ...others] = servers.map(
    ({ port }): NextHop => ({
      host: 'mx.bravo.example',
      address: '127.0.0.1',
      port,
      tlsRule,
      nexthopDomain: 'bravo.example',
      hostSource: 'configured',
    }),
  );
  return {
    locate: async () => ({
      route:
        first === undefined
          ? { kind: 'fault', fault: 'null-mx', reason: 'null MX' }
          : { kind: 'hops', hops: [first, ...others], via: 'mx' },
      tlsRule,
      rule: 'partner:Bravo',
      policyVersion: 7,
    }),
    withTlsa: async (hop) => hop,
  };
}

/** Puts a message of ours into `outgoing`, for egress to relay. */
export async function putOutgoing(
  spool: Spool,
  text: string,
  more: Partial<QueueFileHeader> = {},
): Promise<QueueFileHeader> {
  const header: QueueFileHeader = {
    version: 1,
    id: newQueueId(START),
    createdAt: START.toISOString(),
    origin: 'outward',
    reversePath: 'ann@acme.example',
    forwardPaths: [{ path: 'bob@bravo.example' }],
    client: null,
    evidence: null,
    dsn: {},
    ...{ smtpUtf8: false, eightBit: false, requireTls: false, extra: {} },
    ...more,
  };
  const writer = await spool.create('tmp', header, 'egress');
  await writer.write(Buffer.from(text));
  await writer.finish();
  await spool.commit(header.id, 'tmp', 'outgoing');
  return header;
}

async function messagesIn(spool: Spool, folder: SpoolFolder) {
  const found: { header: QueueFileHeader; text: string }[] = [];
  for await (const id of spool.list(folder)) {
    const read = await spool.read(folder, id);
    assert.ok(read.kind === 'ok');
    found.push({ header: read.header, text: (await readContent(read.content)).toString() });
  }
  return found;
}

export async function bench(servers: readonly ScriptedServer[], tlsRule: TlsRule): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-egress-'));
  const { spool, asWorker } = await openSpools(folder);
  const events: AuditEvent[] = [];
  const reports: QueueId[] = [];
  const world: Bench['world'] = { now: START, recorder: 'up', paused: new Set() };
  const pool = testPool();
  const ports: DeliverPorts = {
    files: createOutgoingFiles(spool),
    recorder: {
      record: async (event) => {
        if (world.recorder !== 'up') throw new RecorderUnavailable('down');
        events.push(event);
      },
      ping: async () => {
        if (world.recorder === 'down') throw new RecorderUnavailable('down');
      },
    },
    formatter: createReportFormatter({
      gatewayName: 'gw.acme.example',
      ownDomains: ['acme.example'],
    }),
    worker: { incoming: (id) => reports.push(id) },
    clock: { now: () => world.now },
    routes: routesTo(servers, tlsRule),
    pool,
    addresses: new AddressHealth({ now: () => world.now }),
    destinations: new DestinationHealth({
      clock: { now: () => world.now },
      schedule: DEFAULT_RETRY_SCHEDULE,
    }),
    timeouts: SETTINGS.timeouts,
    schedule: DEFAULT_RETRY_SCHEDULE,
    logger,
    pausedDestinations: async () => world.paused,
  };
  return {
    ...{ folder, spool, events, reports, ports, world },
    put: (text = TEXT, more = {}) => putOutgoing(spool, text, more),
    state: async (header) => {
      const read = await spool.readHeader('outgoing', header.id);
      if (read.kind === 'gone') return null;
      return parseState(await spool.readState('outgoing', header.id), header);
    },
    incoming: () => messagesIn(asWorker, 'incoming'),
    held: async () => (await messagesIn(asWorker, 'hold')).map(({ header }) => header),
    [Symbol.asyncDispose]: async () => {
      pool.close();
      await Promise.all([spool.close(), asWorker.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function one(script: Script, rule: TlsRule = { level: 'may' }) {
  const server = await startScriptedServer(script);
  const world = await bench([server], rule);
  return {
    server,
    world,
    [Symbol.asyncDispose]: async () => {
      await world[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

export const on = (verb: string, reply: string) => (command: string) =>
  command.startsWith(verb) ? reply : undefined;
