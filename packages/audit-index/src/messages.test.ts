import assert from 'node:assert/strict';
import { test } from 'node:test';
import { childQueueId } from '@sallyport/mail';
import { accepted, delivered, newId, protectedAs, summaryOf, TestLog } from './testing.ts';

const [A, B, C] = ['a@bravo.example', 'b@bravo.example', 'c@charlie.example'];

test('a message is waiting until its last recipient is settled, then relayed', async () => {
  const [id, out] = [newId(), newId()];
  const begin = [accepted(id, A, B), ...protectedAs(id, out, 2)];
  assert.equal((await summaryOf(id, ...begin)).outcome, 'waiting');
  const half = await summaryOf(id, ...begin, delivered('relayed', out, A));
  assert.deepEqual(
    [half.outcome, half.recipients.relayed, half.recipients.waiting],
    ['waiting', 1, 1],
  );
  const whole = await summaryOf(
    id,
    ...begin,
    delivered('relayed', out, A),
    delivered('relayed', out, B),
  );
  assert.deepEqual([whole.outcome, whole.recipients.relayed], ['relayed', 2]);
  assert.deepEqual(whole.forwardPaths, [A, B]);
  assert.deepEqual(whole.partnerDomains, ['bravo.example']);
  assert.equal(whole.sentence, 'relayed for 1');
});

test('recipients with different ends make it partly relayed, with the sentence of the worst', async () => {
  const [id, one, two] = [newId(), newId(), newId()];
  const summary = await summaryOf(
    id,
    accepted(id, A, C),
    ...protectedAs(id, one, 1),
    ...protectedAs(id, two, 1),
    delivered('relayed', one, A),
    delivered('deferred', two, C),
    delivered('failed', two, C),
  );
  assert.equal(summary.outcome, 'partly-relayed');
  assert.deepEqual([summary.recipients.relayed, summary.recipients.failed], [1, 1]);
  assert.equal(summary.sentence, 'failed for 1');
});

test('an event that a crash put into the log twice counts once', async () => {
  const [id, out] = [newId(), newId()];
  const again = [...protectedAs(id, out, 2), delivered('relayed', out, A)];
  const { recipients, outcome } = await summaryOf(id, accepted(id, A, B), ...again, ...again);
  assert.deepEqual([outcome, recipients.relayed, recipients.waiting], ['waiting', 1, 1]);
});

test('a held part holds the message; released outward it is decided anew and relayed', async () => {
  const [id, out, held, last] = [newId(), newId(), newId(), newId()];
  const events = [
    accepted(id, A, C),
    ...protectedAs(id, out, 1),
    { kind: 'decided', queueId: id, decision: 'hold', recipients: 1, domains: ['charlie.example'] },
    {
      kind: 'held',
      queueId: id,
      heldId: held,
      fault: 'recipient-certificate-missing',
      sentence: 'no certificate',
    },
    delivered('relayed', out, A),
  ];
  const waiting = await summaryOf(id, ...events);
  assert.deepEqual([waiting.outcome, waiting.sentence], ['held', 'no certificate']);
  assert.deepEqual([waiting.recipients.held, waiting.recipients.relayed], [1, 1]);
  const released = [...events, { kind: 'released', queueId: held, personal: { by: 'bob' } }];
  assert.equal((await summaryOf(id, ...released)).outcome, 'waiting');
  const done = [...released, ...protectedAs(held, last, 1), delivered('relayed', last, C)];
  assert.equal((await summaryOf(id, ...done)).outcome, 'relayed');
  const dropped = await summaryOf(id, ...events, {
    kind: 'dropped',
    queueId: held,
    personal: { by: 'bob' },
  });
  assert.deepEqual([dropped.outcome, dropped.recipients.dropped], ['partly-relayed', 1]);
});

test('inward: held, released under an id made of the held one, and relayed', async () => {
  const [id, held] = [newId(), newId()];
  const events = [
    { ...accepted(id, 'alice@acme.example'), origin: 'inward' },
    {
      kind: 'committed',
      queueId: id,
      results: [{ id: held, folder: 'hold' }],
      sentence: 'Held: unsigned.',
    },
  ];
  const waiting = await summaryOf(id, ...events);
  assert.deepEqual([waiting.outcome, waiting.sentence], ['held', 'Held: unsigned.']);
  const result = childQueueId(held, 'released');
  const relayed = delivered('relayed', result, 'alice@acme.example');
  const done = await summaryOf(id, ...events, { kind: 'released', queueId: held }, relayed);
  assert.equal(done.outcome, 'relayed');
});

test('inward: what egress could not deliver and may not report is held for those who failed', async () => {
  const [id, out, held] = [newId(), newId(), newId()];
  const summary = await summaryOf(
    id,
    { ...accepted(id, A, B), origin: 'inward' },
    { kind: 'committed', queueId: id, results: [{ id: out, folder: 'outgoing' }] },
    delivered('relayed', out, A),
    delivered('failed', out, B),
    {
      kind: 'held',
      queueId: out,
      heldId: held,
      fault: 'next-hop-refused',
      sentence: 'cannot go back',
    },
  );
  assert.deepEqual(
    [summary.outcome, summary.recipients.held, summary.recipients.failed],
    ['held', 1, 0],
  );
});

test('refused, expired, abandoned and kept are told apart', async () => {
  const id = newId();
  const inward = { ...accepted(id, A), origin: 'inward' };
  const fault = 'message-integrity';
  const judged = await summaryOf(id, inward, {
    kind: 'refused',
    queueId: id,
    fault,
    stage: 'judge',
    sentence: 'bad',
  });
  assert.deepEqual([judged.outcome, judged.sentence], ['refused', 'bad']);
  const decided = { kind: 'refused', queueId: id, fault, stage: 'decide', recipients: 1 };
  const half = await summaryOf(id, accepted(id, A, B), decided);
  assert.deepEqual([half.outcome, half.recipients.refused], ['waiting', 1]);
  const expired = await summaryOf(id, accepted(id, A, B), {
    kind: 'expired',
    queueId: id,
    fault: 'expired',
  });
  assert.deepEqual([expired.outcome, expired.recipients.expired], ['expired', 2]);
  const left = await summaryOf(id, inward, {
    kind: 'abandoned',
    queueId: id,
    reason: 'client has gone',
  });
  assert.deepEqual([left.outcome, left.sentence], ['abandoned', 'client has gone']);
  const kept = await summaryOf(id, inward, {
    kind: 'committed',
    queueId: id,
    results: [],
    sentence: 'Kept.',
  });
  assert.equal(kept.outcome, 'kept');
});

test('a report is a message of its own, related to that of which it tells', async () => {
  const [id, out, dsnId, sent] = [newId(), newId(), newId(), newId()];
  const log = new TestLog().add(
    accepted(id, A),
    ...protectedAs(id, out, 1),
    delivered('failed', out, A),
    { kind: 'dsn-created', queueId: out, dsnId, action: 'failed' },
    ...protectedAs(dsnId, sent, 1),
    delivered('relayed', sent, 'alice@acme.example'),
  );
  const index = await log.index();
  assert.equal(index.messages({ queueId: out, limit: 1 }).messages[0]?.outcome, 'failed');
  const [report] = index.messages({ queueId: sent, limit: 1 }).messages;
  assert.deepEqual(
    [report?.origin, report?.outcome, report?.reversePath, report?.forwardPaths],
    ['gateway', 'relayed', '', ['alice@acme.example']],
  );
  assert.deepEqual(new Set(index.message(id)?.related), new Set([out, dsnId, sent]));
  assert.equal(index.message(id)?.events.length, 8);
  assert.deepEqual(index.message(dsnId)?.related, [out, sent]);
  assert.equal(index.message('01kkkkkkkkkkkkkkkkkk'), null);
  index.close();
});

test('messages are found by address, domain, time and outcome, newest first, page by page', async () => {
  const ids = Array.from({ length: 7 }, newId);
  const log = new TestLog();
  for (const [n, id] of ids.entries()) {
    log.add(accepted(id, n % 2 === 0 ? 'Bob@Bravo.example' : C));
    if (n < 2) log.add({ kind: 'expired', queueId: id, fault: 'expired' });
  }
  const index = await log.index();
  const find = (query: object) =>
    index
      .messages({ limit: 10, ...query })
      .messages.map((one) => ids.indexOf(one.queueId as never));
  assert.deepEqual(find({ address: 'bob@bravo.EXAMPLE' }), [6, 4, 2, 0]);
  assert.deepEqual(find({ domain: 'charlie.example' }), [5, 3, 1]);
  assert.deepEqual(find({ domain: 'example.com' }), []);
  assert.deepEqual(find({ domain: 'acme.example', outcome: 'expired' }), [1, 0]);
  assert.deepEqual(find({ since: new Date('2026-11-21T04:12:00Z') }), [6, 5, 4]);
  const first = index.messages({ limit: 3 });
  assert.equal(first.messages.length, 3);
  assert.ok(first.before !== null);
  const next = index.messages({ limit: 10, before: first.before });
  assert.deepEqual([next.messages.length, next.before], [4, null]);
  assert.throws(() => index.messages({ limit: 0 }), RangeError);
  index.close();
});

test('charts: messages by outcome in their step, and how long relaying took', async () => {
  const log = new TestLog();
  for (let n = 0; n < 10; n += 1) {
    const [id, out] = [newId(), newId()];
    log.add(accepted(id, A)).add(...protectedAs(id, out, 1));
    if (n !== 9) log.add(delivered('relayed', out, A));
  }
  const index = await log.index();
  const since = new Date('2026-11-21T04:00:00Z');
  const until = new Date('2026-11-21T06:00:00Z');
  const steps = index.counts({ since, until, stepMs: 3_600_000, by: 'outcome' });
  assert.deepEqual(
    steps.map(({ counts }) => counts),
    [{ relayed: 9 }, { waiting: 1 }],
  );
  assert.deepEqual(index.latencies({ since, until }), { count: 9, p50Ms: 300_000, p99Ms: 300_000 });
  const tls = index.counts({ since, until, stepMs: 3_600_000, by: 'tls' });
  assert.deepEqual(tls[0]?.counts, { clear: 8 });
  index.close();
});
