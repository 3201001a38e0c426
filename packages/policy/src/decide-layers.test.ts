import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decideInward } from './decide-inward.ts';
import { type ListFacts, type ReviewFacts, withListDemand } from './decide-layers.ts';
import { decideOutward } from './decide-outward.ts';
import type { InwardFacts } from './inward-decision.ts';
import { inwardRuleFor } from './inward-rule.ts';
import { type AppliedPartner, outwardRuleFor } from './match.ts';
import type { OutwardFacts } from './outward-decision.ts';
import { BRAVO, CHARLIE, INWARD_FACTS, OUTWARD_FACTS, policyOf } from './testing.ts';

const outward = (outbound: object): AppliedPartner =>
  outwardRuleFor(policyOf({ partners: [{ name: 'B', domains: [BRAVO], outbound }] }), BRAVO);

const FACTS: OutwardFacts = { ...OUTWARD_FACTS, innerSignatures: 'valid' };

const NOT_REVIEWED: readonly ReviewFacts[] = [
  { kind: 'none' },
  { kind: 'unusable', reason: 'the review signature does not verify' },
];

test('RFC 3183 2.2, 3.4 (DS-V9): what the rule wants reviewed does not leave without a review that counts', () => {
  for (const otherwise of ['hold', 'refuse'] as const) {
    for (const sign of ['domain', 'none'] as const) {
      const rule = outward({ review: 'required', encrypt: 'none', sign, otherwise });
      for (const review of [...NOT_REVIEWED, undefined]) {
        const facts = review === undefined ? FACTS : { ...FACTS, review };
        const decision = decideOutward(facts, rule);
        assert.equal(decision.kind, otherwise);
        assert.ok('fault' in decision);
        assert.equal(decision.fault, 'review-required');
      }
      const review = { kind: 'reviewed', reviewer: 'review-authority@acme.example' } as const;
      const decision = decideOutward({ ...FACTS, review }, rule);
      assert.equal(decision.kind, sign === 'domain' ? 'sign-only' : 'pass');
    }
  }
});

test('a release from hold does not stand in for a review', () => {
  const rule = outward({ review: 'required', encrypt: 'none' });
  assert.equal(decideOutward({ ...FACTS, released: true }, rule).kind, 'hold');
});

test('without the rule nobody asks for a review', () => {
  const rule = outward({ encrypt: 'none' });
  for (const review of NOT_REVIEWED) {
    assert.equal(decideOutward({ ...FACTS, review }, rule).kind, 'sign-only');
  }
});

const LIST: ListFacts = {
  kind: 'unusable',
  fault: 'list-attributes-unusable',
  reason: 'the signers of a mail list do not agree on its expansion history',
};

test('RFC 2634 4.1: a list that cannot be carried on keeps the domain from signing, and only that', () => {
  const signing = decideOutward({ ...FACTS, list: LIST }, outward({ encrypt: 'none' }));
  assert.equal(signing.kind, 'hold');
  assert.ok('fault' in signing);
  assert.equal(signing.fault, 'list-attributes-unusable');
  const passing = outward({ encrypt: 'none', sign: 'none' });
  assert.equal(decideOutward({ ...FACTS, list: LIST }, passing).kind, 'pass');
});

test('RFC 3183 5: over encryption the domain signature is encrypted or does not leave, whatever the rule says', () => {
  const list = { kind: 'must-encrypt' } as const;
  for (const encrypt of ['none', 'when-possible', 'required'] as const) {
    const rule = outward({ encrypt });
    assert.equal(withListDemand(rule, list).outbound.encrypt, 'required');
    const missing = decideOutward({ ...FACTS, list }, rule);
    assert.equal(missing.kind, 'hold');
    assert.ok('fault' in missing);
    assert.equal(missing.fault, 'recipient-certificate-missing');
    const away = { kind: 'unavailable', fault: 'dns-failure' } as const;
    assert.equal(decideOutward({ ...FACTS, list, certificate: away }, rule).kind, 'wait');
    const skipped = decideOutward({ ...FACTS, list, certificate: { kind: 'not-looked-up' } }, rule);
    assert.equal(skipped.kind, 'wait');
  }
  const unsigned = outward({ encrypt: 'none', sign: 'none' });
  assert.equal(withListDemand(unsigned, list), unsigned, 'only a domain signature is meant');
  const plain = outward({ encrypt: 'none' });
  assert.equal(withListDemand(plain, { kind: 'plain' }), plain);
});

const inward = (labels: object | undefined, otherwise = 'refuse') => {
  const inbound = { otherwise, ...(labels === undefined ? {} : { labels }) };
  const parsed = policyOf({ partners: [{ name: 'B', domains: [BRAVO], inbound }] });
  return inwardRuleFor(parsed, { reversePath: BRAVO, claimed: [BRAVO] });
};

interface Said {
  readonly policy: string;
  readonly equivalents: readonly string[];
}

const said = (labels: readonly Said[], warning: string | null = null): InwardFacts => ({
  ...INWARD_FACTS,
  labels: {
    labels: labels.map(({ policy, equivalents }) => ({
      label: { policy },
      equivalents: equivalents.map((one) => ({ policy: one })),
    })),
    warning,
  },
});

test('RFC 2634 3.1.2 (DS-V8): a label of a policy that is not recognised stops the message', () => {
  for (const otherwise of ['refuse', 'hold'] as const) {
    const rule = inward({ recognised: ['1.2.3'] }, otherwise);
    for (const policies of [
      [{ policy: '1.2.4', equivalents: [] }],
      [{ policy: '1.2.4', equivalents: ['1.2.5'] }],
      [
        { policy: '1.2.3', equivalents: [] },
        { policy: '1.2.4', equivalents: [] },
      ],
    ]) {
      const decision = decideInward(said(policies), rule);
      assert.equal(decision.kind, otherwise);
      assert.ok('fault' in decision);
      assert.equal(decision.fault, 'label-unrecognised');
    }
  }
  const flagged = decideInward(
    said([{ policy: '1.2.4', equivalents: [] }]),
    inward({ recognised: [] }, 'flag'),
  );
  assert.ok(flagged.kind === 'deliver' && flagged.flagged);
});

test('RFC 2634 3.4.2: a label that is recognised passes, and so does one with an equivalent that is', () => {
  const rule = inward({ recognised: ['1.2.3'] });
  for (const policies of [
    [],
    [{ policy: '1.2.3', equivalents: [] }],
    [{ policy: '1.2.4', equivalents: ['1.2.3'] }],
  ]) {
    const decision = decideInward(said(policies), rule);
    assert.ok(decision.kind === 'deliver' && !decision.flagged);
  }
  const unasked = decideInward(said([{ policy: '9.9', equivalents: [] }]), inward(undefined));
  assert.ok(unasked.kind === 'deliver' && !unasked.flagged);
});

test('RFC 2634 3.1.2 (DS-V8): labels that differ are warned of, and stop the message where labels matter', () => {
  const warning = 'the security labels of its signers are not identical';
  const warned = decideInward(
    said([{ policy: '1.2.3', equivalents: [] }], warning),
    inward(undefined),
  );
  assert.ok(warned.kind === 'deliver' && warned.flagged);
  assert.match(warned.sentence, /not identical/);
  const stopped = decideInward(
    said([{ policy: '1.2.3', equivalents: [] }], warning),
    inward({ recognised: ['1.2.3'] }),
  );
  assert.equal(stopped.kind, 'refuse');
});

test('what nothing proves is refused before anybody looks at its labels', () => {
  const facts = said([{ policy: '9.9', equivalents: [] }]);
  const verdict = { ...facts.verdict, integrity: false };
  const decision = decideInward({ ...facts, verdict }, inward({ recognised: ['1.2.3'] }));
  assert.ok(decision.kind === 'refuse');
  assert.equal(decision.fault, 'decryption-failed');
});

test('the strictest of two records recognises only what both do', () => {
  const two = policyOf({
    partners: [
      { name: 'B', domains: [BRAVO], inbound: { labels: { recognised: ['1.2.3', '1.2.4'] } } },
      { name: 'C', domains: [CHARLIE], inbound: { labels: { recognised: ['1.2.4', '1.2.5'] } } },
    ],
  });
  const both = inwardRuleFor(two, { reversePath: BRAVO, claimed: [CHARLIE] });
  assert.deepEqual(both.inbound.labels, { recognised: ['1.2.4'] });
  const one = policyOf({
    partners: [
      { name: 'B', domains: [BRAVO] },
      { name: 'C', domains: [CHARLIE], inbound: { labels: { recognised: ['1.2.4'] } } },
    ],
  });
  const rule = inwardRuleFor(one, { reversePath: BRAVO, claimed: [CHARLIE] });
  assert.deepEqual(rule.inbound.labels, { recognised: ['1.2.4'] });
});

test('for no facts does a demanded review, or list handling, make the result weaker', () => {
  const review = fc.constantFrom<ReviewFacts>(...NOT_REVIEWED, { kind: 'reviewed', reviewer: 'r' });
  const list = fc.constantFrom<ListFacts>({ kind: 'plain' }, { kind: 'must-encrypt' }, LIST);
  const encrypt = fc.constantFrom('none', 'when-possible', 'required');
  const certificate = fc.constantFrom<OutwardFacts['certificate']>(
    { kind: 'none', unusable: null },
    { kind: 'unavailable', fault: 'dns-failure' },
    { kind: 'not-looked-up' },
  );
  fc.assert(
    fc.property(review, list, encrypt, certificate, fc.nat(), (...given) => {
      const [reviewed, listed, encrypted, found, waitedMs] = given;
      const rule = outward({ review: 'required', encrypt: encrypted });
      const facts = { ...FACTS, review: reviewed, list: listed, certificate: found, waitedMs };
      const decision = decideOutward(facts, rule);
      if (decision.kind !== 'sign-only' && decision.kind !== 'pass') return;
      assert.equal(reviewed.kind, 'reviewed');
      assert.equal(listed.kind, 'plain');
      assert.notEqual(encrypted, 'required');
    }),
    { seed: 3183 },
  );
});
