import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DnsAnswer, RecordData, RecordType, Resolver } from '@sallyport/lookup';
import { type Domain, parseDomain } from '@sallyport/mail';
import { parsePolicyDocument } from '@sallyport/policy';
import type { MtaStsLocator } from '@sallyport/transport';
import { createRouteLocator } from './routes.ts';

const RECORDS: Readonly<Record<string, readonly unknown[]>> = {
  'MX bravo.example': [{ preference: 10, exchange: 'mx.bravo.example' }],
  'A mx.bravo.example': ['192.0.2.1'],
};

const resolver: Resolver = {
  query: <Type extends RecordType>(name: string, type: Type) => {
    const records = RECORDS[`${type} ${name}`];
    const answer =
      records === undefined
        ? { kind: 'none', reason: 'nodata', secure: false }
        : { kind: 'answer', records, secure: false, ttl: 60, canonicalName: name };
    return Promise.resolve(answer as DnsAnswer<RecordData[Type]>);
  },
};

type Tls = Readonly<Record<string, unknown>>;

/** What holds for mail to bravo.example that version 1 decided, once version 2 is in force. */
async function located(then: Tls, now: Tls | null, decidedBy: number | null = 1) {
  const versions = [then, ...(now === null ? [] : [now])].map((tls, at) => {
    const parsed = parsePolicyDocument({
      partners: [{ name: 'Bravo', domains: ['bravo.example'], tls }],
    });
    assert.ok(parsed.kind === 'ok', JSON.stringify(parsed));
    return { version: at + 1, sha256: '', policy: parsed.policy };
  });
  const routes = createRouteLocator({
    ...{ rows: [], ownDomains: [], mxPort: 25, resolver },
    mtaSts: {
      locate: () => Promise.resolve({ kind: 'none' }),
    } as unknown as MtaStsLocator,
    policy: (version) => {
      const found = versions.at((version ?? 0) - 1);
      return found === undefined ? Promise.reject(new Error('gone')) : Promise.resolve(found);
    },
  });
  const found = await routes.locate(parseDomain('bravo.example') as Domain, decidedBy ?? undefined);
  assert.ok(found.route.kind === 'hops');
  const [{ tlsRule, furtherRules = [] }] = found.route.hops;
  const levels = [tlsRule, ...furtherRules.map((one) => one.tlsRule)].map(({ level }) => level);
  return { ...found, levels, from: furtherRules.map((one) => one.from) };
}

test('the rule that a message was decided by holds beside the one that is in force', async () => {
  const found = await located({ level: 'may' }, { level: 'secure' });
  assert.deepEqual(found.levels, ['may', 'secure']);
  assert.deepEqual(found.from, ['version 2, in force now,']);
  assert.deepEqual([found.policyVersion, found.rule], [1, 'partner:Bravo']);
  assert.deepEqual((await located({ level: 'encrypt' }, { level: 'none' })).levels, [
    'encrypt',
    'none',
  ]);
});

test('nothing is added where the version is in force, demands the same, or nobody decided by one', async () => {
  const level = 'encrypt';
  assert.deepEqual((await located({ level }, null)).levels, [level]);
  assert.deepEqual((await located({ level }, { level })).levels, [level]);
  assert.deepEqual((await located({ level: 'may' }, { level }, 2)).levels, [level]);
  const { levels, policyVersion } = await located({ level: 'may' }, { level }, null);
  assert.deepEqual([levels, policyVersion], [[level], 2]);
});

test('RFC 8689: REQUIRETLS of either version counts, TLS-Required: No only where both honour it', async () => {
  const wish = async (then: Tls, now: Tls) => {
    const { requireTls } = await located({ level: 'may', ...then }, { level: 'may', ...now });
    return [requireTls?.isDemanded, requireTls?.honoursNo];
  };
  assert.deepEqual(await wish({}, { requireTls: true }), [true, true]);
  assert.deepEqual(await wish({ requireTls: true }, {}), [true, true]);
  const ignore = { tlsRequiredNo: 'ignore' };
  assert.deepEqual(await wish({}, {}), [false, true]);
  assert.deepEqual(await wish(ignore, {}), [false, false]);
  assert.deepEqual(await wish({}, ignore), [false, false]);
});

test('a version that cannot be read any more stops the mail, and no other stands in for it', async () => {
  await assert.rejects(located({ level: 'may' }, { level: 'may' }, 3));
});
