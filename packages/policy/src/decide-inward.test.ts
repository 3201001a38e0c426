import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Domain } from '@sallyport/mail';
import fc from 'fast-check';
import { decideInward } from './decide-inward.ts';
import type { InwardFacts } from './inward-decision.ts';
import { inwardRuleFor } from './inward-rule.ts';
import { parsePolicyDocument } from './schema.ts';
import {
  ANY_VERDICT,
  BRAVO,
  FILTERS,
  GOOD_VERDICT,
  INWARD_FACTS,
  NOW,
  policyOf,
} from './testing.ts';
import type { VerdictFacts } from './verdict.ts';

const OTHER = 'other.example' as Domain;

function rule(inbound: object) {
  const policy = policyOf({ partners: [{ name: 'B', domains: [BRAVO], inbound }] });
  return inwardRuleFor(policy, { reversePath: BRAVO, claimed: [BRAVO] });
}

const anyVerdict: fc.Arbitrary<VerdictFacts> = fc.record({
  ...ANY_VERDICT,
  fault: fc.constantFrom(
    'message-integrity',
    'signer-not-trusted',
    'signer-revoked',
    'revocation-unavailable',
    'decryption-failed',
    null,
  ),
});

const anyFacts: fc.Arbitrary<InwardFacts> = fc.record({
  verdict: anyVerdict,
  filter: fc.constantFrom(...FILTERS),
  tls: fc.constantFrom('none', 'encrypted', 'not-observable'),
  clientNameOk: fc.boolean(),
  correlatedReport: fc.constant(false),
  released: fc.boolean(),
  now: fc.constant(NOW),
});

test('domain-required delivers nothing unflagged but a whole message with a valid, mapped domain signature', () => {
  const strict = rule({
    signature: 'domain-required',
    encryption: 'required',
    otherwise: 'refuse',
  });
  fc.assert(
    fc.property(anyFacts, (facts) => {
      const decision = decideInward(facts, strict);
      if (decision.kind !== 'deliver' || decision.flagged) return;
      const { verdict } = facts;
      assert.equal(verdict.signature, 'valid');
      assert.equal(verdict.signatureType, 'domain');
      assert.notEqual(verdict.mapping, 'mismatch');
      assert.equal(verdict.scope, 'whole');
      assert.notEqual(verdict.encryption, 'none');
    }),
    { numRuns: 1_000 },
  );
});

test('RFC 8551 section 6: opened content without proof of integrity is never delivered, under any rule', () => {
  const rules = ['domain-required', 'any-required', 'when-present'].flatMap((signature) =>
    ['refuse', 'hold', 'flag'].map((otherwise) => rule({ signature, otherwise })),
  );
  fc.assert(
    fc.property(anyFacts, fc.constantFrom(...rules), (facts, given) => {
      const verdict = { ...facts.verdict, encryption: 'domain', integrity: false } as const;
      const decision = decideInward({ ...facts, verdict }, given);
      assert.ok(decision.kind === 'hold' || decision.kind === 'refuse', decision.kind);
      assert.equal(decision.fault, 'decryption-failed');
    }),
    { numRuns: 1_000 },
  );
});

test('every cause of a failed decryption gets the same decision and text', () => {
  const strict = rule({});
  const base = { ...GOOD_VERDICT, integrity: false };
  const causes: VerdictFacts[] = [
    { ...base, fault: 'decryption-failed', signature: 'none', signatureType: null, mapping: null },
    { ...base, signature: 'invalid', fault: 'message-integrity' },
    { ...base, signature: 'unverifiable', fault: 'signer-not-trusted' },
    { ...base, mapping: 'mismatch', fault: 'signer-mismatch' },
  ];
  const filters = [INWARD_FACTS.filter, { kind: 'refuse', reason: 'EICAR' } as const];
  const decisions = causes.flatMap((verdict) =>
    filters.map((filter) =>
      JSON.stringify(decideInward({ ...INWARD_FACTS, verdict, filter }, strict)),
    ),
  );
  assert.equal(new Set(decisions).size, 1, decisions.join('\n'));
});

test('where unsigned encrypted mail is taken, CBC without valid signature is held, never refused', () => {
  const verdict = {
    ...GOOD_VERDICT,
    integrity: false,
    signature: 'none',
    signatureType: null,
  } as const;
  const decision = decideInward({ ...INWARD_FACTS, verdict }, rule({ signature: 'when-present' }));
  assert.equal(decision.kind, 'hold');
});

test('DS-V6: a review signature does not satisfy any-required', () => {
  const verdict = { ...GOOD_VERDICT, signatureType: 'review' } as const;
  const decision = decideInward({ ...INWARD_FACTS, verdict }, rule({ signature: 'any-required' }));
  assert.deepEqual(
    [decision.kind, decision.kind === 'refuse' && decision.fault],
    ['refuse', 'signature-required'],
  );
});

test('the strictest demand of every partner that the message claims applies', () => {
  const policy = policyOf({
    partners: [
      {
        name: 'A',
        domains: [OTHER],
        inbound: { signature: 'when-present', encryption: 'when-present', otherwise: 'flag' },
      },
      {
        name: 'B',
        domains: ['*.bravo.example'],
        inbound: { signature: 'when-present', encryption: 'required', otherwise: 'flag' },
      },
      {
        name: 'C',
        domains: ['gw.bravo.example'],
        inbound: { signature: 'domain-required', encryption: 'when-present', otherwise: 'refuse' },
      },
    ],
  });
  const match = {
    reversePath: OTHER,
    claimed: ['x.bravo.example', 'gw.bravo.example'] as Domain[],
  };
  const { inbound, rule: name } = inwardRuleFor(policy, match);
  assert.deepEqual(
    [inbound.signature, inbound.encryption, inbound.otherwise],
    ['domain-required', 'required', 'refuse'],
  );
  assert.deepEqual(name.split('+').sort(), ['partner:A', 'partner:B', 'partner:C']);
});

test('an exact name beats a wildcard', () => {
  const policy = policyOf({
    partners: [
      { name: 'Wide', domains: ['*.bravo.example'] },
      { name: 'Exact', domains: ['gw.bravo.example'] },
    ],
  });
  const match = { reversePath: null, claimed: ['gw.bravo.example'] as Domain[] };
  assert.equal(inwardRuleFor(policy, match).rule, 'partner:Exact');
});

test('a report that belongs to a message of ours passes without signature, not without clean content', () => {
  const verdict = {
    ...GOOD_VERDICT,
    signature: 'none',
    signatureType: null,
    mapping: null,
    encryption: 'none',
  } as const;
  const report = { ...INWARD_FACTS, verdict, correlatedReport: true };
  const given = rule({ encryption: 'required' });
  assert.equal(decideInward(report, given).kind, 'deliver');
  assert.equal(decideInward({ ...report, correlatedReport: false }, given).kind, 'refuse');
  const filter = { kind: 'refuse', reason: 'EICAR' } as const;
  assert.equal(decideInward({ ...report, filter }, given).kind, 'refuse');
});

test('unknown policy keys and half-meant settings are refused with their path', () => {
  const bad = parsePolicyDocument({
    partners: [
      {
        name: 'B',
        domains: [BRAVO],
        outbound: { encrypt: 'required', lookupFailure: {} },
        nonsense: 1,
      },
    ],
  });
  assert.equal(bad.kind, 'invalid');
  const unsigned = parsePolicyDocument({
    partners: [{ name: 'B', domains: [BRAVO], outbound: { sign: 'none', encrypt: 'required' } }],
  });
  assert.equal(unsigned.kind, 'invalid');
  assert.match(JSON.stringify(unsigned), /partners\.0\.outbound\.signNoneReason/);
});

test('RFC 8551 section 6: what rests on SHA-1 or 3DES counts only where the rule accepts it', () => {
  const verdict = { ...GOOD_VERDICT, legacy: ['sha1'] } as const;
  const refused = decideInward({ ...INWARD_FACTS, verdict }, rule({}));
  assert.deepEqual(
    [refused.kind, refused.kind === 'refuse' && refused.fault],
    ['refuse', 'algorithm-unsupported'],
  );
  const accepted = decideInward({ ...INWARD_FACTS, verdict }, rule({ legacyAlgorithms: 'accept' }));
  assert.equal(accepted.kind, 'deliver');
  assert.equal(decideInward(INWARD_FACTS, rule({})).kind, 'deliver', 'nothing of the past in it');
});

test('TR-6: what TLS lacks is refused whatever the rule says otherwise, until a person releases it', () => {
  const inbound = { tls: { level: 'encrypt', clientName: 'gw.bravo.example' } };
  for (const otherwise of ['refuse', 'hold', 'flag']) {
    const given = rule({ ...inbound, otherwise });
    const clear = decideInward({ ...INWARD_FACTS, tls: 'none', clientNameOk: false }, given);
    assert.deepEqual(
      [clear.kind, clear.kind === 'refuse' && clear.fault],
      ['refuse', 'starttls-required'],
    );
    const strange = decideInward({ ...INWARD_FACTS, clientNameOk: false }, given);
    assert.deepEqual(
      [strange.kind, strange.kind === 'refuse' && strange.fault],
      ['refuse', 'client-certificate-required'],
    );
    const released = decideInward({ ...INWARD_FACTS, tls: 'none', released: true }, given);
    assert.ok(released.kind === 'deliver' && released.flagged);
  }
});

test('what a rule demands of TLS is flagged behind a front, and never counted as met', () => {
  const hidden = { ...INWARD_FACTS, tls: 'not-observable', clientNameOk: false } as const;
  for (const tls of [{ level: 'encrypt' }, { clientName: 'gw.bravo.example' }]) {
    const decision = decideInward(hidden, rule({ tls }));
    assert.ok(decision.kind === 'deliver' && decision.flagged);
    assert.equal(
      decision.sentence,
      'Delivered with a warning: what the rule demands of its TLS cannot be observed behind a front.',
    );
  }
  const warned = { ...hidden, labels: { labels: [], warning: 'labels differ' } };
  const both = decideInward(warned, rule({ tls: { level: 'encrypt' } }));
  assert.match(both.sentence, /labels differ; what the rule demands of its TLS/);
  const free = decideInward(hidden, rule({}));
  assert.ok(free.kind === 'deliver' && !free.flagged, 'nothing is demanded');
  const unsigned = { ...GOOD_VERDICT, signature: 'none', signatureType: null } as const;
  const refused = decideInward(
    { ...hidden, verdict: unsigned },
    rule({ tls: { level: 'encrypt' } }),
  );
  assert.equal(refused.kind, 'refuse', 'the other demands stand');
});
