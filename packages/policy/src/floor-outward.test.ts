/** For no facts does decideOutward yield less than the rule's floor: any facts against any rule. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CONTENT_CIPHERS, KEY_TRANSPORTS, meetsFloor } from './algorithms.ts';
import { decideOutward } from './decide-outward.ts';
import { type AppliedPartner, outwardRuleFor } from './match.ts';
import { durationMs } from './outbound-fields.ts';
import type { CertificateFacts, OutwardDecision, OutwardFacts } from './outward-decision.ts';
import { parsePolicyDocument } from './schema.ts';
import { BRAVO, FILTERS, NOW, validatedAuthority } from './testing.ts';

const certificates = [validatedAuthority('ec-p256'), validatedAuthority('rsa-2048')];

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const anyOutbound = fc.record(
  {
    sign: fc.constantFrom('domain', 'none'),
    signNoneReason: fc.constant('agreed with the partner on paper'),
    profile: fc.constantFrom('domsec', 'compat'),
    encrypt: fc.constantFrom('required', 'when-possible', 'none'),
    content: fc.constantFrom('auto', 'aes128-cbc', 'aes256-cbc', 'aes256-gcm'),
    floor: fc.constantFrom('aes128-cbc', 'aes256-cbc', 'aes128-gcm', 'aes256-gcm'),
    keyTransport: fc.constantFrom('auto', ...KEY_TRANSPORTS),
    review: fc.constantFrom('none', 'required'),
    otherwise: fc.constantFrom('hold', 'refuse'),
    lookupFailure: fc.record({
      wait: fc.constantFrom('15m', '0s', '2h'),
      // biome-ignore lint/suspicious/noThenProperty: the word of the policy document
      then: fc.constantFrom('send-signed', 'hold'),
    }),
  },
  { requiredKeys: ['sign', 'encrypt'] },
);

/** Any rule that the schema takes, with or without an agreement. */
const madeRule: fc.Arbitrary<AppliedPartner> = fc
  .tuple(anyOutbound, maybe(fc.constantFrom('2026-11-20', '2026-11-21', '2026-11-22')))
  .map(([outbound, validUntil]) => {
    const agreement = { id: 'A', asserts: 'x', validUntil, contact: 'c@bravo.example' };
    return parsePolicyDocument({
      partners: [
        {
          name: 'Bravo',
          domains: [BRAVO],
          outbound,
          ...(validUntil === undefined ? {} : { agreement }),
        },
      ],
    });
  })
  .filter((parsed) => parsed.kind === 'ok')
  .map((parsed) => {
    assert.ok(parsed.kind === 'ok');
    return outwardRuleFor(parsed.policy, BRAVO);
  });

/** Making one costs more than deciding by it. */
const rules = fc.constantFrom(...fc.sample(madeRule, { numRuns: 400, seed: 4 }));

const anyCertificate: fc.Arbitrary<CertificateFacts> = fc.oneof(
  fc.record({
    kind: fc.constant('found' as const),
    certificate: fc.constantFrom(...certificates),
    door: fc.constant('ldap-srv'),
    owner: fc.constantFrom('domain' as const, 'user' as const),
  }),
  fc.record({
    kind: fc.constant('none' as const),
    unusable: fc.constantFrom('untrusted', 'expired', 'revoked', 'unfit', 'key-changed', null),
  }),
  fc.record({
    kind: fc.constant('unavailable' as const),
    fault: fc.constantFrom('directory-unreachable', 'dns-failure', 'revocation-unavailable'),
  }),
  fc.constant({ kind: 'not-looked-up' as const }),
);

const anyFacts: fc.Arbitrary<OutwardFacts> = fc.record({
  originator: fc.constantFrom('authenticated', 'unknown'),
  innerSignatures: fc.constantFrom('none', 'valid', 'invalid', 'unverifiable'),
  review: fc.constantFrom(
    { kind: 'reviewed', reviewer: 'r' } as const,
    { kind: 'none' } as const,
    { kind: 'unusable', reason: 'x' } as const,
  ),
  list: fc.constantFrom(
    { kind: 'plain' } as const,
    { kind: 'must-encrypt' } as const,
    { kind: 'unusable', fault: 'list-attributes-unusable', reason: 'x' } as const,
  ),
  certificate: anyCertificate,
  filter: fc.constantFrom(...FILTERS, {
    kind: 'unavailable',
    whenDown: 'hold',
    reason: 'x',
  } as const),
  waitedMs: fc.constantFrom(0, 60_000, 3 * 3_600_000),
  protectedBytes: fc.constantFrom(1_000, 2_000_000),
  nextHopLimitBytes: fc.constantFrom(null, 1_000_000),
  released: fc.boolean(),
  now: fc.constantFrom(NOW, new Date('2026-11-21T23:59:59.999Z'), new Date('2026-11-22T00:00:00Z')),
});

type Goes = Extract<OutwardDecision, { permit: unknown }>;

/** What the rule demands of anything that leaves, whatever else is the case. */
function mayLeave(facts: OutwardFacts, applied: AppliedPartner): boolean {
  const { outbound, agreement } = applied;
  const ends = agreement === undefined ? null : Date.parse(agreement.validUntil) + 86_400_000;
  const { filter, originator, innerSignatures, nextHopLimitBytes: limit } = facts;
  const isLookedAt = filter.kind === 'clean' || (filter.kind === 'hold' && facts.released);
  const isSignable =
    originator === 'authenticated' &&
    (innerSignatures === 'none' || innerSignatures === 'valid') &&
    facts.list?.kind !== 'unusable';
  return (
    (ends === null || facts.now.getTime() < ends) &&
    isLookedAt &&
    (outbound.sign === 'none' || isSignable) &&
    (outbound.review === 'none' || facts.review?.kind === 'reviewed') &&
    (limit === null || facts.protectedBytes <= limit)
  );
}

/** Why mail may leave without encryption; nothing else is a reason. */
function mayLeaveReadable(facts: OutwardFacts, applied: AppliedPartner): boolean {
  const { outbound } = applied;
  const { certificate, list, waitedMs } = facts;
  if (list?.kind === 'must-encrypt' && outbound.sign === 'domain') return false;
  switch (outbound.encrypt) {
    case 'none':
      return true;
    case 'required':
      return false;
    default: {
      // biome-ignore lint/suspicious/noThenProperty: the word of the policy document
      const failure = outbound.lookupFailure ?? { wait: '15m', then: 'send-signed' };
      const isWaited = waitedMs >= durationMs(failure.wait) && failure.then === 'send-signed';
      return (
        certificate.kind === 'none' ||
        (certificate.kind === 'unavailable' && isWaited) ||
        (certificate.kind === 'found' && isKeyOfNoUse(certificate, outbound.keyTransport))
      );
    }
  }
}

function isKeyOfNoUse(
  { certificate }: Extract<CertificateFacts, { kind: 'found' }>,
  keyTransport: string,
): boolean {
  const isRsa = certificate === certificates[1];
  if (keyTransport === 'auto') return false;
  return keyTransport.startsWith('rsa') ? !isRsa : keyTransport !== 'ecdh' || isRsa;
}

function checkFloor(facts: OutwardFacts, applied: AppliedPartner, decision: Goes): void {
  const { outbound } = applied;
  assert.ok(mayLeave(facts, applied), 'it may not leave at all');
  assert.equal(decision.permit.rule, applied.rule);
  if (decision.kind !== 'protect') {
    assert.ok(mayLeaveReadable(facts, applied), 'it may not leave readable');
    assert.equal(decision.kind, outbound.sign === 'domain' ? 'sign-only' : 'pass');
    return;
  }
  assert.equal(decision.sign, outbound.sign === 'domain');
  assert.ok(facts.certificate.kind === 'found');
  assert.equal(decision.encryptTo, facts.certificate.certificate);
  assert.ok(meetsFloor(decision.content, outbound.floor), `${decision.content} is too weak`);
  assert.ok(CONTENT_CIPHERS.includes(decision.content));
  if (outbound.content !== 'auto') assert.equal(decision.content, outbound.content);
  if (outbound.keyTransport !== 'auto') assert.equal(decision.keyTransport, outbound.keyTransport);
}

test('outward: total, and never weaker than the rule', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(anyFacts, rules, (facts, applied) => {
      const decision = decideOutward(facts, applied);
      seen.add(decision.kind);
      assert.ok(decision.sentence.length > 5 && decision.rule === applied.rule);
      if ('permit' in decision) checkFloor(facts, applied, decision);
    }),
    { numRuns: 4_000, seed: 5 },
  );
  assert.deepEqual([...seen].sort(), ['hold', 'pass', 'protect', 'refuse', 'sign-only', 'wait']);
});

test('outward: what nothing stands against does leave', () => {
  const clear = anyFacts.map(
    (facts): OutwardFacts => ({
      ...facts,
      certificate: { kind: 'found', certificate: certificates[0] ?? assert.fail(), door: 'pinned' },
    }),
  );
  fc.assert(
    fc.property(clear, rules, (facts, applied) => {
      fc.pre(mayLeave(facts, applied) && applied.outbound.keyTransport === 'auto');
      assert.ok('permit' in decideOutward(facts, applied));
    }),
    { numRuns: 1_500, seed: 6 },
  );
});
