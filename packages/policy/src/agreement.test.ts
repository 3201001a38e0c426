import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agreementSchema, agreementState } from './agreement.ts';

const validUntil = '2027-06-30';
const stateAt = (time: string) => agreementState({ validUntil }, new Date(time));

test('an agreement holds to the end of its last day, and whole days are counted', () => {
  assert.deepEqual(stateAt('2027-05-31T23:59:59Z'), { kind: 'current' });
  assert.deepEqual(stateAt('2027-06-01T00:00:01Z'), { kind: 'ending', daysLeft: 29 });
  assert.deepEqual(stateAt('2027-06-29T12:00:00Z'), { kind: 'ending', daysLeft: 1 });
  assert.deepEqual(stateAt('2027-06-30T23:59:59Z'), { kind: 'ending', daysLeft: 0 });
  assert.deepEqual(stateAt('2027-07-01T00:00:00Z'), { kind: 'ended' });
});

test('what is no day is said to be none, in words', () => {
  const given = { id: 'RPA-1', asserts: 'staff login', contact: 'x@bravo.example' };
  for (const day of ['next spring', '2027-02-30', '30.6.2027', '']) {
    const { error } = agreementSchema.safeParse({ ...given, validUntil: day });
    assert.equal(error?.issues[0]?.message, 'is no day, such as 2027-06-30', day);
  }
});
