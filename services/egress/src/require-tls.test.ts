import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NextHop, TlsRule } from '@sallyport/transport';
import { deliver } from './deliver.ts';
import { targetFor, tlsWishOf } from './require-tls.ts';
import { identity, one, secure, TEXT } from './testing.ts';

const OFFERED = { identity, extensions: ['REQUIRETLS', 'PIPELINING'] };

test('RFC 8689 4.2.1: a hop that does not offer REQUIRETLS gets nothing, and the author hears of it at once', async () => {
  await using it = await one({ identity }, secure);
  const header = await it.world.put(TEXT, { requireTls: true, dsn: { ret: 'FULL' } });
  assert.deepEqual(await deliver(header.id, it.world.ports), { kind: 'done' });
  assert.equal(it.server.messages.length, 0);
  const [report] = await it.world.incoming();
  assert.match(report?.text ?? '', /^Status: 5\.7\.30\r$/m);
  assert.match(report?.text ?? '', /text\/rfc822-headers/, 'RFC 8689 5: headers only');
  assert.equal(report?.header.requireTls, true, 'RFC 8689 5: a report inherits the demand');
});

test('RFC 8689 4.2.1: REQUIRETLS goes on to a proven server that offers it', async () => {
  await using it = await one(OFFERED, secure);
  const header = await it.world.put(TEXT, { requireTls: true });
  await deliver(header.id, it.world.ports);
  assert.match(it.server.messages[0]?.mail ?? '', / REQUIRETLS$/);
});

test('RFC 8689 4.2.1: a server that nothing proves is the end, with 5.7.10, under any rule', async () => {
  await using it = await one(OFFERED, { level: 'may' });
  const header = await it.world.put(TEXT, { requireTls: true });
  await deliver(header.id, it.world.ports);
  assert.equal(it.server.messages.length, 0);
  assert.match((await it.world.incoming())[0]?.text ?? '', /^Status: 5\.7\.10\r$/m);
});

test('RFC 8689 2: what is offered in clear does not count', async () => {
  await using it = await one({ extensions: ['REQUIRETLS'] }, { level: 'none' });
  const header = await it.world.put(TEXT, { requireTls: true, reversePath: '' });
  await deliver(header.id, it.world.ports);
  assert.equal(it.server.messages[0]?.mail, 'MAIL FROM:<>');
});

test('RFC 8689 5: a report is not lost for want of REQUIRETLS', async () => {
  await using it = await one({ identity }, secure);
  const header = await it.world.put(TEXT, { requireTls: true, reversePath: '' });
  await deliver(header.id, it.world.ports);
  assert.equal(it.server.messages.length, 1);
});

test('what a message wants of TLS: the envelope first, then the field, as the policy allows', () => {
  const header = { requireTls: false, reversePath: 'a@acme.example', extra: {} };
  const optional = { ...header, extra: { tlsRequired: 'no' } };
  const says = (isDemanded: boolean, honoursNo: boolean) => ({
    requireTls: { isDemanded, honoursNo },
  });
  assert.equal(tlsWishOf(header, {}), 'none');
  assert.equal(tlsWishOf({ ...header, requireTls: true }, says(false, true)), 'demanded');
  assert.equal(tlsWishOf(header, says(true, true)), 'demanded');
  assert.equal(tlsWishOf(optional, says(true, true)), 'demanded', 'the policy is the stricter one');
  assert.equal(tlsWishOf(optional, says(false, true)), 'optional');
  assert.equal(tlsWishOf(optional, says(false, false)), 'none');
  assert.equal(tlsWishOf({ ...header, requireTls: true, reversePath: '' }, {}), 'asked');
});

const hop = (tlsRule: TlsRule, more: Partial<NextHop> = {}): NextHop => ({
  host: 'mx.bravo.example',
  address: '192.0.2.1',
  port: 25,
  tlsRule,
  nexthopDomain: 'bravo.example',
  hostSource: 'secure-mx',
  ...more,
});
const none = { kind: 'none', reason: 'no records' } as const;
const routes = { withTlsa: async (one: NextHop) => ({ ...one, tlsa: none }) };

test('RFC 8689 4.2.2: TLS-Required: No lifts what the domain publishes and never the level', async () => {
  const relaxed = async (rule: TlsRule) => (await targetFor(hop(rule), 'optional', routes)).tlsRule;
  const found = await relaxed({ level: 'dane', minVersion: 'TLSv1.2', mtaSts: 'auto' });
  assert.deepEqual(
    {
      level: found.level,
      dane: 'dane' in found && found.dane,
      sts: 'mtaSts' in found && found.mtaSts,
    },
    { level: 'may', dane: 'off', sts: 'off' },
  );
  for (const rule of [secure, { level: 'dane-only', minVersion: 'TLSv1.2' } as const]) {
    assert.deepEqual(await relaxed(rule), rule);
  }
  const encrypt = await relaxed({ level: 'encrypt', minVersion: 'TLSv1.2', dane: 'auto' });
  assert.equal(encrypt.level, 'encrypt');
});

test('RFC 8689 4.2.1: the name is proven by DNSSEC or by MTA-STS, or the host gets nothing', async () => {
  const ruleFor = async (more: Partial<NextHop>) =>
    (await targetFor(hop({ level: 'may' }, more), 'demanded', routes)).tlsRule;
  assert.equal((await ruleFor({})).level, 'verify');
  const insecure = await ruleFor({ hostSource: 'insecure-mx' });
  assert.deepEqual([insecure.level, 'match' in insecure && insecure.match], ['verify', []]);
  const policy = { mode: 'enforce', mx: ['mx.bravo.example'], maxAgeSeconds: 86_400 } as const;
  const mtaSts = { kind: 'policy', policy, id: '1', problem: null } as const;
  const allowed = await ruleFor({ hostSource: 'insecure-mx', mtaSts });
  assert.deepEqual(
    [allowed.level, 'match' in allowed && allowed.match],
    ['secure', ['mx.bravo.example']],
  );
  const other = { ...mtaSts, policy: { ...policy, mx: ['other.example'] } };
  assert.equal((await ruleFor({ hostSource: 'insecure-mx', mtaSts: other })).level, 'verify');
});
