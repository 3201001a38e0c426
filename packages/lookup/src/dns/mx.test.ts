import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDomain } from '@sallyport/mail';
import { locateMx, MAX_MX_HOSTS } from './mx.ts';
import type { DnsAnswer, RecordData, RecordType, Resolver } from './records.ts';

type Zone = Readonly<Record<string, unknown[] | 'servfail' | 'nxdomain'>>;

function resolverOf(zone: Zone): Resolver {
  return {
    query: <Type extends RecordType>(name: string, type: Type) => {
      const found = zone[`${type} ${name}`] ?? zone[name];
      const answer =
        found === 'servfail'
          ? { kind: 'failure', reason: 'servfail' }
          : found === 'nxdomain'
            ? { kind: 'none', reason: 'nxdomain', secure: false }
            : found === undefined
              ? { kind: 'none', reason: 'nodata', secure: false }
              : { kind: 'answer', records: found, secure: false, ttl: 60, canonicalName: name };
      return Promise.resolve(answer as DnsAnswer<RecordData[Type]>);
    },
  };
}

const domain = parseDomain('bravo.example');
assert.ok(domain !== null);
const locate = (zone: Zone) => locateMx(domain, { resolver: resolverOf(zone), random: () => 0 });

test('RFC 7505 section 3: a single MX "." says that the domain takes no mail', async () => {
  const route = await locate({ 'MX bravo.example': [{ preference: 0, exchange: '' }] });
  assert.deepEqual(route, { kind: 'null-mx' });
});

test('RFC 5321 5.1: a domain that does not exist is not the same as one whose DNS fails', async () => {
  assert.equal((await locate({ 'bravo.example': 'nxdomain' })).kind, 'domain-unknown');
  assert.equal((await locate({ 'MX bravo.example': 'servfail' })).kind, 'failure');
  assert.equal((await locate({})).kind, 'domain-unknown');
  assert.equal((await locate({ 'A bravo.example': 'servfail' })).kind, 'failure');
});

test('RFC 5321 5.1: MX records of which none is usable are an error, never the implicit MX', async () => {
  const route = await locate({
    'MX bravo.example': [{ preference: 0, exchange: 'mx.bravo.example' }],
    'A bravo.example': ['198.51.100.1'],
  });
  assert.equal(route.kind, 'failure');
});

test('RFC 5321 5.1: without MX the domain itself is the host', async () => {
  const route = await locate({ 'A bravo.example': ['198.51.100.1'] });
  assert.ok(route.kind === 'mx' && route.implicit);
  assert.deepEqual(route.hosts[0].addresses, [{ address: '198.51.100.1', family: 4 }]);
});

test('RFC 5321 5.1: lowest preference first, and no more hosts than the bound', async () => {
  const exchanges = Array.from({ length: 40 }, (_, i) => `mx${i}.bravo.example`);
  const zone = Object.fromEntries(exchanges.map((name) => [`A ${name}`, ['198.51.100.1']]));
  const route = await locate({
    ...zone,
    'MX bravo.example': exchanges.map((exchange, i) => ({ preference: 40 - i, exchange })),
  });
  assert.ok(route.kind === 'mx');
  assert.equal(route.hosts.length, MAX_MX_HOSTS);
  const preferences = route.hosts.map(({ preference }) => preference);
  assert.deepEqual(
    preferences,
    [...preferences].sort((a, b) => a - b),
  );
});

test('RFC 5321 5.1: one MX whose addresses cannot be learnt now does not stop the other', async () => {
  const route = await locate({
    'MX bravo.example': [
      { preference: 1, exchange: 'bad.bravo.example' },
      { preference: 2, exchange: 'good.bravo.example' },
    ],
    'bad.bravo.example': 'servfail',
    'A good.bravo.example': ['198.51.100.1'],
  });
  assert.ok(route.kind === 'mx');
  assert.equal(route.hosts[0].failure, 'servfail');
  assert.equal(route.hosts[1]?.addresses.length, 1);
});
