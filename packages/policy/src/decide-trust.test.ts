/** Trust in the decision: what is revoked, cannot be found out, changed, or is not published. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideInward } from './decide-inward.ts';
import { decideOutward } from './decide-outward.ts';
import type { InwardFacts } from './inward-decision.ts';
import { inwardRuleFor } from './inward-rule.ts';
import { outwardRuleFor } from './match.ts';
import type { CertificateFacts, OutwardFacts } from './outward-decision.ts';
import type { PolicyDocument } from './schema.ts';
import { BRAVO, GOOD_VERDICT, INWARD_FACTS, OUTWARD_FACTS, policyOf } from './testing.ts';
import type { VerdictFacts } from './verdict.ts';

const ofBravo = (record: object): PolicyDocument =>
  policyOf({ partners: [{ name: 'B', domains: [BRAVO], ...record }] });

/** What becomes of mail to a partner, in two words. */
function outward(certificate: CertificateFacts, outbound: object, waitedMs = 0): string {
  const facts: OutwardFacts = { ...OUTWARD_FACTS, certificate, waitedMs };
  const decision = decideOutward(facts, outwardRuleFor(ofBravo({ outbound }), BRAVO));
  return 'fault' in decision ? `${decision.kind} ${decision.fault}` : decision.kind;
}

test('a revoked, unfit or changed certificate is held or refused by its own name', () => {
  const faults = {
    revoked: 'recipient-certificate-revoked',
    unfit: 'recipient-certificate-unfit',
    'key-changed': 'partner-key-changed',
  } as const;
  for (const [unusable, fault] of Object.entries(faults)) {
    const facts = { kind: 'none', unusable: unusable as keyof typeof faults } as const;
    assert.equal(outward(facts, {}), `hold ${fault}`);
    assert.equal(outward(facts, { otherwise: 'refuse' }), `refuse ${fault}`);
    assert.equal(outward(facts, { encrypt: 'when-possible' }), 'sign-only');
  }
});

test('hard mode without an answer waits where encryption is required, else as lookupFailure says', () => {
  const facts = { kind: 'unavailable', fault: 'revocation-unavailable' } as const;
  // biome-ignore lint/suspicious/noThenProperty: the word of the policy document
  const lookupFailure = { wait: '15m', then: 'hold' };
  const possible = { encrypt: 'when-possible', lookupFailure };
  assert.equal(outward(facts, {}), 'wait revocation-unavailable');
  assert.equal(outward(facts, {}, 9e9), 'wait revocation-unavailable', 'however long it lasts');
  assert.equal(outward(facts, possible), 'wait revocation-unavailable');
  assert.equal(outward(facts, possible, 900_001), 'hold lookup-unavailable');
});

const GOOD: VerdictFacts = { ...GOOD_VERDICT, encryption: 'none' };

function inward(
  verdict: Partial<VerdictFacts>,
  record: { readonly inbound?: object; readonly trust?: object } = {},
  more: Partial<InwardFacts> = {},
): string {
  const policy = ofBravo({
    ...record,
    inbound: { encryption: 'when-present', ...record.inbound },
  });
  const facts: InwardFacts = { ...INWARD_FACTS, verdict: { ...GOOD, ...verdict }, ...more };
  const decision = decideInward(
    facts,
    inwardRuleFor(policy, { reversePath: BRAVO, claimed: [BRAVO] }),
  );
  return 'fault' in decision ? `${decision.kind} ${decision.fault}` : decision.kind;
}

test('a revoked signer is refused by name, also where no signature is demanded', () => {
  const revoked = { signature: 'invalid', fault: 'signer-revoked' } as const;
  assert.equal(inward(revoked), 'refuse signer-revoked');
  assert.equal(
    inward(revoked, { inbound: { signature: 'when-present' } }),
    'refuse signer-revoked',
  );
});

test('a signer of whom nobody says whether he is revoked is a temporary answer in every rule', () => {
  const unknown = { signature: 'unverifiable', fault: 'revocation-unavailable' } as const;
  for (const signature of ['domain-required', 'any-required', 'when-present']) {
    for (const otherwise of ['refuse', 'hold', 'flag']) {
      const decided = inward(unknown, { inbound: { signature, otherwise } });
      assert.equal(decided, 'wait revocation-unavailable', `${signature} ${otherwise}`);
    }
  }
  // It comes before the filter, and after what may tell nothing.
  const found = { filter: { kind: 'refuse', reason: 'r' } } as const;
  assert.equal(inward(unknown, {}, found), 'wait revocation-unavailable');
  const secret = { ...unknown, encryption: 'domain', integrity: false } as const;
  assert.equal(inward(secret), 'refuse decryption-failed');
});

test('TM-4: mismatch and not found are recorded; only require refuses them, and waits for an answer', () => {
  const words = ['match', 'mismatch', 'not-found', 'unavailable'] as const;
  for (const senderLookup of words) {
    assert.equal(inward({ senderLookup }, { trust: { senderLookup: 'compare' } }), 'deliver');
  }
  const required = { trust: { senderLookup: 'require' } };
  assert.deepEqual(
    words.map((senderLookup) => inward({ senderLookup }, required)),
    [
      'deliver',
      'refuse signer-not-published',
      'refuse signer-not-published',
      'wait directory-unreachable',
    ],
  );
  assert.equal(inward({}, required), 'refuse signer-not-published', 'nobody looked');
});
