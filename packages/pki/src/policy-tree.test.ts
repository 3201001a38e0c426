import assert from 'node:assert/strict';
import { test } from 'node:test';
import { der } from '@sallyport/der';
import { PKIX } from './oids.ts';
import { validatePath } from './path.ts';
import type { InitialPolicies } from './policy-tree.ts';
import { CA_EXTENSIONS, certificate, extension, NOW, type Party } from './test-authority.ts';

const [A, B, C] = ['2.999.1', '2.999.2', '2.999.3'] as const;

function policies(...list: string[]): Buffer {
  const infos = list.map((oid) => der.sequence(der.oid(oid)));
  return extension(PKIX.certificatePolicies, der.sequence(...infos));
}

function mappings(...pairs: (readonly [string, string])[]): Buffer {
  const list = pairs.map(([from, to]) => der.sequence(der.oid(from), der.oid(to)));
  return extension(PKIX.policyMappings, der.sequence(...list), 'critical');
}

function inhibitAny(skip: number): Buffer {
  return extension(PKIX.inhibitAnyPolicy, der.integer(skip), 'critical');
}

function demand(skip: number): Buffer {
  const value = der.sequence(der.implicit(0, der.integer(skip)));
  return extension(PKIX.policyConstraints, value, 'critical');
}

/** The extensions of each CA below the root, and of the end entity last. */
function check(levels: readonly (readonly Buffer[])[], initial: InitialPolicies = {}): string {
  const root = certificate({ cn: 'Root', extensions: CA_EXTENSIONS });
  const cas: Party[] = [];
  for (const [index, more] of levels.slice(0, -1).entries()) {
    const extensions = [...CA_EXTENSIONS, ...more];
    cas.push(certificate({ cn: `CA ${index}`, issuer: cas.at(-1) ?? root, extensions }));
  }
  const leaf = certificate({
    cn: 'Leaf',
    issuer: cas.at(-1) ?? root,
    extensions: levels.at(-1) ?? [],
  });
  const result = validatePath({
    leaf: leaf.certificate,
    intermediates: cas.map((ca) => ca.certificate),
    anchors: [root.certificate],
    time: NOW,
    purpose: 'any',
    policies: initial,
    limits: { maxIntermediates: 20 },
  });
  return result.kind === 'valid' ? 'valid' : result.code;
}

const explicit = { requireExplicit: true };

test('RFC 5280 6.1.1: policies count only where somebody demands one', () => {
  assert.equal(check([[policies(A)], []]), 'valid');
  assert.equal(check([[policies(A)], []], explicit), 'policy');
  assert.equal(check([[policies(A), demand(0)], [policies(B)]]), 'policy');
  assert.equal(check([[policies(A), demand(0)], [policies(A)]]), 'valid');
  assert.equal(check([[policies(A)], [policies(A)]], { ...explicit, accepted: [B] }), 'policy');
  assert.equal(check([[policies(A)], [policies(A)]], { ...explicit, accepted: [A] }), 'valid');
  assert.equal(check([[policies(A)], [policies(A)]], { ...explicit, accepted: [] }), 'policy');
});

test('RFC 5280 6.1.4 (b): what the user accepts is a policy of the first domain, through all mappings', () => {
  const chain = [[policies(A), mappings([A, B])], [policies(B), mappings([B, C])], [policies(C)]];
  assert.equal(check(chain, { ...explicit, accepted: [A] }), 'valid');
  assert.equal(check(chain, { ...explicit, accepted: [C] }), 'policy');
  assert.equal(check(chain, { ...explicit, inhibitMapping: true }), 'policy');
  const fromAny = [[policies(PKIX.anyPolicy), mappings([A, B])], [policies(B)]];
  assert.equal(check(fromAny, { ...explicit, accepted: [A] }), 'valid');
  assert.equal(check(fromAny, { ...explicit, accepted: [B] }), 'policy', 'B there is our A');
});

test('RFC 5280 6.1.3 (d)(2), 6.1.4 (j): anyPolicy counts until it is inhibited', () => {
  const any = policies(PKIX.anyPolicy);
  assert.equal(check([[any], [policies(A)]], { ...explicit, accepted: [A] }), 'valid');
  assert.equal(check([[any], [any]], { ...explicit, accepted: [A] }), 'valid');
  assert.equal(check([[any], [policies(A)]], { ...explicit, inhibitAny: true }), 'policy');
  assert.equal(check([[any, inhibitAny(0)], [any]], explicit), 'policy');
  assert.equal(check([[any, inhibitAny(1)], [any], [any]], explicit), 'policy');
  assert.equal(check([[any, inhibitAny(1)], [any], [policies(A)]], explicit), 'valid');
});

test('RFC 9618 1.2: many mappings on many levels cost what they are long, not their product', () => {
  const names = Array.from({ length: 24 }, (_, index) => `2.999.7.${index}`);
  // Every policy maps to every policy: a tree would have 24 to the power of 8 leaves.
  const pairs = names
    .slice(0, 10)
    .flatMap((from) => names.slice(0, 10).map((to) => [from, to] as const));
  const level = [policies(...names.slice(0, 10)), mappings(...pairs)];
  const levels = [...Array<Buffer[]>(8).fill(level), [policies(...names.slice(0, 10))]];
  assert.equal(check(levels, { ...explicit, accepted: ['2.999.7.3'] }), 'valid');
  assert.equal(check(levels, { ...explicit, accepted: ['2.999.8'] }), 'policy');
});
