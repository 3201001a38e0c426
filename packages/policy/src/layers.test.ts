/** Inheritance: gateway, domain, partner, user. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Domain } from '@sallyport/mail';
import { effectiveRule } from './effective.ts';
import { inwardRuleFor } from './inward-rule.ts';
import { outwardRuleFor, policyFor } from './match.ts';
import { parsePolicyDocument } from './schema.ts';
import { policyOf } from './testing.ts';

const domain = (name: string): Domain => name as Domain;
const BRAVO = domain('bravo.example');

const DOCUMENT = {
  base: { outbound: { floor: 'aes256-gcm', otherwise: 'refuse' }, trust: { revocation: 'hard' } },
  domains: [
    { names: ['*.acme.example'], outbound: { otherwise: 'hold' } },
    {
      names: ['legal.acme.example'],
      outbound: { encrypt: 'required', otherwise: 'hold' },
      inbound: { encryption: 'required' },
    },
  ],
  partners: [
    {
      name: 'Bravo',
      domains: ['bravo.example', '*.bravo.example'],
      outbound: { encrypt: 'when-possible', profile: 'compat' },
      users: [
        {
          name: 'board',
          match: ['*-board@bravo.example', 'Ceo@bravo.example'],
          outbound: { encrypt: 'required', to: ['user'] },
        },
        { name: 'one', match: ['a-board@bravo.example'], outbound: { floor: 'aes128-cbc' } },
      ],
    },
    { name: 'Charlie', domains: ['charlie.example'] },
  ],
};

function faultsOf(document: object): string[] {
  const parsed = parsePolicyDocument(document);
  return parsed.kind === 'ok' ? [] : parsed.faults.map(({ path, reason }) => `${path}: ${reason}`);
}

const policy = policyOf(DOCUMENT);

test('a partner inherits what it does not say, field by field', () => {
  const bravo = outwardRuleFor(policy, BRAVO).outbound;
  assert.deepEqual(
    [bravo.encrypt, bravo.profile, bravo.floor, bravo.otherwise, bravo.sign],
    ['when-possible', 'compat', 'aes256-gcm', 'refuse', 'domain'],
  );
  assert.equal(outwardRuleFor(policy, domain('charlie.example')).outbound.floor, 'aes256-gcm');
  assert.equal(policy.default.trust.revocation, 'hard', 'everybody else inherits too');
});

test('everybody else keeps what is built in for them, unless a layer says otherwise', () => {
  const { outbound, inbound, tls } = policy.default;
  assert.deepEqual([outbound.encrypt, outbound.profile, tls.level], ['none', 'compat', 'may']);
  assert.equal(inbound.signature, 'when-present');
  const strict = policyOf({ base: { outbound: { encrypt: 'required' } } });
  assert.equal(strict.default.outbound.encrypt, 'required');
  const said = policyOf({ base: { tls: { level: 'encrypt' } }, default: { tls: {} } });
  assert.equal(said.default.tls.level, 'encrypt');
});

test('a domain of ours lies between the gateway and the partner; an exact name beats a wildcard', () => {
  const at = (name: string) => policyFor(policy, domain(name));
  const forCharlie = (name: string) => outwardRuleFor(at(name), domain('charlie.example')).outbound;
  assert.equal(at('acme.example'), policy, 'no entry');
  assert.deepEqual(
    [forCharlie('x.acme.example').otherwise, forCharlie('acme.example').otherwise],
    ['hold', 'refuse'],
  );
  const legal = at('legal.acme.example');
  assert.equal(legal.default.outbound.encrypt, 'required');
  assert.equal(
    outwardRuleFor(legal, BRAVO).outbound.encrypt,
    'when-possible',
    'the partner says so',
  );
  const inward = { reversePath: domain('x.example'), claimed: [domain('x.example')] };
  assert.equal(inwardRuleFor(legal, inward).inbound.encryption, 'required');
  assert.equal(inwardRuleFor(policy, inward).inbound.encryption, 'when-present');
});

test('people of a partner: the longest pattern, one without * first, in any case of letters', () => {
  const ruleOf = (localPart: string) => outwardRuleFor(policy, BRAVO, localPart);
  assert.equal(ruleOf('bob').rule, 'partner:Bravo');
  assert.equal(ruleOf('X-Board').rule, 'partner:Bravo/board');
  assert.equal(ruleOf('CEO').outbound.encrypt, 'required');
  assert.equal(ruleOf('x-board').outbound.floor, 'aes256-gcm', 'inherited from the gateway');
  assert.equal(ruleOf('x-board').outbound.profile, 'compat', 'inherited from the partner');
  assert.equal(ruleOf('a-board').rule, 'partner:Bravo/one');
  assert.equal(ruleOf('a-board').outbound.encrypt, 'when-possible', 'not from another entry');
  const elsewhere = outwardRuleFor(policy, domain('lab.bravo.example'), 'ceo');
  assert.equal(elsewhere.rule, 'partner:Bravo', 'the same local-part at another domain');
});

test('a fault is named where it was written, once', () => {
  const partners = [
    { name: 'A', domains: ['a.example'] },
    { name: 'B', domains: ['b.example'], users: [{ name: 'x', match: ['x@b.example'] }] },
  ];
  const wrong = (more: object): string[] => faultsOf({ partners, ...more });
  assert.match(
    wrong({ base: { outbound: { encrypt: 'maybe' } } }).join(),
    /^base\.outbound\.encrypt: [^,]*$/,
  );
  assert.ok(wrong({ base: { outbound: 7 } }).every((one) => one.startsWith('base.outbound: ')));
  assert.match(wrong({ base: { outbound: { strange: 1 } } }).join('|'), /strange/);
  assert.match(wrong({ base: { strange: {} } }).join(), /strange/);
  const domains = [{ names: ['acme.example'], inbound: { signature: 'no' } }];
  assert.match(wrong({ domains }).join(), /^domains\.0\.inbound\.signature: /);
  assert.match(wrong({ domains: [{ names: ['acme.example'], tls: {} }] }).join(), /tls/);
  const twice = [{ names: ['acme.example'] }, { names: ['acme.example'] }];
  assert.deepEqual(wrong({ domains: twice }), ['domains: domain twice: acme.example']);
  const users = (one: object) =>
    faultsOf({ partners: [{ name: 'A', domains: ['a.example'], users: [one] }] });
  const outbound = { sign: 'none', encrypt: 'required' };
  assert.match(
    users({ name: 'x', match: ['x@a.example'], outbound }).join(),
    /^partners\.0\.users\.0\.outbound\.signNoneReason: /,
    'what only the layers together make wrong',
  );
  assert.match(users({ name: 'X y', match: ['x@a.example'] }).join(), /users\.0\.name/);
  assert.match(users({ name: 'x', match: ['a.example'] }).join(), /not an address/);
  assert.match(users({ name: 'x', match: ['x@a.example'], inbound: {} }).join(), /inbound/);
});

test('what is no document at all is a fault, and no exception', () => {
  for (const document of [null, 7, [], 'x', { partners: 7 }, { partners: [7] }, { base: [] }]) {
    assert.equal(parsePolicyDocument(document).kind, 'invalid', JSON.stringify(document));
  }
  const odd = { partners: [{ name: 'A', domains: ['a.example'], users: [7] }], domains: [7] };
  assert.equal(parsePolicyDocument(odd).kind, 'invalid');
});

test('records are bounded, however the entries are spread', () => {
  const partners = Array.from({ length: 2_000 }, (_, index) => ({
    name: `p${index}`,
    domains: [`p${index}.example`],
  }));
  const domains = Array.from({ length: 40 }, (_, index) => ({ names: [`d${index}.example`] }));
  assert.match(faultsOf({ partners, domains }).join(), /^domains: more than 50000 records/);
});

test('the source of every effective value is shown', () => {
  const shown = effectiveRule(DOCUMENT, {
    domain: BRAVO,
    localPart: 'ceo',
    own: domain('x.acme.example'),
  });
  assert.equal(shown?.rule, 'partner:Bravo/board');
  const of = (field: string) => shown?.values.find((one) => one.field === field);
  assert.deepEqual(of('outbound.encrypt'), {
    field: 'outbound.encrypt',
    value: 'required',
    source: 'user board of partner Bravo',
  });
  assert.equal(of('outbound.profile')?.source, 'partner Bravo');
  assert.equal(of('outbound.otherwise')?.source, 'domain *.acme.example');
  assert.equal(of('outbound.floor')?.source, 'base');
  assert.equal(of('outbound.sign')?.source, 'built in');
  assert.equal(of('trust.revocation')?.source, 'base');
  const other = effectiveRule(DOCUMENT, {
    domain: domain('x.example'),
    localPart: null,
    own: null,
  });
  assert.equal(other?.rule, 'default');
  assert.equal(other?.values.find(({ field }) => field === 'tls.level')?.source, 'built in');
  assert.equal(effectiveRule({ partners: 1 }, { domain: BRAVO, localPart: null, own: null }), null);
});
