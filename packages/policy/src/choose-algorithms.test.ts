import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { CONTENT_CIPHERS, KEY_TRANSPORTS, meetsFloor } from './algorithms.ts';
import {
  type Announcement,
  type CapabilityFacts,
  type ChoiceSource,
  chooseAlgorithms,
} from './choose-algorithms.ts';
import { outwardRuleFor } from './match.ts';
import { type OutboundPolicy, parsePolicyDocument } from './schema.ts';
import { BRAVO, policyOf } from './testing.ts';

const FLOORS = ['aes128-cbc', 'aes256-cbc', 'aes128-gcm', 'aes256-gcm'] as const;

function ruleOf(outbound: object): OutboundPolicy {
  const policy = policyOf({ partners: [{ name: 'Bravo', domains: [BRAVO], outbound }] });
  return outwardRuleFor(policy, BRAVO).outbound;
}

function faultsOf(outbound: object): readonly string[] {
  const parsed = parsePolicyDocument({
    partners: [{ name: 'Bravo', domains: ['bravo.example'], outbound }],
  });
  return parsed.kind === 'ok' ? [] : parsed.faults.map(({ path }) => path);
}

type Key = Parameters<typeof chooseAlgorithms>[1];

function keyOf(key: KeyObject): Key {
  return { checkKey: () => ({ kind: 'ok', key, description: '' }) };
}

const KEYS = {
  rsa: keyOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey),
  pss: keyOf(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey),
  ec: keyOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey),
  brainpool: keyOf(generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' }).publicKey),
  x25519: keyOf(generateKeyPairSync('x25519').publicKey),
  ed25519: keyOf(generateKeyPairSync('ed25519').publicKey),
  kem: keyOf(generateKeyPairSync('ml-kem-768').publicKey),
  smallKem: keyOf(generateKeyPairSync('ml-kem-512').publicKey),
  weak: { checkKey: () => ({ kind: 'weak', reason: '' }) } satisfies Key,
} as const;

const SILENT: Announcement = { content: [], namesContent: false, keyTransport: [] };

function says(change: Partial<Announcement>): Announcement {
  return { ...SILENT, namesContent: (change.content ?? []).length > 0, ...change };
}

function heard(...announced: readonly Announcement[]): CapabilityFacts {
  return { announced, certificate: null };
}

/** `aes256-gcm/capabilities rsa-oaep/policy`, or why nothing was chosen. */
function choice(outbound: object, key: Key, facts?: CapabilityFacts): string {
  const made = chooseAlgorithms(ruleOf(outbound), key, facts);
  return made.kind === 'chosen'
    ? `${made.content}/${made.contentSource} ${made.keyTransport}/${made.keyTransportSource}`
    : made.kind;
}

// ---- what is known decides

test('RFC 8551 2.7.1.1: the first announced algorithm that we write is taken', () => {
  const facts = heard(says({ content: ['aes256-gcm', 'aes256-cbc'] }));
  assert.equal(choice({}, KEYS.rsa, facts), 'aes256-gcm/capabilities rsa-pkcs1v15/default');
  const old = heard(says({ content: ['aes128-cbc', 'aes256-gcm'] }));
  assert.equal(choice({}, KEYS.rsa, old), 'aes128-cbc/capabilities rsa-pkcs1v15/default');
});

test('SM-5: nothing known is AES-256-CBC, unless the rule says otherwise', () => {
  assert.equal(choice({}, KEYS.rsa), 'aes256-cbc/default rsa-pkcs1v15/default');
  assert.equal(choice({}, KEYS.rsa, heard(SILENT)), 'aes256-cbc/default rsa-pkcs1v15/default');
  assert.match(choice({ contentWhenUnknown: 'aes256-gcm' }, KEYS.rsa), /^aes256-gcm\/default /);
  const announced = heard(says({ content: ['aes128-gcm'] }));
  assert.match(
    choice({ contentWhenUnknown: 'aes256-gcm' }, KEYS.rsa, announced),
    /^aes128-gcm\/cap/,
  );
});

test('RFC 4262: the certificate speaks where no signed message did', () => {
  const certificate = says({ content: ['aes128-gcm'], keyTransport: ['rsa-oaep'] });
  const alone = { announced: [], certificate };
  assert.equal(choice({}, KEYS.rsa, alone), 'aes128-gcm/certificate rsa-oaep/certificate');
  const both = { announced: [says({ content: ['aes256-gcm'] })], certificate };
  assert.equal(choice({}, KEYS.rsa, both), 'aes256-gcm/capabilities rsa-oaep/certificate');
});

test('the rule goes before everything that is announced', () => {
  const facts = heard(says({ content: ['aes256-gcm'], keyTransport: ['rsa-pkcs1v15'] }));
  const rule = { content: 'aes256-cbc', keyTransport: 'rsa-oaep' };
  assert.equal(choice(rule, KEYS.rsa, facts), 'aes256-cbc/policy rsa-oaep/policy');
});

// ---- keys

test('the key of the certificate decides how the content key travels', () => {
  const transport = (key: Key, outbound: object = {}): string =>
    choice(outbound, key).split(' ')[1] ?? 'none';
  assert.equal(transport(KEYS.rsa), 'rsa-pkcs1v15/default');
  assert.equal(transport(KEYS.ec), 'ecdh/certificate');
  assert.equal(transport(KEYS.x25519), 'ecdh/certificate');
  assert.equal(transport(KEYS.kem, { keyTransport: 'ml-kem' }), 'ml-kem/policy');
});

test('OAEP is used with those who prefer it, and what does not fit the key is passed over', () => {
  const oaep = heard(says({ keyTransport: ['ecdh', 'rsa-oaep', 'rsa-pkcs1v15'] }));
  assert.equal(choice({}, KEYS.rsa, oaep), 'aes256-cbc/default rsa-oaep/capabilities');
  assert.equal(choice({}, KEYS.ec, oaep), 'aes256-cbc/default ecdh/certificate');
  const old = heard(says({ keyTransport: ['rsa-pkcs1v15', 'rsa-oaep'] }));
  assert.equal(choice({}, KEYS.rsa, old), 'aes256-cbc/default rsa-pkcs1v15/capabilities');
});

test('a rule and a key that do not go together are told, never bent', () => {
  for (const [key, keyTransport] of [
    [KEYS.ec, 'rsa-oaep'],
    [KEYS.rsa, 'ecdh'],
    [KEYS.rsa, 'ml-kem'],
    [KEYS.kem, 'auto'], // off by default
    [KEYS.kem, 'ecdh'],
    [KEYS.smallKem, 'ml-kem'],
    [KEYS.pss, 'auto'],
    [KEYS.brainpool, 'auto'],
    [KEYS.ed25519, 'auto'],
    [KEYS.weak, 'auto'],
  ] as const) {
    assert.equal(choice({ keyTransport }, key), 'key-unusable', keyTransport);
  }
});

// ---- the floor

test('a list with nothing good enough gives nothing, and no weaker cipher', () => {
  const triple = heard(says({ namesContent: true }));
  assert.equal(choice({}, KEYS.rsa, triple), 'below-floor');
  const cbc = heard(says({ content: ['aes256-cbc', 'aes128-gcm'] }));
  assert.equal(choice({ floor: 'aes256-gcm' }, KEYS.rsa, cbc), 'below-floor');
  assert.match(choice({ floor: 'aes128-gcm' }, KEYS.rsa, cbc), /^aes128-gcm\/capabilities /);
  const certificate = { announced: [], certificate: says({ content: ['aes128-cbc'] }) };
  assert.equal(choice({ floor: 'aes256-cbc' }, KEYS.rsa, certificate), 'below-floor');
});

test('the default rises to the floor', () => {
  assert.match(choice({ floor: 'aes256-cbc' }, KEYS.rsa), /^aes256-cbc\/default /);
  for (const floor of ['aes128-gcm', 'aes256-gcm']) {
    assert.match(choice({ floor }, KEYS.rsa), /^aes256-gcm\/default /);
  }
});

test('signers of one recipient that contradict each other leave the default', () => {
  const one = says({ content: ['aes256-gcm', 'aes128-cbc'] });
  const other = says({ content: ['aes128-cbc'] });
  const neither = says({ content: ['aes128-gcm'] });
  assert.match(choice({}, KEYS.rsa, heard(one, other)), /^aes128-cbc\/capabilities /);
  assert.match(choice({}, KEYS.rsa, heard(one, neither)), /^aes256-cbc\/default /);
  assert.match(choice({ floor: 'aes128-gcm' }, KEYS.rsa, heard(one, other)), /^aes256-gcm\/def/);
});

test('a rule weaker than its own floor is no policy', () => {
  assert.deepEqual(faultsOf({ content: 'aes256-cbc', floor: 'aes128-gcm' }), [
    'partners.0.outbound.content',
  ]);
  assert.deepEqual(faultsOf({ contentWhenUnknown: 'aes128-gcm', floor: 'aes256-cbc' }), [
    'partners.0.outbound.contentWhenUnknown',
  ]);
  for (const content of CONTENT_CIPHERS.filter((name) => !name.startsWith('aes192'))) {
    assert.deepEqual(faultsOf({ content }), []);
  }
});

// ---- whatever is said

const announcement: fc.Arbitrary<Announcement> = fc.record({
  content: fc.uniqueArray(fc.constantFrom(...CONTENT_CIPHERS)),
  namesContent: fc.boolean(),
  keyTransport: fc.uniqueArray(fc.constantFrom(...KEY_TRANSPORTS)),
});
const capabilities: fc.Arbitrary<CapabilityFacts> = fc.record({
  announced: fc.array(announcement, { maxLength: 4 }),
  certificate: fc.option(announcement),
});
const rules: fc.Arbitrary<object> = fc.record(
  {
    content: fc.constantFrom('auto', 'aes256-gcm'),
    contentWhenUnknown: fc.constantFrom('aes256-gcm'),
    floor: fc.constantFrom(...FLOORS),
    keyTransport: fc.constantFrom('auto', ...KEY_TRANSPORTS),
  },
  { requiredKeys: [] },
);
const keys = fc.constantFrom(...Object.values(KEYS));

test('no facts ever give less than the floor, nor another key transport than the key can take', () => {
  const fits: ReadonlyMap<Key, readonly string[]> = new Map<Key, readonly string[]>([
    [KEYS.rsa, ['rsa-pkcs1v15', 'rsa-oaep']],
    [KEYS.ec, ['ecdh']],
    [KEYS.x25519, ['ecdh']],
    [KEYS.kem, ['ml-kem']],
  ]);
  fc.assert(
    fc.property(rules, keys, capabilities, (outbound, key, facts) => {
      const rule = ruleOf(outbound);
      const made = chooseAlgorithms(rule, key, facts);
      if (made.kind !== 'chosen') return;
      assert.ok(meetsFloor(made.content, rule.floor), `${made.content} under ${rule.floor}`);
      assert.ok(fits.get(key)?.includes(made.keyTransport), made.keyTransport);
      assert.ok(rule.content === 'auto' || made.content === rule.content);
      assert.ok(rule.keyTransport === 'auto' || made.keyTransport === rule.keyTransport);
    }),
    { numRuns: 2_000 },
  );
});

test('what is said to be announced was announced by everybody, and by nobody else', () => {
  const namedBy: Readonly<
    Record<ChoiceSource, (facts: CapabilityFacts) => readonly Announcement[]>
  > = {
    policy: () => [],
    default: () => [],
    capabilities: (facts) => facts.announced.filter((one) => one.namesContent),
    certificate: (facts) => (facts.certificate === null ? [] : [facts.certificate]),
  };
  fc.assert(
    fc.property(rules, keys, capabilities, (outbound, key, facts) => {
      const made = chooseAlgorithms(ruleOf(outbound), key, facts);
      if (made.kind !== 'chosen') return;
      for (const one of namedBy[made.contentSource](facts)) {
        assert.ok(one.content.includes(made.content));
      }
    }),
    { numRuns: 2_000 },
  );
});

test('meetsFloor: at least as long a key, and integrity where the floor has it', () => {
  assert.ok(meetsFloor('chacha20-poly1305', 'aes256-gcm'));
  assert.ok(!meetsFloor('aes256-cbc', 'aes128-gcm'));
  assert.ok(!meetsFloor('aes128-gcm', 'aes256-cbc'));
  for (const cipher of CONTENT_CIPHERS) {
    assert.ok(meetsFloor(cipher, cipher));
    assert.ok(meetsFloor(cipher, 'aes128-cbc'));
  }
});
