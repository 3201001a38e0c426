import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DnsAnswer, RecordData, RecordType, Resolver } from '@sallyport/lookup';
import { type HostSource, locateTlsa } from './locate-tlsa.ts';

type Answer =
  | 'servfail'
  | 'none'
  | 'insecure-none'
  | { readonly records: readonly unknown[]; readonly secure?: boolean; readonly end?: string };

function resolverOf(zone: Readonly<Record<string, Answer>>): Resolver & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    query: <Type extends RecordType>(name: string, type: Type) => {
      const question = `${type} ${name}`;
      asked.push(question);
      const found = zone[question] ?? 'none';
      const answer =
        found === 'servfail'
          ? { kind: 'failure', reason: 'servfail' }
          : found === 'none' || found === 'insecure-none'
            ? { kind: 'none', reason: 'nodata', secure: found === 'none' }
            : { kind: 'answer', secure: true, ttl: 60, canonicalName: found.end ?? name, ...found };
      return Promise.resolve(answer as DnsAnswer<RecordData[Type]>);
    },
  };
}

const TLSA = { usage: 3, selector: 1, matchingType: 1, association: Buffer.alloc(32) };
const HOST = { records: ['192.0.2.1'] };
const look = (zone: Readonly<Record<string, Answer>>, hostSource: HostSource = 'secure-mx') => {
  const resolver = resolverOf(zone);
  const request = {
    host: 'mx.bravo.example',
    port: 25,
    hostSource,
    nexthopDomain: 'bravo.example',
  };
  return locateTlsa(request, resolver).then((found) => ({ found, asked: resolver.asked }));
};

test('RFC 7672 section 2.2.2: where addresses are not proven nobody asks for TLSA', async () => {
  const insecure = { ...HOST, secure: false };
  for (const AAAA of ['insecure-none', 'servfail'] as const) {
    const zone = {
      'A mx.bravo.example': insecure,
      'AAAA mx.bravo.example': AAAA,
      '_25._tcp': HOST,
    };
    const { found, asked } = await look(zone);
    assert.equal(found.kind, 'none');
    assert.ok(!asked.some((one) => one.startsWith('TLSA')));
  }
});

test('RFC 7672 section 2.1.2: a failure in a zone that is proven, or that nobody knows, is one', async () => {
  for (const zone of [
    { 'A mx.bravo.example': HOST, 'AAAA mx.bravo.example': 'servfail' },
    { 'A mx.bravo.example': 'servfail', 'AAAA mx.bravo.example': 'servfail' },
    { 'A mx.bravo.example': HOST, 'TLSA _25._tcp.mx.bravo.example': 'servfail' },
  ] as const) {
    assert.equal((await look(zone)).found.kind, 'failure');
  }
});

test('RFC 7672 section 2.2.3: TLSA that are not proven are none', async () => {
  const TLSA_NAME = 'TLSA _25._tcp.mx.bravo.example';
  const insecure = { records: [TLSA], secure: false };
  const { found } = await look({ 'A mx.bravo.example': HOST, [TLSA_NAME]: insecure });
  assert.equal(found.kind, 'none');
});

test('RFC 7672 section 3.2.2: the names of usage 2 follow from how the host is known', async () => {
  const zone = {
    'A mx.bravo.example': HOST,
    'TLSA _25._tcp.mx.bravo.example': { records: [TLSA] },
    'MX bravo.example': { records: [{}], end: 'expanded.example' },
  };
  for (const [source, names] of [
    ['secure-mx', ['mx.bravo.example', 'bravo.example', 'expanded.example']],
    ['insecure-mx', ['mx.bravo.example']],
    ['configured', ['mx.bravo.example']],
  ] as const) {
    const { found } = await look(zone, source);
    assert.deepEqual(found.kind === 'records' && found.names, names);
  }
});

test('an address in place of a name has no TLSA, and nobody asks', async () => {
  const resolver = resolverOf({});
  const request = { port: 25, hostSource: 'configured', nexthopDomain: 'bravo.example' } as const;
  for (const host of ['192.0.2.1', '2001:db8::1']) {
    assert.equal((await locateTlsa({ ...request, host }, resolver)).kind, 'none');
  }
  assert.deepEqual(resolver.asked, []);
});
