import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDomain } from '@sallyport/mail';
import type { ValidatedCertificate } from '@sallyport/pki';
import {
  decideOutward,
  type OutwardDecision,
  type OutwardFacts,
  outwardRuleFor,
  parsePolicyDocument,
} from '@sallyport/policy';
import { groupByTreatment } from './decide-recipients.ts';
import { FIRST_STATE, parseOutwardState } from './state.ts';
import { DCA, identity, outwardFacts, validated } from './testing.ts';

test('a state that cannot be read is none: a step done again is safe, one left out is not', () => {
  for (const value of [
    null,
    undefined,
    1,
    'x',
    [],
    {},
    { ...FIRST_STATE, extra: 1 },
    { ...FIRST_STATE, attempts: -1 },
    { ...FIRST_STATE, fault: 'no-such-fault' },
    { ...FIRST_STATE, fault: 'toString' },
    { ...FIRST_STATE, nextAttemptAt: 'tomorrow' },
    { ...FIRST_STATE, settled: [1] },
  ]) {
    assert.deepEqual(parseOutwardState(value), FIRST_STATE, JSON.stringify(value));
  }
  const state = {
    ...FIRST_STATE,
    settled: ['a@b.example'],
    attempts: 3,
    fault: 'internal',
    nextAttemptAt: '2026-01-01T00:00:00.000Z',
    releasedAt: '2026-11-21T00:00:00.000Z',
    delayWarned: true,
  };
  assert.deepEqual(parseOutwardState(JSON.parse(JSON.stringify(state))), state);
});

const dca = (domain: string) => validated(identity(DCA, domain));
const bravo = dca('bravo.example');
const charlie = dca('charlie.example');

const document = parsePolicyDocument({
  partners: [
    { name: 'Bravo', domains: ['bravo.example', 'second.example'] },
    { name: 'Charlie', domains: ['charlie.example'] },
    { name: 'Gcm', domains: ['gcm.example'], outbound: { content: 'aes256-gcm' } },
  ],
});
assert.ok(document.kind === 'ok');
const { policy } = document;

/** Permits come from the decision alone, so the groups are made of true decisions. */
function decision(
  domain: string,
  certificate: ValidatedCertificate | null,
  change: Partial<OutwardFacts> = {},
): OutwardDecision {
  const name = parseDomain(domain);
  assert.ok(name !== null);
  const facts = { ...outwardFacts(certificate), ...change };
  return decideOutward(facts, outwardRuleFor(policy, name));
}

const to = (path: string, made: OutwardDecision) => ({ recipient: { path }, decision: made });

test('DS-E8: recipients of one certificate share a message, those of another never do', () => {
  const groups = groupByTreatment([
    to('a@bravo.example', decision('bravo.example', bravo)),
    to('c@charlie.example', decision('charlie.example', charlie)),
    to('b@bravo.example', decision('bravo.example', bravo)),
  ]);
  assert.deepEqual(
    groups.treatments.map((group) => group.recipients.map((one) => one.path)),
    [['a@bravo.example', 'b@bravo.example'], ['c@charlie.example']],
  );
  for (const { decision: made } of groups.treatments) assert.equal(made.kind, 'protect');
});

test('RFC 8551 2.7.3: whatever differs in the protection is a message of its own', () => {
  const groups = groupByTreatment([
    to('a@bravo.example', decision('bravo.example', bravo)),
    to('a@gcm.example', decision('gcm.example', bravo)),
    to('x@else.example', decision('else.example', null)),
  ]);
  assert.equal(groups.treatments.length, 3);
  assert.deepEqual(
    groups.treatments.map((group) => group.decision.kind),
    ['protect', 'protect', 'sign-only'],
  );
});

test('one recipient’s fate is no other’s: what is held, refused or waits is apart from what goes', () => {
  const finding = { filter: { kind: 'refuse', reason: 'evil' } } as const;
  const missing = { certificate: { kind: 'none', unusable: null } } as const;
  const groups = groupByTreatment([
    to('a@bravo.example', decision('bravo.example', bravo)),
    to('b@bravo.example', decision('bravo.example', bravo, finding)),
    to('c@charlie.example', decision('charlie.example', null, missing)),
    to('d@charlie.example', decision('charlie.example', charlie, { originator: 'unknown' })),
  ]);
  const all = [...groups.treatments, ...groups.held, ...groups.refused, ...groups.waiting];
  const paths = all.flatMap((group) => group.recipients.map((one) => one.path));
  assert.deepEqual(paths.sort(), [
    'a@bravo.example',
    'b@bravo.example',
    'c@charlie.example',
    'd@charlie.example',
  ]);
  assert.deepEqual(
    groups.treatments.flatMap((group) => group.recipients),
    [{ path: 'a@bravo.example' }],
  );
  assert.deepEqual(
    groups.refused.map((group) => group.recipients.map((one) => one.path)),
    [['b@bravo.example'], ['d@charlie.example']],
  );
});
