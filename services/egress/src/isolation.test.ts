import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLogger } from '@sallyport/log';
import { DEFAULT_RETRY_SCHEDULE, DestinationHealth } from '@sallyport/queue';
import { generateReaderKey, Spool } from '@sallyport/spool';
import { TlsContexts } from '@sallyport/transport';
import { startScriptedServer } from '../../../packages/transport/src/test-support/scripted-server.ts';
import { AddressHealth } from './address-health.ts';
import { type DeliverPorts, deliver } from './deliver.ts';
import { parseState } from './delivery-state.ts';
import { createOutgoingFiles } from './files.ts';
import { createReportFormatter } from './formatter.ts';
import { SessionPool } from './pool.ts';
import { putOutgoing, TEXT } from './testing.ts';

const START = new Date('2026-11-21T08:00:00Z');
const logger = createLogger({ service: 'test', now: () => START, write: () => {} });
const PATHS = ['bob@bravo.example', 'cy@broken.example'];

test('a surprise at one domain never sends the message twice to another', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-egress-'));
  const server = await startScriptedServer({});
  const egress = generateReaderKey();
  const spool = await Spool.open({
    folder,
    readerKeys: { egress: egress.publicKeyPem, worker: generateReaderKey().publicKeyPem },
    privateKey: { name: 'egress', pem: egress.privateKeyPem },
    logger,
  });
  const timeouts = {
    ...{ connectMs: 1_000, tlsMs: 1_000, greetingMs: 1_000, commandMs: 1_000, dataMs: 1_000 },
    ...{ blockMs: 1_000, finalMs: 1_000, quitMs: 100 },
  };
  const pool = new SessionPool({
    settings: { ehloName: 'gw.acme.example', timeouts, contexts: new TlsContexts(null) },
    ...{ idleMs: 5_000, maxUses: 100, maxIdle: 10, logger },
  });
  t.after(async () => {
    pool.close();
    await spool.close();
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });
  const ports: DeliverPorts = {
    ...{ files: createOutgoingFiles(spool), pool, timeouts, logger },
    recorder: { record: async () => {}, ping: async () => {} },
    formatter: createReportFormatter({ gatewayName: 'gw.acme.example', ownDomains: [] }),
    worker: { incoming: () => {} },
    clock: { now: () => START },
    routes: {
      locate: async (domain) => {
        if (domain === 'broken.example') throw new Error('the policy cannot be read');
        const tlsRule = { level: 'may' } as const;
        const hop = { host: 'mx.bravo.example', address: '127.0.0.1', port: server.port, tlsRule };
        const hostSource = 'configured' as const;
        const hops = [{ ...hop, nexthopDomain: domain, hostSource }] as const;
        const route = { kind: 'hops', hops: [hops[0]], via: 'mx' } as const;
        return { route, tlsRule, rule: 'partner:Bravo', policyVersion: 7 };
      },
      withTlsa: async (hop) => hop,
    },
    schedule: DEFAULT_RETRY_SCHEDULE,
    addresses: new AddressHealth({ now: () => START }),
    destinations: new DestinationHealth({
      clock: { now: () => START },
      schedule: DEFAULT_RETRY_SCHEDULE,
    }),
    pausedDestinations: async () => new Set(),
  };
  const header = await putOutgoing(spool, TEXT, {
    forwardPaths: PATHS.map((path) => ({ path })),
  });

  assert.equal((await deliver(header.id, ports)).kind, 'again');
  const state = parseState(await spool.readState('outgoing', header.id), header);
  assert.deepEqual(
    state.recipients.map(({ status, fault }) => [status, fault]),
    [
      ['relayed', null],
      ['waiting', 'internal'],
    ],
  );
  await deliver(header.id, {
    ...ports,
    clock: { now: () => new Date(START.getTime() + 3_600_000) },
  });
  assert.equal(server.messages.length, 1);
});
