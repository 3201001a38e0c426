import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Domain } from '@sallyport/mail';
import { inwardRuleFor } from './inward-rule.ts';
import { parsePolicyDocument } from './schema.ts';
import { policyOf } from './testing.ts';

const [A, B] = ['alpha.example', 'bravo.example'] as Domain[] as [Domain, Domain];

function partner(name: string, domain: string) {
  const tls = { level: 'encrypt', clientName: `gw.${domain}` };
  return { name, domains: [domain], inbound: { tls } };
}

test('design section 5: where two records demand a client name, both are demanded', () => {
  const policy = policyOf({ partners: [partner('A', A), partner('B', B)] });
  for (const claimed of [
    [A, B],
    [B, A],
  ]) {
    const rule = inwardRuleFor(policy, { reversePath: B, claimed });
    const names = rule.clientDemands.map(({ name }) => name);
    assert.deepEqual(names.toSorted(), [`gw.${A}`, `gw.${B}`]);
  }
  const other = inwardRuleFor(policy, { reversePath: null, claimed: [] });
  assert.deepEqual(other.clientDemands, []);
});

test('two partners of one name are refused: decisions, records and trust go by it', () => {
  const parsed = parsePolicyDocument({ partners: [partner('A', A), partner('A', B)] });
  assert.ok(parsed.kind === 'invalid');
  assert.equal(parsed.faults[0]?.reason, 'name twice: A');
});

test('RFC 8551 section 6: algorithms of the past count only if every record that matches says so', () => {
  const old = { legacyAlgorithms: 'accept' } as const;
  const policy = policyOf({
    partners: [
      { name: 'A', domains: [A], inbound: old },
      { name: 'B', domains: [B] },
    ],
  });
  const legacyOf = (claimed: readonly Domain[]): string =>
    inwardRuleFor(policy, { reversePath: null, claimed }).inbound.legacyAlgorithms;
  assert.equal(legacyOf([A]), 'accept');
  for (const claimed of [[B], [A, B], [B, A], []]) assert.equal(legacyOf(claimed), 'refuse');
});

test('TR-6: each record says itself who vouches for its client; a demanded certificate demands TLS', () => {
  const pem = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n';
  const own = { clientName: 'gw.a.example', clientAnchors: [pem] };
  const policy = policyOf({
    partners: [
      { name: 'A', domains: [A], inbound: { tls: own } },
      { name: 'B', domains: [B], inbound: { tls: { clientName: 'gw.b.example' } } },
    ],
  });
  const rule = inwardRuleFor(policy, { reversePath: B, claimed: [A] });
  assert.equal(rule.inbound.tls.level, 'encrypt');
  assert.deepEqual(rule.clientDemands, [
    { name: 'gw.a.example', anchors: [pem] },
    { name: 'gw.b.example', anchors: 'gateway' },
  ]);
  const onlyA = inwardRuleFor(policy, { reversePath: A, claimed: [] });
  assert.equal(onlyA.inbound.tls.level, 'encrypt');
});

test('an anchor without a name is refused: it would let in everybody whom it certifies', () => {
  const pem = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n';
  const parsed = parsePolicyDocument({
    partners: [{ name: 'A', domains: [A], inbound: { tls: { clientAnchors: [pem] } } }],
  });
  assert.ok(parsed.kind === 'invalid');
  assert.equal(parsed.faults[0]?.path, 'partners.0.inbound.tls.clientAnchors');
});

test('design section 5: an exact name beats a wildcard, and the union is strictest per column', () => {
  const tls = { level: 'encrypt' } as const;
  const policy = policyOf({
    partners: [
      { name: 'All', domains: ['*.alpha.example'], inbound: { tls, encryption: 'required' } },
      {
        name: 'Mild',
        domains: ['mild.alpha.example'],
        inbound: { encryption: 'when-present', signature: 'when-present', otherwise: 'flag' },
      },
      { name: 'B', domains: [B], inbound: { encryption: 'when-present', otherwise: 'hold' } },
    ],
  });
  const of = (reversePath: string | null, ...claimed: string[]) =>
    inwardRuleFor(policy, {
      reversePath: reversePath as Domain | null,
      claimed: claimed as Domain[],
    });
  const mild = of('mild.alpha.example');
  assert.equal(mild.rule, 'partner:Mild');
  assert.equal(mild.inbound.tls.level, 'none');
  assert.equal(of('other.alpha.example').rule, 'partner:All');
  const union = of('mild.alpha.example', B, 'x.alpha.example');
  assert.equal(union.rule, 'partner:B+partner:All+partner:Mild');
  assert.deepEqual(
    [union.inbound.tls.level, union.inbound.encryption, union.inbound.signature],
    ['encrypt', 'required', 'domain-required'],
  );
  assert.equal(union.inbound.otherwise, 'refuse');
  assert.equal(of('stranger.example', B).rule, 'partner:B');
});
