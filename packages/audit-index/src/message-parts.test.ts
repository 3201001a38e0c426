import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accepted, delivered, newId, protectedAs, summaryOf } from './testing.ts';

const [A, B, C] = ['a@bravo.example', 'b@bravo.example', 'c@charlie.example'];

test('of two released parts one may come to its end, and the other waits still', async () => {
  const [id, first, second, out] = [newId(), newId(), newId(), newId()];
  const fault = 'recipient-certificate-missing';
  const held = (heldId: string, recipients: number) => [
    { kind: 'decided', queueId: id, decision: 'hold', recipients },
    { kind: 'held', queueId: id, heldId, fault, sentence: `held ${heldId}` },
  ];
  const events = [accepted(id, A, B, C), ...held(first, 2), ...held(second, 1)];
  const by = { personal: { by: 'bob' } };
  const one = await summaryOf(id, ...events, { kind: 'released', queueId: second, ...by });
  assert.deepEqual([one.outcome, one.recipients.held, one.recipients.waiting], ['held', 2, 1]);
  assert.equal(one.sentence, `held ${first}`, 'why the other is held still');
  const both = [
    ...events,
    { kind: 'released', queueId: first, ...by },
    { kind: 'released', queueId: second, ...by },
    ...protectedAs(first, out, 1),
    ...protectedAs(first, out, 1),
  ];
  const gone = await summaryOf(id, ...both, {
    ...{ kind: 'expired', queueId: first, fault: 'expired', sentence: 'too late' },
  });
  assert.deepEqual([gone.recipients.expired, gone.recipients.waiting], [1, 2]);
});

test('what waits under its own id comes to its end without what was released from hold', async () => {
  const [id, copy] = [newId(), newId()];
  const summary = await summaryOf(
    id,
    accepted(id, A, C),
    { kind: 'decided', queueId: id, decision: 'hold', recipients: 1 },
    { kind: 'held', queueId: id, heldId: copy, fault: 'recipient-certificate-missing' },
    { kind: 'decided', queueId: id, decision: 'wait', recipients: 1, sentence: 'directory away' },
    { kind: 'released', queueId: copy, personal: { by: 'bob' } },
    { kind: 'expired', queueId: id, fault: 'expired', sentence: 'too late' },
  );
  assert.deepEqual([summary.recipients.expired, summary.recipients.waiting], [1, 1]);
  assert.equal(summary.outcome, 'waiting');
});

test('a released part that is held again is held', async () => {
  const [id, copy, again] = [newId(), newId(), newId()];
  const fault = 'recipient-certificate-missing';
  const summary = await summaryOf(
    id,
    accepted(id, A),
    { kind: 'decided', queueId: id, decision: 'hold', recipients: 1 },
    { kind: 'held', queueId: id, heldId: copy, fault },
    { kind: 'released', queueId: copy, personal: { by: 'bob' } },
    { kind: 'decided', queueId: copy, decision: 'hold', recipients: 1 },
    { kind: 'held', queueId: copy, heldId: again, fault, sentence: 'again' },
  );
  assert.deepEqual([summary.outcome, summary.sentence], ['held', 'again']);
});

test('who waits is not said to wait for what has passed', async () => {
  const [id, one, two] = [newId(), newId(), newId()];
  const summary = await summaryOf(
    id,
    accepted(id, A, C),
    ...protectedAs(id, one, 1),
    ...protectedAs(id, two, 1),
    delivered('deferred', one, A),
    delivered('relayed', one, A),
  );
  assert.deepEqual([summary.outcome, summary.sentence], ['waiting', '']);
});

test('a refusal that a crash put into the log twice counts once', async () => {
  const id = newId();
  const refused = {
    ...{ kind: 'refused', queueId: id, fault: 'recipient-certificate-missing' },
    ...{ stage: 'decide', recipients: 1, domains: ['charlie.example'], sentence: 'none found' },
  };
  const summary = await summaryOf(id, accepted(id, A, B, C), refused, refused);
  assert.deepEqual([summary.recipients.refused, summary.recipients.waiting], [1, 2]);
});
