import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TlsResult } from '../tls-result.ts';
import { countsOf, TlsTally, tlsCountSchema } from './tally.ts';

const B = 'bravo.example';

function result(change: Partial<TlsResult> = {}): TlsResult {
  const policy = { type: 'sts', domain: B, strings: ['mx: *.bravo.example'], isEnforced: true };
  const way = { mx: `mx1.${B}`, address: '192.0.2.1' };
  return { policy, result: 'success', reason: null, ...way, ...change } as TlsResult;
}

function tallyOf(...attempts: readonly (readonly TlsResult[])[]): TlsTally {
  const tally = new TlsTally();
  for (const results of attempts) for (const one of countsOf(B, results)) tally.add(one);
  return tally;
}

test('RFC 8460 section 4.2: sessions are counted once, whatever went wrong in them', () => {
  const failed = result({ result: 'certificate-expired', reason: 'CERT_HAS_EXPIRED' });
  const fetch = result({ result: 'sts-policy-fetch-error', reason: 'HTTP status 500' });
  const tally = tallyOf([result()], [result()], [failed, fetch], [failed]);
  const [policy, ...more] = tally.policiesOf(B, '198.51.100.1');
  assert.deepEqual(more, []);
  assert.deepEqual([policy?.successes, policy?.failures], [2, 2]);
  assert.deepEqual(
    policy?.details.map(({ result: type, sessions }) => [type, sessions]),
    [
      ['certificate-expired', 2],
      ['sts-policy-fetch-error', 1],
    ],
  );
  assert.equal(policy?.details[0]?.sendingIp, '198.51.100.1');
  assert.deepEqual(policy?.mxHosts, ['*.bravo.example']);
});

test('RFC 8460 section 4: each policy is told apart, and each host of one attempt is a session', () => {
  const tlsa = {
    type: 'tlsa',
    domain: `mx1.${B}`,
    strings: ['3 1 1 AA'],
    isEnforced: true,
  } as const;
  const other = { mx: `mx2.${B}`, address: '192.0.2.2', result: 'starttls-not-supported' } as const;
  const tally = tallyOf([result(), result({ policy: tlsa }), result(other)]);
  const found = tally
    .policiesOf(B, null)
    .map(({ type, successes, failures }) => [...[type, successes, failures]]);
  assert.deepEqual(found, [
    ['sts', 1, 1],
    ['tlsa', 1, 0],
  ]);
});

test('the sums survive their way through the file', () => {
  const failed = result({ result: 'certificate-not-trusted', reason: 'x' });
  const tally = tallyOf([result()], [failed], [failed]);
  const again = new TlsTally();
  for (const line of tally.counts()) {
    again.add(tlsCountSchema.parse(JSON.parse(JSON.stringify(line))));
  }
  assert.deepEqual(again.policiesOf(B, null), tally.policiesOf(B, null));
});

test('bounded: details, policies and domains beyond the limit are added up or left out', () => {
  const tally = new TlsTally();
  for (let at = 0; at < 1_000; at += 1) {
    const failed = result({ result: 'validation-failure', reason: `reason ${at}` });
    for (const one of countsOf(B, [failed])) tally.add(one);
    const policy = { ...result().policy, strings: [`mode: ${at}`] };
    for (const one of countsOf(B, [result({ policy })])) tally.add(one);
  }
  const policies = tally.policiesOf(B, null);
  assert.equal(policies.length, 16);
  assert.equal(policies[0]?.failures, 1_000);
  const details = policies[0]?.details ?? [];
  assert.equal(details.length, 101);
  assert.equal(
    details.reduce((sum, { sessions }) => sum + sessions, 0),
    1_000,
  );
  for (let at = 0; at < 25_000; at += 1) {
    for (const one of countsOf(`d${at}.example`, [result()])) tally.add(one);
  }
  assert.equal(tally.domains.length, 20_000);
});
