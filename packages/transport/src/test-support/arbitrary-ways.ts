/** What the property tests of TLS rules share: rules as policy rows make them, and facts of a way. */
import assert from 'node:assert/strict';
import { parsePolicyDocument } from '@sallyport/policy';
import fc from 'fast-check';
import type { HostSource, TlsaFinding } from '../dane/locate-tlsa.ts';
import type { MtaStsFinding } from '../mta-sts/locate.ts';
import type { TlsHopFacts } from '../tls-demand-types.ts';
import { type TlsRule, tlsRuleOf } from '../tls-rule.ts';

const SPKI = '11'.repeat(32);
export const record = (usage: number, selector: number, matchingType: number, bytes: number) => ({
  usage,
  selector,
  matchingType,
  association: Buffer.alloc(bytes, 7),
});

const LEVELS = [
  ...(['none', 'may', 'encrypt', 'fingerprint', 'verify', 'secure', 'dane', 'dane-only'] as const),
];

/** Rules as policy rows make them. */
export const rules: fc.Arbitrary<TlsRule> = fc
  .record({
    level: fc.constantFrom(...LEVELS),
    minVersion: fc.constantFrom('TLSv1.2', 'TLSv1.3'),
    match: fc.subarray(['gw.bravo.example', '.bravo.example']),
    dane: fc.constantFrom('auto', 'off'),
    mtaSts: fc.constantFrom('auto', 'off'),
    isPinned: fc.boolean(),
  })
  .map(({ isPinned, ...row }) => {
    const mayPin = row.level === 'verify' || row.level === 'secure';
    const hasPin = row.level === 'fingerprint' || (mayPin && isPinned);
    const tls = { ...row, pins: hasPin ? [{ spki: SPKI }] : [] };
    const parsed = parsePolicyDocument({ default: { tls } });
    assert.ok(parsed.kind === 'ok', JSON.stringify(parsed));
    return tlsRuleOf(parsed.policy.default.tls);
  });

const findings: fc.Arbitrary<TlsaFinding | null> = fc.oneof(
  fc.constant(null),
  fc.constant({ kind: 'none', reason: 'none' } as const),
  fc.constant({ kind: 'failure', reason: 'servfail' } as const),
  fc
    .array(
      fc.constantFrom(
        record(3, 1, 1, 32),
        record(2, 0, 2, 64),
        record(1, 1, 1, 32),
        record(3, 1, 1, 5),
      ),
      { minLength: 1, maxLength: 4 },
    )
    .map(([first, ...others]): TlsaFinding => {
      assert.ok(first);
      const names = ['mx.bravo.example', 'bravo.example'];
      return {
        kind: 'records',
        records: [first, ...others],
        baseDomain: 'mx.bravo.example',
        names,
      };
    }),
);

const policies: fc.Arbitrary<MtaStsFinding | null> = fc.oneof(
  fc.constant(null),
  fc.constant({ kind: 'none' } as const),
  fc.constant({ kind: 'lost', reason: 'torn' } as const),
  fc.constant({ kind: 'unavailable', fault: 'sts-policy-fetch-error', reason: 'x' } as const),
  fc
    .record({
      mode: fc.constantFrom('enforce' as const, 'testing' as const),
      mx: fc.constantFrom(['mx.bravo.example'], ['other.example'], ['*.bravo.example']),
    })
    .map(
      (one): MtaStsFinding => ({
        kind: 'policy',
        id: 'a',
        policy: { ...one, maxAgeSeconds: 60 },
        problem: null,
      }),
    ),
);

export const facts: fc.Arbitrary<TlsHopFacts> = fc.record({
  host: fc.constant('mx.bravo.example'),
  nexthopDomain: fc.constant('bravo.example'),
  hostSource: fc.constantFrom<HostSource>('configured', 'secure-mx', 'insecure-mx'),
  tlsa: findings,
  mtaSts: policies,
});
