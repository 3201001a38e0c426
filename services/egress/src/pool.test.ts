import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TlsRule } from '@sallyport/transport';
import { startScriptedServer } from '../../../packages/transport/src/test-support/scripted-server.ts';
import { deliver } from './deliver.ts';
import { identity, one, secure, testPool } from './testing.ts';

test('a connection is kept for the next message, and an idle one that died is replaced', async () => {
  await using it = await one({ identity }, secure);
  const send = async () => deliver((await it.world.put()).id, it.world.ports);
  await send();
  await send();
  assert.equal(it.server.connections(), 1);
  assert.equal(it.server.messages.length, 2);
});

test('TR-7: a connection is never shared by two TLS rules', async () => {
  await using server = await startScriptedServer({ identity });
  const pool = testPool();
  const rules: [TlsRule, string][] = [
    [{ level: 'none' }, 'bravo.example'],
    [{ level: 'may' }, 'bravo.example'],
    [{ level: 'encrypt', minVersion: 'TLSv1.2' }, 'bravo.example'],
    [secure, 'bravo.example'],
    [secure, 'mx.bravo.example'],
    [{ ...secure, match: ['mx.bravo.example'] }, 'bravo.example'],
  ];
  for (const [tlsRule, nexthopDomain] of rules) {
    const host = { host: 'mx.bravo.example', address: '127.0.0.1', port: server.port };
    const loan = await pool.acquire({ ...host, tlsRule, nexthopDomain }, { fresh: false });
    assert.ok(loan.kind === 'loan', JSON.stringify(loan));
    assert.equal(loan.isReused, false);
    loan.release({ isReusable: true });
  }
  assert.equal(server.connections(), rules.length);
  pool.close();
});

test('TR-7: of two partners behind one host the stricter gets neither the connection nor the decision of the other', async () => {
  // The certificate is for mx.bravo.example: good enough for one, for the other it is not.
  await using it = await one({ identity });
  const { ports } = it.world;
  const levels: Readonly<Record<string, TlsRule>> = {
    'lax.example': { level: 'may' },
    'plain.example': { level: 'none' },
    'strict.example': { ...secure, match: ['mx.strict.example'] },
    'pinned.example': {
      level: 'fingerprint',
      minVersion: 'TLSv1.2',
      pins: [{ spki: '00'.repeat(32), state: 'current' }],
    },
  };
  const routes: typeof ports.routes = {
    withTlsa: async (hop) => hop,
    locate: async (domain) => {
      const tlsRule = levels[domain] ?? { level: 'none' };
      const hop = {
        ...{ host: 'mx.bravo.example', address: '127.0.0.1', port: it.server.port },
        ...{ tlsRule, nexthopDomain: domain, hostSource: 'secure-mx' as const },
      };
      const route = { kind: 'hops', hops: [hop], via: 'mx' } as const;
      return { route, tlsRule, rule: `partner:${domain}`, policyVersion: 7 };
    },
  };
  const order = ['plain', 'lax', 'strict', 'lax', 'pinned', 'plain', 'strict'];
  for (const name of order) {
    const header = await it.world.put('hi', { forwardPaths: [{ path: `bob@${name}.example` }] });
    await deliver(header.id, { ...ports, routes });
  }
  const fates = it.world.events.map((event) => [
    'destination' in event ? event.destination : '',
    event.kind,
  ]);
  const isStrict = (name: string) => name === 'strict' || name === 'pinned';
  assert.deepEqual(
    fates,
    order.map((name) => [`${name}.example`, isStrict(name) ? 'deferred' : 'relayed']),
  );
  assert.deepEqual(
    it.server.messages.map(({ isTls }) => isTls),
    [false, true, true, false],
  );
});
