import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientLimiter, clientOf } from './limiter.ts';
import { directoryOptionsSchema } from './options.ts';

test('an IPv6 client is its /64, an IPv4 one its address in whatever form', () => {
  const cases: [string, string][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:0db8:0000::9', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['unknown', 'unknown'],
  ];
  for (const [address, client] of cases) assert.equal(clientOf(address), client);
});

test('names and connections are counted per client; a minute later there are new ones', () => {
  let now = new Date('2026-06-01T00:00:00Z');
  const { limits } = directoryOptionsSchema.parse({
    listen: [{ host: '127.0.0.1', port: 0, tls: false }],
    entriesFile: 'x',
    baseDn: ['dc=x'],
    limits: { searchesPerMinute: 10, connections: 3, connectionsPerClient: 2 },
  });
  const limiter = new ClientLimiter(limits, { now: () => now });
  assert.deepEqual(
    [8, 2, 1].map((names) => limiter.maySearch('a', names)),
    [true, true, false],
  );
  assert.ok(limiter.maySearch('b'));
  now = new Date(now.getTime() + 60_000);
  assert.ok(limiter.maySearch('a'));
  assert.deepEqual(
    ['a', 'a', 'a', 'b', 'c'].map((client) => limiter.connected(client)),
    [true, true, false, true, false],
  );
  limiter.disconnected('a');
  assert.ok(limiter.connected('c'));
});

test('a stranger with many addresses makes the counts of nobody who is connected go away', () => {
  const limits = {
    connections: 10_000,
    connectionsPerClient: 1,
    searchesPerMinute: 1,
    idleSeconds: 1,
    sessionSeconds: 1,
  };
  const limiter = new ClientLimiter(limits, { now: () => new Date(0) });
  assert.ok(limiter.connected('a'));
  for (let i = 0; i < 30_000; i += 1) limiter.maySearch(`stranger ${i}`);
  assert.equal(limiter.connected('a'), false);
});
