/** A rehearsal says what would be decided, or that the log cannot tell; it never says anything else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decideInward } from './decide-inward.ts';
import { decideOutward } from './decide-outward.ts';
import type { InwardFacts } from './inward-decision.ts';
import { inwardRuleFor } from './inward-rule.ts';
import { outwardRuleFor } from './match.ts';
import type { CertificateFacts, OutwardFacts } from './outward-decision.ts';
import { type LoggedInward, rehearseInward } from './rehearse-inward.ts';
import { type LoggedOutward, rehearseOutward } from './rehearse-outward.ts';
import { rehearseTransport } from './rehearse-transport.ts';
import type { Rehearsed } from './rehearsed.ts';
import type { PolicyDocument } from './schema.ts';
import { BRAVO, NOW, policyOf } from './testing.ts';

function ofBravo(record: object, more: object = {}): PolicyDocument {
  return policyOf({ partners: [{ name: 'Bravo', domains: [BRAVO], ...record }], ...more });
}

function wordOf(decision: { kind: string; fault?: string; flagged?: boolean }): string {
  if (decision.flagged === true) return `${decision.kind} with a warning`;
  return decision.fault === undefined ? decision.kind : `${decision.kind} (${decision.fault})`;
}

const anyAgreement = fc.constantFrom(
  {},
  { agreement: { id: 'A', asserts: 'x', validUntil: '2026-11-20', contact: 'c' } },
);

const outwardPolicies = fc
  .sample(
    fc.tuple(
      fc.record({
        sign: fc.constantFrom('domain', 'none'),
        signNoneReason: fc.constant('agreed with the partner on paper'),
        encrypt: fc.constantFrom('required', 'when-possible', 'none'),
        review: fc.constantFrom('none', 'required'),
        otherwise: fc.constantFrom('hold', 'refuse'),
        discovery: fc.constantFrom(['smimea'], ['smimea', 'cert']),
      }),
      anyAgreement,
      fc.constantFrom({}, { filters: { outward: { refuseNames: [] } } }),
    ),
    { numRuns: 150, seed: 3 },
  )
  .map(([outbound, agreement, filters]) => ofBravo({ outbound, ...agreement }, filters));

const outwardFacts = fc.record({
  originator: fc.constantFrom('authenticated' as const, 'unknown' as const),
  innerSignatures: fc.constantFrom('none' as const, 'invalid' as const),
  review: fc.constantFrom({ kind: 'reviewed', reviewer: 'r' } as const, { kind: 'none' } as const),
  certificate: fc.constantFrom<CertificateFacts>(
    { kind: 'none', unusable: null },
    { kind: 'none', unusable: 'expired' },
    { kind: 'unavailable', fault: 'dns-failure' },
  ),
  filter: fc.constantFrom(
    { kind: 'clean', scanned: true } as const,
    { kind: 'hold', reason: 'x' } as const,
    { kind: 'refuse', reason: 'x' } as const,
  ),
});

/** What holds of the truth: the rehearsal says it, or that it cannot tell. */
function checkTold(rehearsed: Rehearsed, before: string, after: string): void {
  if (rehearsed.kind === 'unknown') return;
  const told = rehearsed.kind === 'same' ? before : rehearsed.to;
  assert.equal(told.replace(/ with (?!a warning).*/, ''), after);
}

test('outward: what is told is what would be decided, for any facts and any two rules', () => {
  const policies = fc.constantFrom(...outwardPolicies);
  const kinds = new Set<string>();
  fc.assert(
    fc.property(outwardFacts, policies, policies, (some, before, after) => {
      const facts: OutwardFacts = {
        ...some,
        waitedMs: 0,
        protectedBytes: 0,
        nextHopLimitBytes: null,
        released: false,
        now: NOW,
      };
      const then = decideOutward(facts, outwardRuleFor(before, BRAVO));
      const would = decideOutward(facts, outwardRuleFor(after, BRAVO));
      const logged: LoggedOutward = {
        domain: BRAVO,
        localPart: 'bob',
        own: null,
        hasEvidence: some.originator === 'authenticated',
        decision: then.kind,
        fault: 'fault' in then ? then.fault : null,
      };
      const { rehearsed } = rehearseOutward(logged, { before, after, now: NOW });
      kinds.add(rehearsed.kind);
      checkTold(rehearsed, wordOf(then), wordOf(would));
      if (rehearsed.kind !== 'changed') return;
      assert.equal(rehearsed.fails, 'permit' in then && !('permit' in would));
    }),
    { numRuns: 4_000, seed: 2 },
  );
  assert.deepEqual([...kinds].sort(), ['changed', 'same', 'unknown']);
});

test('outward: what was encrypted stays so under a rule that asks for it as before', () => {
  const before = ofBravo({ outbound: { encrypt: 'required' } });
  const logged: LoggedOutward = {
    domain: BRAVO,
    localPart: 'bob',
    own: null,
    hasEvidence: true,
    decision: 'protect',
    fault: null,
  };
  const under = (record: object) =>
    rehearseOutward(logged, { before, after: ofBravo(record), now: NOW }).rehearsed;
  assert.equal(under({ outbound: { encrypt: 'when-possible' } }).kind, 'same');
  const profile = under({ outbound: { encrypt: 'required', profile: 'compat' } });
  assert.ok(profile.kind === 'changed' && profile.to === 'protect with profile compat');
  const moved = under({ outbound: { encrypt: 'required', discovery: ['smimea'] } });
  assert.ok(moved.kind === 'unknown' && /whether a certificate is found/.test(moved.why));
  const reviewed = under({ outbound: { encrypt: 'required', review: 'required' } });
  assert.ok(reviewed.kind === 'unknown' && /review signature/.test(reviewed.why));
  const ended = under({
    agreement: { id: 'A', asserts: 'x', validUntil: '2026-11-20', contact: 'c' },
  });
  assert.ok(ended.kind === 'changed' && ended.fails && ended.to === 'hold (agreement-expired)');
});

const inwardPolicies = fc
  .sample(
    fc.tuple(
      fc.record({
        signature: fc.constantFrom('domain-required', 'any-required', 'when-present'),
        encryption: fc.constantFrom('required', 'when-present'),
        tls: fc.constantFrom({ level: 'none' }, { level: 'encrypt' }),
        otherwise: fc.constantFrom('refuse', 'hold', 'flag'),
        dmarc: fc.constantFrom('ignore', 'refuse'),
      }),
      anyAgreement,
    ),
    { numRuns: 150, seed: 9 },
  )
  .map(([inbound, agreement]) => ofBravo({ inbound, ...agreement }));

const inwardFacts = fc.record({
  signature: fc.constantFrom('valid' as const, 'invalid' as const, 'none' as const),
  signatureType: fc.constantFrom('domain' as const, 'originator' as const, null),
  mapping: fc.constantFrom('ok' as const, 'mismatch' as const),
  encryption: fc.constantFrom('domain' as const, 'none' as const),
  integrity: fc.boolean(),
  tls: fc.constantFrom('none' as const, 'encrypted' as const),
  dmarc: fc.constantFrom(
    { result: 'pass', policy: null, domain: BRAVO } as const,
    { result: 'fail', policy: 'reject', domain: BRAVO } as const,
  ),
});

test('inward: what is told is what would be decided, for any facts and any two rules', () => {
  const policies = fc.constantFrom(...inwardPolicies);
  fc.assert(
    fc.property(inwardFacts, policies, policies, (some, before, after) => {
      const { tls, dmarc, integrity, ...words } = some;
      const verdict = { ...words, scope: 'whole' } as const;
      const facts: InwardFacts = {
        verdict: { ...verdict, integrity, fault: null },
        filter: { kind: 'clean', scanned: true },
        dmarc,
        tls,
        clientNameOk: true,
        correlatedReport: false,
        released: false,
        now: NOW,
      };
      const match = { reversePath: BRAVO, claimed: [BRAVO] };
      const then = decideInward(facts, inwardRuleFor(before, match));
      const would = decideInward(facts, inwardRuleFor(after, match));
      // The log knows of a failed decryption by what came of it alone.
      fc.pre(words.encryption === 'none' || integrity || wordOf(then).includes('decryption'));
      const logged: LoggedInward = {
        ...match,
        own: null,
        verdict,
        dmarc,
        tls,
        decision: then.kind,
        flagged: then.kind === 'deliver' && then.flagged,
        fault: 'fault' in then ? then.fault : null,
      };
      const { rehearsed } = rehearseInward(logged, { before, after, now: NOW });
      checkTold(rehearsed, wordOf(then), wordOf(would));
    }),
    { numRuns: 4_000, seed: 4 },
  );
});

test('inward: another trust may make another verdict, and the log cannot tell', () => {
  const rule = { signature: 'domain-required', encryption: 'when-present' };
  const before = ofBravo({ inbound: rule });
  const after = ofBravo({ inbound: rule, trust: { revocation: 'hard' } });
  const logged: LoggedInward = {
    reversePath: BRAVO,
    claimed: [BRAVO],
    own: null,
    verdict: {
      signature: 'valid',
      signatureType: 'domain',
      mapping: 'ok',
      encryption: 'none',
      scope: 'whole',
    },
    dmarc: null,
    tls: 'encrypted',
    decision: 'deliver',
    flagged: false,
    fault: null,
  };
  const { rehearsed } = rehearseInward(logged, { before, after, now: NOW });
  assert.deepEqual(rehearsed, { kind: 'unknown', why: 'whether its signer is trusted' });
  const unsigned = { ...logged, verdict: { ...logged.verdict, signature: 'none' as const } };
  const refused = { ...unsigned, decision: 'refuse' as const, fault: 'signature-required' };
  assert.equal(rehearseInward(refused, { before, after, now: NOW }).rehearsed.kind, 'same');
});

test('transport: clear mail fails a level that demands TLS; what was TLS may or may not meet it', () => {
  const at = (tls: object) => ofBravo({ tls });
  const under = (used: 'tls' | 'clear' | null, after: object) =>
    rehearseTransport(
      { domain: BRAVO, used },
      { before: at({ level: 'may' }), after: at(after), now: NOW },
    );
  const clear = under('clear', { level: 'encrypt' });
  assert.ok(clear.kind === 'changed' && clear.fails);
  assert.equal(under('clear', { level: 'dane' }).kind, 'unknown');
  assert.equal(under('tls', { level: 'secure' }).kind, 'unknown');
  assert.equal(under(null, { level: 'encrypt' }).kind, 'unknown');
  const encrypt = under('tls', { level: 'encrypt' });
  assert.ok(encrypt.kind === 'changed' && !encrypt.fails);
  assert.equal(under('tls', { level: 'may' }).kind, 'same');
  assert.equal(under('tls', { level: 'encrypt', minVersion: 'TLSv1.3' }).kind, 'unknown');
});
