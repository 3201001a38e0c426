/** Whatever the facts and whatever the rule, decideInward never delivers less than the rule demands. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Domain } from '@sallyport/mail';
import fc from 'fast-check';
import { decideInward } from './decide-inward.ts';
import type { InwardFacts } from './inward-decision.ts';
import { type InwardRule, inwardRuleFor } from './inward-rule.ts';
import { ANY_VERDICT, BRAVO, CHARLIE, FILTERS, NOW, policyOf } from './testing.ts';

const anyRecord = fc.record(
  {
    inbound: fc.record(
      {
        signature: fc.constantFrom('domain-required', 'any-required', 'when-present'),
        encryption: fc.constantFrom('required', 'when-present'),
        tls: fc.constantFrom(
          { level: 'none' },
          { level: 'encrypt' },
          { level: 'encrypt', clientName: 'gw.bravo.example' },
        ),
        labels: fc.constant({ recognised: ['1.2.3'] }),
        otherwise: fc.constantFrom('refuse', 'hold', 'flag'),
        dmarc: fc.constantFrom('ignore', 'flag', 'hold', 'refuse'),
        legacyAlgorithms: fc.constantFrom('refuse', 'accept'),
      },
      { requiredKeys: [] },
    ),
    trust: fc.record({ senderLookup: fc.constantFrom('off', 'compare', 'require') }),
    agreement: fc
      .constantFrom('2026-11-20', '2026-11-21')
      .map((validUntil) => ({ id: 'A', asserts: 'x', validUntil, contact: 'c' })),
  },
  { requiredKeys: ['inbound', 'trust'] },
);

/** The rule of one record, of two that both match, or of nobody's. */
const madeRule: fc.Arbitrary<InwardRule> = fc
  .tuple(anyRecord, anyRecord, fc.constantFrom([BRAVO], [BRAVO, CHARLIE], []))
  .map(([bravo, charlie, claimed]) => {
    const policy = policyOf({
      partners: [
        { name: 'B', domains: [BRAVO], ...bravo },
        { name: 'C', domains: [CHARLIE], ...charlie },
      ],
      default: { inbound: bravo.inbound },
    });
    return inwardRuleFor(policy, { reversePath: null, claimed });
  });

/** Making one costs more than deciding by it. */
const rules = fc.constantFrom(...fc.sample(madeRule, { numRuns: 400, seed: 4 }));

const anyFacts: fc.Arbitrary<InwardFacts> = fc.record({
  verdict: fc.record({
    ...ANY_VERDICT,
    fault: fc.constantFrom('message-integrity', 'signer-revoked', 'revocation-unavailable', null),
    senderLookup: fc.constantFrom('match', 'mismatch', 'not-found', 'unavailable'),
    legacy: fc.constantFrom([], ['SHA-1']),
  }),
  filter: fc.constantFrom(...FILTERS),
  labels: fc.constantFrom(
    { labels: [], warning: null },
    { labels: [{ label: { policy: '1.2.3' }, equivalents: [] }], warning: null },
    { labels: [{ label: { policy: '1.2.4' }, equivalents: [] }], warning: null },
    { labels: [], warning: 'labels differ' },
  ),
  dmarc: fc.constantFrom(
    { result: 'pass', policy: 'reject', domain: 'b' } as const,
    { result: 'fail', policy: 'reject', domain: 'b' } as const,
    { result: 'fail', policy: 'none', domain: 'b' } as const,
    { result: 'temperror', policy: null, domain: 'b' } as const,
  ),
  tls: fc.constantFrom('none', 'encrypted', 'not-observable'),
  clientNameOk: fc.boolean(),
  correlatedReport: fc.boolean(),
  released: fc.boolean(),
  now: fc.constantFrom(NOW, new Date('2026-11-22T00:00:00Z')),
});

/** What stands against delivery, whatever a rule flags and a person releases. */
function isForbidden({ verdict, filter, released, now }: InwardFacts, rule: InwardRule): boolean {
  return (
    (verdict.encryption === 'domain' && !verdict.integrity) ||
    rule.agreementEnds.some((date) => Date.parse(date) + 86_400_000 <= now.getTime()) ||
    filter.kind === 'refuse' ||
    filter.kind === 'unavailable' ||
    (filter.kind === 'hold' && !released) ||
    verdict.fault === 'revocation-unavailable'
  );
}

/** The demands of the rule that a message does not meet, each by itself. */
function unmetDemands(facts: InwardFacts, rule: InwardRule): readonly string[] {
  const { verdict, correlatedReport } = facts;
  const { inbound } = rule;
  const demanded = inbound.signature !== 'when-present';
  const isAuthentic = verdict.signatureType === 'domain' || verdict.signatureType === 'originator';
  const isGood =
    verdict.signature === 'valid' &&
    verdict.mapping !== 'mismatch' &&
    verdict.scope === 'whole' &&
    (inbound.signature === 'domain-required' ? verdict.signatureType === 'domain' : isAuthentic);
  const isBad =
    verdict.signature === 'invalid' ||
    (verdict.signature === 'valid' &&
      (verdict.mapping === 'mismatch' ||
        (inbound.legacyAlgorithms === 'refuse' && (verdict.legacy ?? []).length > 0)));
  const hasStrangeLabel = facts.labels?.labels.some(({ label }) => label.policy !== '1.2.3');
  const unmet: readonly (readonly [string, boolean | undefined])[] = [
    [
      'encryption',
      inbound.encryption === 'required' && verdict.encryption === 'none' && !correlatedReport,
    ],
    ['tls', inbound.tls.level === 'encrypt' && facts.tls === 'none'],
    ['client', rule.clientDemands.length > 0 && facts.tls === 'encrypted' && !facts.clientNameOk],
    ['signature', !correlatedReport && ((demanded && !isGood) || isBad)],
    ['label', inbound.labels !== undefined && (hasStrangeLabel || facts.labels?.warning !== null)],
    [
      'sender',
      rule.senderLookup === 'require' &&
        verdict.signature === 'valid' &&
        verdict.senderLookup !== 'match',
    ],
  ];
  return unmet.flatMap(([name, isUnmet]) => (isUnmet === true ? [name] : []));
}

test('inward: total, and never weaker than the rule', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(anyFacts, rules, (facts, rule) => {
      const decision = decideInward(facts, rule);
      seen.add(decision.kind);
      assert.ok(decision.sentence.length > 5 && decision.rule === rule.rule);
      if (decision.kind !== 'deliver') return;
      assert.ok(!isForbidden(facts, rule), 'it may not be delivered at all');
      assert.equal(decision.permit.rule, rule.rule);
      assert.equal(decision.deliver, rule.inbound.deliver);
      const unmet = unmetDemands(facts, rule);
      if (unmet.length === 0) return;
      assert.ok(decision.flagged, `delivered without a warning, though: ${unmet.join()}`);
      assert.ok(facts.released || rule.inbound.otherwise === 'flag', unmet.join());
      const isTransport = unmet.includes('tls') || unmet.includes('client');
      assert.ok(facts.released || !isTransport, 'transport is never only flagged');
    }),
    { numRuns: 6_000, seed: 7 },
  );
  assert.deepEqual([...seen].sort(), ['deliver', 'hold', 'refuse', 'wait']);
});

test('inward: a rule of two records is no weaker than either of them', () => {
  fc.assert(
    fc.property(anyFacts, anyRecord, anyRecord, (facts, bravo, charlie) => {
      const policy = policyOf({
        partners: [
          { name: 'B', domains: [BRAVO], ...bravo },
          { name: 'C', domains: [CHARLIE], ...charlie },
        ],
      });
      const ruleOf = (claimed: readonly Domain[]) =>
        inwardRuleFor(policy, { reversePath: BRAVO, claimed });
      const both = decideInward(facts, ruleOf([CHARLIE]));
      if (both.kind !== 'deliver' || both.flagged) return;
      const alone = inwardRuleFor(policy, { reversePath: CHARLIE, claimed: [] });
      for (const rule of [ruleOf([]), alone]) {
        assert.deepEqual(unmetDemands(facts, rule), []);
      }
    }),
    { numRuns: 1_500, seed: 8 },
  );
});
