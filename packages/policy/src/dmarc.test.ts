import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideInward } from './decide-inward.ts';
import type { DmarcFacts } from './dmarc.ts';
import type { InwardFacts } from './inward-decision.ts';
import { inwardRuleFor } from './inward-rule.ts';
import { BRAVO, CHARLIE, INWARD_FACTS, policyOf } from './testing.ts';

const TAKES_ALL = { signature: 'when-present', encryption: 'when-present', otherwise: 'flag' };

const FACTS: InwardFacts = {
  ...INWARD_FACTS,
  verdict: {
    signature: 'none',
    signatureType: null,
    mapping: null,
    encryption: 'none',
    scope: 'whole',
    integrity: false,
    fault: null,
  },
};

function ruleOf(inbound: object, other: object = {}) {
  const partners = [
    { name: 'B', domains: [BRAVO], inbound: { ...TAKES_ALL, ...inbound } },
    { name: 'C', domains: [CHARLIE], inbound: { ...TAKES_ALL, ...other } },
  ];
  return inwardRuleFor(policyOf({ partners }), { reversePath: CHARLIE, claimed: [BRAVO] });
}

function outcome(
  dmarc: DmarcFacts | undefined,
  inbound: object,
  facts: Partial<InwardFacts> = {},
): string {
  const given = { ...FACTS, ...(dmarc === undefined ? {} : { dmarc }), ...facts };
  const decision = decideInward(given, ruleOf(inbound));
  if (decision.kind === 'deliver') return decision.flagged ? 'flagged' : 'deliver';
  return `${decision.kind} ${decision.fault}`;
}

const dmarc = (result: DmarcFacts['result'], policy: DmarcFacts['policy']): DmarcFacts => ({
  result,
  policy,
  domain: BRAVO,
});

const ROWS: readonly [DmarcFacts | undefined, string, string, string, string][] = [
  // facts, then what ignore, flag, hold and refuse make of it
  [undefined, 'deliver', 'deliver', 'deliver', 'deliver'],
  [dmarc('pass', 'reject'), 'deliver', 'deliver', 'deliver', 'deliver'],
  [dmarc('none', null), 'deliver', 'deliver', 'deliver', 'deliver'],
  [dmarc('fail', 'none'), 'deliver', 'deliver', 'deliver', 'deliver'],
  [dmarc('fail', 'quarantine'), 'deliver', 'flagged', 'hold dmarc-failed', 'refuse dmarc-failed'],
  [dmarc('fail', 'reject'), 'deliver', 'flagged', 'hold dmarc-failed', 'refuse dmarc-failed'],
  [dmarc('permerror', null), 'deliver', 'flagged', 'hold dmarc-failed', 'refuse dmarc-failed'],
  [dmarc('temperror', null), 'deliver', 'deliver', 'wait dns-failure', 'wait dns-failure'],
];

test('RFC 7489 6.6.2: a failure counts where the domain asks for it and the rule too; an outage waits', () => {
  for (const [facts, ...expected] of ROWS) {
    const made = ['ignore', 'flag', 'hold', 'refuse'].map((word) =>
      outcome(facts, { dmarc: word }),
    );
    assert.deepEqual(made, expected, JSON.stringify(facts));
  }
});

test('a person who releases it, and a report about mail of ours, are not stopped by DMARC', () => {
  const failed = dmarc('fail', 'reject');
  for (const word of ['hold', 'refuse']) {
    assert.equal(outcome(failed, { dmarc: word }, { released: true }), 'flagged');
    const away = dmarc('temperror', null);
    assert.equal(outcome(away, { dmarc: word }, { released: true }), 'deliver');
    assert.equal(outcome(failed, { dmarc: word }, { correlatedReport: true }), 'deliver');
  }
});

test('a rule that only flags what it lacks does not soften a refusal by DMARC', () => {
  const inbound = { dmarc: 'refuse', signature: 'any-required', otherwise: 'flag' };
  assert.equal(outcome(dmarc('fail', 'reject'), inbound), 'refuse dmarc-failed');
  assert.equal(outcome(dmarc('pass', 'reject'), inbound), 'flagged');
});

test('design 4: the reply by DMARC does not depend on whether the message opened', () => {
  const open = { ...FACTS.verdict, encryption: 'domain', integrity: true } as const;
  for (const integrity of [true, false]) {
    const verdict = { ...open, integrity };
    const made = outcome(dmarc('fail', 'reject'), { dmarc: 'refuse' }, { verdict });
    assert.equal(made, 'refuse dmarc-failed');
  }
});

test('of several records the strictest demand counts; everyone else is flagged', () => {
  for (const [one, other, expected] of [
    ['ignore', 'refuse', 'refuse'],
    ['hold', 'flag', 'hold'],
    ['ignore', 'ignore', 'ignore'],
  ]) {
    assert.equal(ruleOf({ dmarc: one }, { dmarc: other }).inbound.dmarc, expected);
  }
  const policy = policyOf({ partners: [{ name: 'B', domains: [BRAVO] }] });
  assert.equal(policy.partners[0]?.inbound.dmarc, 'ignore');
  assert.equal(policy.default.inbound.dmarc, 'flag');
});
