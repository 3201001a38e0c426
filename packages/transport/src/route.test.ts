import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MailRoute } from '@sallyport/lookup';
import { type Domain, parseDomain } from '@sallyport/mail';
import { type RouteRequest, type RouteRow, resolveRoute } from './route.ts';
import type { TlsRule } from './tls-rule.ts';

const SECURE: TlsRule = { level: 'secure', match: [], minVersion: 'TLSv1.2', anchors: 'system' };

function bravo(): Domain {
  const domain = parseDomain('bravo.example');
  assert.ok(domain);
  return domain;
}

function request(more: Partial<RouteRequest>): RouteRequest {
  return {
    domain: bravo(),
    routes: [],
    partnerRule: SECURE,
    mxPort: 25,
    mxLookup: () => Promise.reject(new Error('no MX is to be asked for')),
    addressLookup: (host) => Promise.resolve({ kind: 'addresses', addresses: [`${host}!`] }),
    mtaStsLookup: () => Promise.reject(new Error('no policy is to be asked for')),
    ...more,
  };
}

const row = (more: Partial<RouteRow>): RouteRow => ({
  domain: 'bravo.example',
  nextHops: [{ host: '127.0.0.1', port: 2525 }],
  tlsRule: { level: 'none' },
  trustedHop: false,
  ...more,
});

const HOP = { host: 'relay.bravo.example', port: 2525 };
const INSECURE = { secure: false, implicit: false } as const;

const mxHost = (name: string, addresses: readonly string[]) => ({
  name,
  preference: 1,
  addresses: addresses.map((address) => ({ address, family: 4 as const })),
  secure: false,
  failure: null,
});

const faults: [MailRoute, string][] = [
  [{ kind: 'null-mx' }, 'null-mx'],
  [{ kind: 'domain-unknown', reason: 'x' }, 'domain-unknown'],
  [{ kind: 'failure', fault: 'dns-failure', reason: 'servfail' }, 'dns-failure'],
];

for (const [answer, fault] of faults) {
  test(`RFC 5321 5.1, RFC 7505: MX answer ${answer.kind} is the fault ${fault}`, async () => {
    const route = await resolveRoute(request({ mxLookup: () => Promise.resolve(answer) }));
    assert.equal(route.kind === 'fault' && route.fault, fault);
  });
}

test('a route never weakens a mandatory partner rule', async () => {
  const route = await resolveRoute(request({ routes: [row({})] }));
  assert.ok(route.kind === 'hops');
  assert.deepEqual(route.hops[0].tlsRule, SECURE);
  assert.equal(route.hops[0].nexthopDomain, 'bravo.example');
});

test('a mandatory partner rule never weakens the rule of a route', async () => {
  const partnerRule: TlsRule = { level: 'encrypt', minVersion: 'TLSv1.2' };
  const route = await resolveRoute(
    request({ partnerRule, routes: [row({ tlsRule: SECURE, nextHops: [HOP] })] }),
  );
  assert.ok(route.kind === 'hops');
  const [{ tlsRule, furtherRules }] = route.hops;
  assert.deepEqual(tlsRule, partnerRule);
  assert.deepEqual(furtherRules, [
    { tlsRule: SECURE, nexthopDomain: 'relay.bravo.example', from: 'the route' },
  ]);
});

test('a rule of the policy of today is met on every way, and only one that is mandatory beats a route', async () => {
  const mx: MailRoute = { kind: 'mx', hosts: [mxHost('a.example', ['192.0.2.1'])], ...INSECURE };
  const may: TlsRule = { level: 'may', mtaSts: 'off' };
  const furtherOf = async (more: Partial<RouteRequest>) => {
    const route = await resolveRoute(request({ mxLookup: () => Promise.resolve(mx), ...more }));
    assert.ok(route.kind === 'hops');
    const [{ tlsRule, furtherRules = [] }] = route.hops;
    return [tlsRule, ...furtherRules.map((one) => one.tlsRule)].map(({ level }) => level);
  };
  const today = (tlsRule: TlsRule) => ({ furtherRule: { tlsRule, from: 'version 2' } });
  assert.deepEqual(await furtherOf({ partnerRule: may, ...today(SECURE) }), ['may', 'secure']);
  assert.deepEqual(await furtherOf({ ...today(may) }), ['secure', 'may']);
  const routes = [row({})];
  assert.deepEqual(await furtherOf({ routes, partnerRule: may, ...today(SECURE) }), [
    'secure',
    'none',
  ]);
  assert.deepEqual(await furtherOf({ routes, partnerRule: may, ...today(may) }), ['none']);
  const trusted = [row({ trustedHop: true })];
  assert.deepEqual(await furtherOf({ routes: trusted, ...today(SECURE) }), ['none']);
});

test('a smart host never weakens a mandatory partner rule', async () => {
  const route = await resolveRoute(request({ routes: [row({ domain: '*' })] }));
  assert.ok(route.kind === 'hops');
  assert.equal(route.via, 'smart-host');
  assert.deepEqual(route.hops[0].tlsRule, SECURE);
});

test('a route that is named as trusted brings its own TLS rule', async () => {
  const route = await resolveRoute(request({ routes: [row({ trustedHop: true })] }));
  assert.ok(route.kind === 'hops');
  assert.deepEqual(route.hops[0].tlsRule, { level: 'none' });
  assert.equal(route.hops[0].nexthopDomain, '127.0.0.1');
});

test('a domain of ours goes by its route and the rule of the route', async () => {
  const route = await resolveRoute(request({ partnerRule: null, routes: [row({})] }));
  assert.ok(route.kind === 'hops');
  assert.deepEqual(route.hops[0].tlsRule, { level: 'none' });
});

test('RFC 5321 5.1: hosts are tried in MX order, all addresses of each', async () => {
  const hosts = [
    mxHost('a.example', ['192.0.2.1', '192.0.2.2']),
    mxHost('b.example', ['192.0.2.3']),
  ] as const;
  const mx: MailRoute = { kind: 'mx', hosts, ...INSECURE };
  const route = await resolveRoute(request({ mxLookup: () => Promise.resolve(mx) }));
  assert.ok(route.kind === 'hops');
  assert.deepEqual(
    route.hops.map(({ address }) => address),
    ['192.0.2.1', '192.0.2.2', '192.0.2.3'],
  );
});
