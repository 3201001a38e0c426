import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Domain } from '@sallyport/mail';
import { inwardRuleFor } from './inward-rule.ts';
import { parsePolicyDocument } from './schema.ts';

const [A, B] = ['alpha.example', 'bravo.example'] as Domain[] as [Domain, Domain];

function partner(name: string, domain: string) {
  const tls = { level: 'encrypt', clientName: `gw.${domain}` };
  return { name, domains: [domain], inbound: { tls } };
}

test('design section 5: where two records demand a client name, both are demanded', () => {
  const parsed = parsePolicyDocument({ partners: [partner('A', A), partner('B', B)] });
  assert.ok(parsed.kind === 'ok');
  for (const claimed of [
    [A, B],
    [B, A],
  ]) {
    const rule = inwardRuleFor(parsed.policy, { reversePath: B, claimed });
    assert.deepEqual(rule.clientNames.toSorted(), [`gw.${A}`, `gw.${B}`]);
  }
  const other = inwardRuleFor(parsed.policy, { reversePath: null, claimed: [] });
  assert.deepEqual(other.clientNames, []);
});

test('two partners of one name are refused: decisions, records and trust go by it', () => {
  const parsed = parsePolicyDocument({ partners: [partner('A', A), partner('A', B)] });
  assert.ok(parsed.kind === 'invalid');
  assert.equal(parsed.faults[0]?.reason, 'name twice: A');
});

test('RFC 8551 section 6: algorithms of the past count only if every record that matches says so', () => {
  const old = { legacyAlgorithms: 'accept' } as const;
  const parsed = parsePolicyDocument({
    partners: [
      { name: 'A', domains: [A], inbound: old },
      { name: 'B', domains: [B] },
    ],
  });
  assert.ok(parsed.kind === 'ok');
  const legacyOf = (claimed: readonly Domain[]): string =>
    inwardRuleFor(parsed.policy, { reversePath: null, claimed }).inbound.legacyAlgorithms;
  assert.equal(legacyOf([A]), 'accept');
  for (const claimed of [[B], [A, B], [B, A], []]) assert.equal(legacyOf(claimed), 'refuse');
});
