import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DnsAnswer, LookupMemory, type RecordData, type RecordType } from '@sallyport/lookup';
import { type Domain, parseDomain } from '@sallyport/mail';
import { type KnownMtaSts, MtaStsLocator } from './locate.ts';

const NOW = new Date('2026-11-21T08:00:00Z');
const DAY_MS = 86_400_000;
const AGE_S = 7 * 86_400;

/** What counts of a policy that was fetched at a moment, while its host cannot be reached. */
async function foundOf(fetchedAt: number, id = 'a'): Promise<string> {
  const policy = { mode: 'enforce', mx: ['mx.bravo.example'], maxAgeSeconds: AGE_S } as const;
  const known: KnownMtaSts = { id: 'a', fetchedAt, policy };
  const clock = { now: () => NOW };
  let asked = 0;
  const locator = new MtaStsLocator({
    clock,
    memory: new LookupMemory(clock),
    allowPrivateAddresses: false,
    resolver: {
      query: <Type extends RecordType>(name: string, type: Type) => {
        if (!name.startsWith('_mta-sts.')) asked += 1;
        const answer = name.startsWith('_mta-sts.')
          ? { kind: 'answer', records: [`v=STSv1; id=${id}`], secure: false, ttl: 60 }
          : { kind: 'failure', reason: 'servfail' };
        assert.ok(type === 'TXT' || answer.kind === 'failure');
        return Promise.resolve(answer as DnsAnswer<RecordData[Type]>);
      },
    },
    store: {
      load: () => Promise.resolve({ kind: 'known', known }),
      save: () => Promise.reject(new Error('nothing was fetched')),
      domains: () => Promise.resolve([]),
    },
    onProblem: () => {},
  });
  const found = await locator.locate(parseDomain('bravo.example') as Domain);
  return `${found.kind}${asked > 0 ? ', looked for anew' : ''}`;
}

test('RFC 8461 section 3.3: a policy counts for its time, and is looked for anew after a day or under a new id', async () => {
  const at = NOW.getTime();
  assert.equal(await foundOf(at), 'policy');
  assert.equal(await foundOf(at - DAY_MS + 1), 'policy');
  assert.equal(await foundOf(at - DAY_MS), 'policy, looked for anew');
  assert.equal(await foundOf(at, 'b'), 'policy, looked for anew');
  assert.equal(await foundOf(at - AGE_S * 1_000 + 1), 'policy, looked for anew');
  assert.equal(await foundOf(at - AGE_S * 1_000), 'unavailable, looked for anew');
});

test('a clock that is set back lifts no policy: it counts, and is looked for anew, for its time at the most', async () => {
  const at = NOW.getTime();
  assert.equal(await foundOf(at + 1), 'policy, looked for anew');
  assert.equal(await foundOf(at + 2 * DAY_MS), 'policy, looked for anew');
  assert.equal(await foundOf(at + AGE_S * 1_000), 'unavailable, looked for anew');
});
