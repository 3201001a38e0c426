import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startScriptedServer } from '../../../packages/transport/src/test-support/scripted-server.ts';
import { deliver } from './deliver.ts';
import { bench, HOUR_MS, identity, START, secure, TEXT } from './testing.ts';

/** Version 1 names a server that the partner does not have; version 2 put that right. */
const WRONG = { ...secure, match: ['mx.charlie.example'] };

async function corrected() {
  const server = await startScriptedServer({ identity });
  const world = await bench([server], secure);
  const ports = {
    ...world.ports,
    routes: {
      ...world.ports.routes,
      locate: async (domain: string, version?: number) => {
        const hop = { host: 'mx.bravo.example', address: '127.0.0.1', port: server.port };
        const rules = { tlsRule: version === 1 ? WRONG : secure, nexthopDomain: domain };
        const hops = [{ ...hop, ...rules, hostSource: 'configured' }] as const;
        const route = { kind: 'hops', hops: [hops[0]], via: 'mx' } as const;
        const past = version === 1 ? { isOfPast: true as const } : {};
        return { route, tlsRule: secure, rule: 'default', policyVersion: version ?? 2, ...past };
      },
    },
  };
  return {
    ...{ world, ports, server },
    [Symbol.asyncDispose]: async () => {
      await world[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

test('what a wrong rule of the past cannot deliver keeps nothing waiting that a right one can', async () => {
  await using it = await corrected();
  const { world, ports, server } = it;
  const old = await world.put(TEXT, { extra: { policyVersion: 1 } });
  const young = await world.put(TEXT, { extra: { policyVersion: 2 } });
  for (const at of [0, 1, 2]) {
    world.world.now = new Date(START.getTime() + at * HOUR_MS);
    assert.equal((await deliver(old.id, ports)).kind, 'again');
    const [recipient] = (await world.state(old))?.recipients ?? [];
    assert.equal(recipient?.fault, 'tls-not-trusted');
    assert.equal(ports.destinations.troubleOf('bravo.example'), null);
  }
  assert.deepEqual(await deliver(young.id, ports), { kind: 'done' });
  assert.equal(server.messages.length, 1);
});
