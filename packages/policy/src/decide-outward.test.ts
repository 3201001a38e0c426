import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decideOutward } from './decide-outward.ts';
import { type AppliedPartner, outwardRuleFor } from './match.ts';
import type { CertificateFacts, OutwardFacts } from './outward-decision.ts';
import { parsePolicyDocument } from './schema.ts';
import { BRAVO, OUTWARD_FACTS, policyOf, validatedAuthority } from './testing.ts';

const certificate = validatedAuthority('ec-p256');

function applied(outbound: object, agreement?: object): AppliedPartner {
  const policy = policyOf({
    partners: [
      {
        name: 'Bravo',
        domains: [BRAVO],
        outbound,
        ...(agreement === undefined ? {} : { agreement }),
      },
    ],
  });
  return outwardRuleFor(policy, BRAVO);
}

const FACTS: OutwardFacts = {
  ...OUTWARD_FACTS,
  certificate: { kind: 'found', certificate, door: 'ldap-srv' },
};

const certificateFacts = fc.constantFrom<CertificateFacts>(
  { kind: 'found', certificate, door: 'ldap-srv' },
  { kind: 'none', unusable: null },
  { kind: 'none', unusable: 'expired' },
  { kind: 'none', unusable: 'mismatch' },
  { kind: 'none', unusable: 'untrusted' },
  { kind: 'unavailable', fault: 'directory-unreachable' },
  { kind: 'none', unusable: 'revoked' },
  { kind: 'none', unusable: 'unfit' },
  { kind: 'none', unusable: 'key-changed' },
  { kind: 'unavailable', fault: 'dns-failure' },
  { kind: 'unavailable', fault: 'revocation-unavailable' },
  { kind: 'not-looked-up' },
);

const anyFacts: fc.Arbitrary<OutwardFacts> = fc.record({
  originator: fc.constantFrom('authenticated', 'unknown'),
  innerSignatures: fc.constantFrom('none', 'valid', 'invalid', 'unverifiable'),
  certificate: certificateFacts,
  filter: fc.constantFrom(
    { kind: 'clean', scanned: true } as const,
    { kind: 'clean', scanned: false } as const,
    { kind: 'hold', reason: 'r' } as const,
    { kind: 'refuse', reason: 'r' } as const,
    { kind: 'unavailable', whenDown: 'wait', reason: 'r' } as const,
    { kind: 'unavailable', whenDown: 'hold', reason: 'r' } as const,
  ),
  waitedMs: fc.nat(),
  protectedBytes: fc.nat(),
  nextHopLimitBytes: fc.option(fc.nat()),
  released: fc.boolean(),
  now: fc.date({ noInvalidDate: true }),
});

test('encrypt: required never yields anything that leaves unencrypted, whatever the facts', () => {
  fc.assert(
    fc.property(anyFacts, fc.constantFrom('hold', 'refuse'), (facts, otherwise) => {
      const decision = decideOutward(facts, applied({ encrypt: 'required', otherwise }));
      assert.ok(!['sign-only', 'pass'].includes(decision.kind), decision.kind);
      assert.notEqual(decision.sentence, '');
    }),
    { numRuns: 500 },
  );
});

test('sign: domain never yields anything that leaves unsigned (DS-E5)', () => {
  fc.assert(
    fc.property(
      anyFacts,
      fc.constantFrom('required', 'when-possible', 'none'),
      (facts, encrypt) => {
        const decision = decideOutward(facts, applied({ sign: 'domain', encrypt }));
        assert.notEqual(decision.kind, 'pass');
        if (decision.kind === 'protect') assert.equal(decision.sign, true);
      },
    ),
    { numRuns: 500 },
  );
});

test('DS-G1, DS-G2: no domain signature without authentic originator and valid inner signatures', () => {
  fc.assert(
    fc.property(anyFacts, (facts) => {
      const decision = decideOutward(facts, applied({ encrypt: 'when-possible' }));
      const signs = decision.kind === 'protect' || decision.kind === 'sign-only';
      if (!signs) return;
      assert.equal(facts.originator, 'authenticated');
      assert.ok(facts.innerSignatures === 'none' || facts.innerSignatures === 'valid');
    }),
    { numRuns: 500 },
  );
});

test('a scanner that is down waits or holds, and never passes', () => {
  for (const whenDown of ['wait', 'hold'] as const) {
    const filter = { kind: 'unavailable', whenDown, reason: 'no answer' } as const;
    assert.equal(decideOutward({ ...FACTS, filter }, applied({})).kind, whenDown);
  }
});

test('each reason for a missing certificate has its own fault', () => {
  const faults = [null, 'untrusted', 'expired', 'mismatch'] as const;
  const found = faults.map((unusable) => {
    const decision = decideOutward(
      { ...FACTS, certificate: { kind: 'none', unusable } },
      applied({}),
    );
    assert.equal(decision.kind, 'hold');
    return decision.fault;
  });
  assert.equal(new Set(found).size, faults.length);
});

test('a broken directory delays when-possible mail by the wait of the rule and no longer', () => {
  const rule = applied({
    encrypt: 'when-possible',
    // biome-ignore lint/suspicious/noThenProperty: the word of the policy document
    lookupFailure: { wait: '15m', then: 'send-signed' },
  });
  const unavailable = { kind: 'unavailable', fault: 'directory-unreachable' } as const;
  const early = decideOutward({ ...FACTS, certificate: unavailable, waitedMs: 60_000 }, rule);
  assert.deepEqual([early.kind, early.kind === 'wait' && early.waitMs], ['wait', 14 * 60_000]);
  const late = decideOutward({ ...FACTS, certificate: unavailable, waitedMs: 900_000 }, rule);
  assert.deepEqual(
    [late.kind, late.kind === 'sign-only' && late.without],
    ['sign-only', 'lookup-unavailable'],
  );
});

test('an expired agreement holds', () => {
  const agreement = { id: 'A-1', asserts: 'x', validUntil: '2026-11-20', contact: 'a@b.example' };
  const decision = decideOutward(FACTS, applied({}, agreement));
  assert.deepEqual(
    [decision.kind, decision.kind === 'hold' && decision.fault],
    ['hold', 'agreement-expired'],
  );
  const last = { ...agreement, validUntil: '2026-11-21' };
  assert.equal(decideOutward(FACTS, applied({}, last)).kind, 'protect');
});

test('RFC 1870: what would be too big once protected is refused before it is encrypted', () => {
  const decision = decideOutward(
    { ...FACTS, protectedBytes: 101, nextHopLimitBytes: 100 },
    applied({}),
  );
  assert.deepEqual(
    [decision.kind, decision.kind === 'refuse' && decision.fault],
    ['refuse', 'protected-too-big'],
  );
});

test('releasing lifts the hold of the filter, not the rule for encryption', () => {
  const held = { ...FACTS, filter: { kind: 'hold', reason: 'review' } as const };
  assert.equal(decideOutward(held, applied({})).kind, 'hold');
  assert.equal(decideOutward({ ...held, released: true }, applied({})).kind, 'protect');
  const missing = {
    ...held,
    released: true,
    certificate: { kind: 'none', unusable: null } as const,
  };
  assert.equal(decideOutward(missing, applied({})).kind, 'hold');
});

test('RFC 8551 2.7.1: a recipient that reads nothing good enough is held or refused, never sent less', () => {
  const weak = { content: [], namesContent: true, keyTransport: [] };
  const found = {
    kind: 'found',
    certificate,
    door: 'pinned',
    capabilities: { announced: [weak], certificate: null },
  } as const;
  for (const encrypt of ['required', 'when-possible'] as const) {
    for (const otherwise of ['hold', 'refuse'] as const) {
      const decision = decideOutward(
        { ...FACTS, certificate: found },
        applied({ encrypt, otherwise }),
      );
      assert.deepEqual(
        [decision.kind, 'fault' in decision && decision.fault],
        [otherwise, 'no-common-algorithm'],
      );
      assert.match(decision.sentence, /as strong as AES-128-CBC/);
    }
  }
});

test('a rule that the key cannot meet is held; encryption when possible is then not possible', () => {
  const rule = { keyTransport: 'rsa-oaep' };
  const held = decideOutward(FACTS, applied(rule));
  assert.deepEqual([held.kind, 'fault' in held && held.fault], ['hold', 'no-common-algorithm']);
  const signed = decideOutward(FACTS, applied({ ...rule, encrypt: 'when-possible' }));
  assert.deepEqual(
    [signed.kind, signed.kind === 'sign-only' && signed.without],
    ['sign-only', 'key-unusable'],
  );
});

test('the decision tells the algorithms and who chose them', () => {
  const decision = decideOutward(FACTS, applied({ floor: 'aes128-gcm' }));
  assert.ok(decision.kind === 'protect');
  assert.deepEqual(
    [decision.content, decision.contentSource, decision.keyTransport, decision.keyTransportSource],
    ['aes256-gcm', 'default', 'ecdh', 'certificate'],
  );
  assert.match(
    decision.sentence,
    /with AES-256-GCM \(the default .*\) and ECDH \(.* EC key\); revocation is not checked\.$/,
  );
});

test('RFC 9788 3.3: Subject is hidden where nothing else is said; inner layers are base64', () => {
  const said = (outbound: object): readonly unknown[] => {
    const decision = decideOutward(FACTS, applied(outbound));
    assert.ok(decision.kind === 'protect');
    return [decision.protectHeaders, decision.headerConfidentiality, decision.innerEncoding];
  };
  assert.deepEqual(said({}), [true, 'baseline', 'base64']);
  const other = { headerConfidentiality: 'shy', binaryInside: true, protectHeaders: false };
  assert.deepEqual(said(other), [false, 'shy', 'binary']);
  const wrong = {
    partners: [{ name: 'B', domains: ['b.example'], outbound: { headerConfidentiality: 'x' } }],
  };
  assert.equal(parsePolicyDocument(wrong).kind, 'invalid');
});
