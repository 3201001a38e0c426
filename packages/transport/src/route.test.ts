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
  const host = (name: string, addresses: string[]) => ({
    name,
    preference: 1,
    addresses: addresses.map((address) => ({ address, family: 4 as const })),
    secure: false,
    failure: null,
  });
  const mx: MailRoute = {
    kind: 'mx',
    hosts: [host('a.example', ['192.0.2.1', '192.0.2.2']), host('b.example', ['192.0.2.3'])],
    secure: false,
    implicit: false,
  };
  const route = await resolveRoute(request({ mxLookup: () => Promise.resolve(mx) }));
  assert.ok(route.kind === 'hops');
  assert.deepEqual(
    route.hops.map(({ address }) => address),
    ['192.0.2.1', '192.0.2.2', '192.0.2.3'],
  );
});
