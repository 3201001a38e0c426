import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TlsaFinding } from './dane/locate-tlsa.ts';
import type { MtaStsFinding } from './mta-sts/locate.ts';
import { facts, record, rules } from './test-support/arbitrary-ways.ts';
import { decideTls } from './tls-demand.ts';
import { type TlsHopFacts, tlsDemandKey } from './tls-demand-types.ts';
import { isMandatory, type TlsRule } from './tls-rule.ts';

const IDENTITY = {
  fingerprint: 'pins',
  verify: 'names',
  secure: 'names',
  'dane-only': 'dane',
} as const;

test('for no facts does the decision yield less than the rule demands', () => {
  fc.assert(
    fc.property(rules, facts, (rule, known) => {
      const decision = decideTls(rule, known);
      if (decision.kind === 'refuse') return;
      const { demand } = decision;
      assert.ok(demand.isMandatory || !isMandatory(rule), 'clear text under a mandatory level');
      assert.equal(demand.usesTls, rule.level !== 'none');
      const needed = rule.level in IDENTITY ? IDENTITY[rule.level as keyof typeof IDENTITY] : null;
      if (needed !== null) assert.ok(demand.checks.some(({ kind }) => kind === needed));
      if ('minVersion' in rule) assert.equal(demand.minVersion, rule.minVersion);
      const pins = 'pins' in rule ? (rule.pins ?? []) : [];
      assert.equal(
        demand.checks.some(({ kind }) => kind === 'pins'),
        pins.length > 0,
      );
      for (const check of demand.checks)
        if (check.kind === 'names') assert.ok(check.names.length > 0);
    }),
    { numRuns: 2_000 },
  );
});

test('what a domain publishes adds to a rule and never takes from it', () => {
  fc.assert(
    fc.property(rules, facts, (rule, known) => {
      const bare = decideTls(rule, { ...known, tlsa: null, mtaSts: null });
      const whole = decideTls(rule, known);
      if (bare.kind === 'refuse' || whole.kind === 'refuse') return;
      assert.ok(whole.demand.isMandatory || !bare.demand.isMandatory);
      const kinds = whole.demand.checks.map((check) => JSON.stringify(check));
      for (const check of bare.demand.checks) assert.ok(kinds.includes(JSON.stringify(check)));
    }),
    { numRuns: 1_000 },
  );
});

test('RFC 8461 section 2: no MTA-STS policy lets pass what DANE refuses or lifts its checks', () => {
  fc.assert(
    fc.property(rules, facts, (rule, known) => {
      const dane = decideTls(rule, { ...known, mtaSts: null });
      const both = decideTls(rule, known);
      if (dane.kind === 'refuse') assert.equal(both.kind, 'refuse');
      if (dane.kind === 'refuse' || both.kind === 'refuse') return;
      const has = (one: typeof both) => one.demand.checks.some(({ kind }) => kind === 'dane');
      assert.ok(!has(dane) || has(both));
    }),
    { numRuns: 1_000 },
  );
});

test('TR-7: demands that differ in anything have different keys', () => {
  fc.assert(
    fc.property(rules, facts, rules, facts, (rule, known, otherRule, otherKnown) => {
      const one = decideTls(rule, known);
      const other = decideTls(otherRule, otherKnown);
      if (one.kind === 'refuse' || other.kind === 'refuse') return;
      const same = JSON.stringify(one.demand) === JSON.stringify(other.demand);
      assert.equal(tlsDemandKey(one.demand) === tlsDemandKey(other.demand), same);
    }),
    { numRuns: 1_000 },
  );
});

const AUTO: TlsRule = { level: 'may', dane: 'auto', mtaSts: 'auto' };
const usable: TlsaFinding = {
  kind: 'records',
  records: [record(3, 1, 1, 32)],
  baseDomain: 'mx.bravo.example',
  names: ['mx.bravo.example', 'bravo.example'],
};
const enforce: MtaStsFinding = {
  kind: 'policy',
  id: 'a',
  policy: { mode: 'enforce', mx: ['*.bravo.example'], maxAgeSeconds: 60 },
  problem: null,
};
const base: TlsHopFacts = {
  host: 'mx.bravo.example',
  nexthopDomain: 'bravo.example',
  hostSource: 'secure-mx',
  tlsa: null,
  mtaSts: null,
};

test('DANE over a proven MX is enough; over an MX that is not, MTA-STS must be met as well', () => {
  for (const [hostSource, kinds] of [
    ['secure-mx', ['dane']],
    ['insecure-mx', ['dane', 'names']],
  ] as const) {
    const decision = decideTls(AUTO, { ...base, hostSource, tlsa: usable, mtaSts: enforce });
    assert.ok(decision.kind === 'connect');
    assert.deepEqual(
      decision.demand.checks.map(({ kind }) => kind),
      kinds,
    );
  }
});

test('RFC 7672 section 2.2.3: records that nobody can use demand TLS and tell no identity', () => {
  const tlsa: TlsaFinding = { ...usable, records: [record(1, 1, 1, 32)] };
  const decision = decideTls(AUTO, { ...base, tlsa });
  assert.ok(decision.kind === 'connect');
  assert.equal(decision.demand.isMandatory, true);
  assert.deepEqual(decision.demand.checks, []);
  assert.equal(decision.policies[0]?.failure?.result, 'tlsa-invalid');
});

test('each refusal has its fault and its word for the report', () => {
  const only: TlsRule = { level: 'dane-only', minVersion: 'TLSv1.2' };
  const verify: TlsRule = { level: 'verify', match: [], anchors: 'system', minVersion: 'TLSv1.2' };
  const misfit: MtaStsFinding = { ...enforce, policy: { ...enforce.policy, mx: ['x.example'] } };
  const none = { kind: 'none', reason: 'x' } as const;
  const unusable: TlsaFinding = { ...usable, records: [record(0, 0, 1, 32)] };
  const rows: [TlsRule, Partial<TlsHopFacts>, string, string | undefined][] = [
    [AUTO, { tlsa: { kind: 'failure', reason: 'servfail' } }, 'tlsa-unavailable', 'dnssec-invalid'],
    [only, {}, 'dane-required', 'dane-required'],
    [only, { tlsa: none }, 'dane-required', 'dane-required'],
    [only, { tlsa: usable, hostSource: 'insecure-mx' }, 'dane-required', 'dane-required'],
    [only, { tlsa: unusable }, 'dane-required', 'tlsa-invalid'],
    [verify, { hostSource: 'insecure-mx' }, 'mx-not-proven', undefined],
    [AUTO, { mtaSts: misfit }, 'mta-sts-not-met', 'validation-failure'],
    [AUTO, { mtaSts: { kind: 'lost', reason: 'torn' } }, 'mta-sts-not-met', undefined],
  ];
  for (const [rule, more, fault, word] of rows) {
    const decision = decideTls(rule, { ...base, ...more });
    assert.ok(decision.kind === 'refuse', fault);
    assert.equal(decision.fault, fault);
    assert.equal(decision.policies[0]?.failure?.result, word);
  }
});

test('Postfix: verify takes the name of the host, secure the next-hop domain, match goes before both', () => {
  const identity = { anchors: 'system', minVersion: 'TLSv1.2' } as const;
  for (const [level, match, names] of [
    ['verify', [], ['mx.bravo.example']],
    ['secure', [], ['bravo.example', '.bravo.example']],
    ['verify', ['x.example'], ['x.example']],
    ['secure', ['x.example'], ['x.example']],
  ] as const) {
    const decision = decideTls({ level, match, ...identity }, base);
    assert.ok(decision.kind === 'connect');
    const [check] = decision.demand.checks;
    assert.deepEqual(check?.kind === 'names' && check.names, names);
  }
});
