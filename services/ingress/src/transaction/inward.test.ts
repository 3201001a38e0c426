import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IpcUnavailable } from '@sallyport/ipc';
import { newQueueId, systemClock } from '@sallyport/mail';
import type { InwardPort, Judgement } from '../ports.ts';
import { open, send } from '../test-client.ts';
import { MemoryPorts, PARTNER_LISTENER, testIngress } from '../testing.ts';

const verdicts = (judge: InwardPort['judge']): InwardPort & { cancelled: string[] } => {
  const cancelled: string[] = [];
  return {
    cancelled,
    demands: ({ reversePath }) =>
      Promise.resolve(
        reversePath.startsWith('bad')
          ? { kind: 'refuse', fault: 'starttls-required' }
          : { kind: 'ok' },
      ),
    recipient: ({ forwardPath }) =>
      forwardPath.startsWith('nobody') || forwardPath.startsWith('postmaster')
        ? Promise.resolve({ kind: 'refuse', fault: 'recipient-unknown' })
        : Promise.resolve({ kind: 'ok', ruleKey: forwardPath.startsWith('other') ? 'b' : 'a' }),
    judge,
    cancel: ({ queueId }) => {
      cancelled.push(queueId);
      return Promise.resolve();
    },
  };
};

/** A verdict that accepts with one result in each folder. */
const accepting =
  (memory: MemoryPorts): InwardPort['judge'] =>
  (request) => {
    const [file] = memory.folders.tmp.values();
    const results = (['outgoing', 'hold'] as const).map((folder) => {
      const id = newQueueId(systemClock.now());
      if (file !== undefined) memory.addResult(id, file.header);
      return { id, folder };
    });
    assert.equal(memory.folders.tmp.get(request.queueId)?.isFinished, true);
    return Promise.resolve({ kind: 'accept', results, sentence: 'fine' });
  };

const inbound = { from: 'bob@bravo.example', to: ['ann@acme.example'] };

test('inward: accepted, judged, committed on record, renamed, then 250 and the hint', async () => {
  const memory = new MemoryPorts();
  memory.inward = verdicts(accepting(memory));
  await using running = await testIngress({ memory, listener: PARTNER_LISTENER });
  const client = await open(running.port);
  assert.match(await send(client, inbound), /^250 2\.0\.0 queued as /);
  assert.deepEqual(memory.steps, [
    'create',
    'record accepted',
    'finish',
    'record committed',
    'commit outgoing',
    'commit hold',
    'hint outgoing',
  ]);
  const sizes = Object.values(memory.folders).map(({ size }) => size);
  assert.deepEqual(sizes, [0, 0, 1, 1], 'tmp, incoming, outgoing, hold');
  client.end();
});

test('inward: refuse and defer leave nothing and say the fault', async () => {
  const cases: [Judgement, string][] = [
    [
      { kind: 'refuse', fault: 'signature-required', sentence: 'no signature' },
      '550 5.7.1 a valid signature of the sending domain is required',
    ],
    [{ kind: 'defer', fault: 'scanner-unavailable' }, '451 4.3.0 content cannot be checked now'],
  ];
  for (const [judgement, expected] of cases) {
    const memory = new MemoryPorts();
    memory.inward = verdicts(() => Promise.resolve(judgement));
    await using running = await testIngress({ memory, listener: PARTNER_LISTENER });
    const client = await open(running.port);
    assert.equal(await send(client, inbound), expected);
    assert.equal(memory.folders.tmp.size, 0);
    assert.equal(memory.events.at(-1)?.kind, 'refused');
    client.end();
  }
});

test('inward: no verdict, a late one, a rename or a record that fails is 451 and leaves nothing', async () => {
  const late = () => Promise.reject(new IpcUnavailable('deadline', 'planted'));
  const lost = () => Promise.reject(new IpcUnavailable('lost', 'planted'));
  const cases: [string, InwardPort['judge'] | null, string | null, string][] = [
    ['late', late, null, '451 4.3.0 message could not be judged in time'],
    ['lost', lost, null, '451 4.3.0 local error in processing'],
    ['second rename', null, 'commit hold', '451 4.3.0 local error in processing'],
    ['record committed', null, 'record committed', '451 4.3.0 local error in processing'],
    ['record accepted', null, 'record accepted', '451 4.3.0 local error in processing'],
  ];
  for (const [name, judge, failing, expected] of cases) {
    const memory = new MemoryPorts();
    const inward = verdicts(judge ?? accepting(memory));
    memory.inward = inward;
    if (failing !== null) memory.failing.set(failing, new Error('planted'));
    await using running = await testIngress({ memory, listener: PARTNER_LISTENER });
    const client = await open(running.port);
    assert.equal(await send(client, inbound), expected, name);
    for (const folder of Object.values(memory.folders)) assert.equal(folder.size, 0, name);
    assert.ok(!memory.steps.includes('hint outgoing'), name);
    if (failing !== 'record accepted') assert.ok(inward.cancelled.length > 0, name);
    client.end();
  }
});

test('inward: a client that leaves before the verdict cancels the work', async () => {
  const memory = new MemoryPorts();
  const asked = Promise.withResolvers<void>();
  const inward = verdicts((_request, { signal }) => {
    asked.resolve();
    const { promise, reject } = Promise.withResolvers<Judgement>();
    signal.addEventListener('abort', () => reject(new IpcUnavailable('aborted', 'planted')));
    return promise;
  });
  memory.inward = inward;
  const recorded = Promise.withResolvers<void>();
  memory.onStep = (step) => (step.startsWith('record abandoned') ? recorded.resolve() : undefined);
  await using running = await testIngress({ memory, listener: PARTNER_LISTENER });
  const client = await open(running.port);
  await client.command('MAIL FROM:<bob@bravo.example>');
  await client.command('RCPT TO:<ann@acme.example>');
  await client.command('DATA');
  client.send('x\r\n.\r\n');
  await asked.promise;
  client.end();
  await recorded.promise;
  assert.equal(memory.folders.tmp.size, 0);
  assert.equal(inward.cancelled.length, 1);
});

test('inward: own domains only, authority names reserved, postmaster always, one rule a transaction', async () => {
  const memory = new MemoryPorts();
  memory.inward = verdicts(() => Promise.reject(new Error('not asked')));
  await using running = await testIngress({ memory, listener: PARTNER_LISTENER });
  const client = await open(running.port);
  assert.match(await client.command('MAIL FROM:<bad@bravo.example>'), /^530 5\.7\.0/);
  await client.command('MAIL FROM:<bob@bravo.example>');
  const script: [string, string][] = [
    ['bob@bravo.example', '550 5.7.1 relaying denied'],
    ['review-authority@acme.example', '550 5.1.1 address is reserved'],
    ['nobody@acme.example', '550 5.1.1 no such recipient here'],
    ['ann@acme.example', '250 2.1.5 recipient OK'],
    ['other@acme.example', '452 4.5.3 send this recipient in a transaction of its own'],
    ['sue@acme.example', '250 2.1.5 recipient OK'],
  ];
  for (const [to, expected] of script)
    assert.equal(await client.command(`RCPT TO:<${to}>`), expected);
  await client.command('RSET');
  await client.command('MAIL FROM:<>');
  assert.match(await client.command('RCPT TO:<postmaster>'), /^250/);
  client.end();
});

test('inward: worker away is 451 at MAIL and at RCPT', async () => {
  const memory = new MemoryPorts();
  const away = () => Promise.reject(new IpcUnavailable('connect', 'planted'));
  const inward = verdicts(away);
  memory.inward = { ...inward, recipient: away };
  await using running = await testIngress({ memory, listener: PARTNER_LISTENER });
  const client = await open(running.port);
  await client.command('MAIL FROM:<bob@bravo.example>');
  const reply = await client.command('RCPT TO:<ann@acme.example>');
  assert.equal(reply, '451 4.4.3 recipient cannot be checked now');
  inward.demands = away;
  memory.inward.demands = away;
  await client.command('RSET');
  assert.match(await client.command('MAIL FROM:<bob@bravo.example>'), /^451 4\.3\.0/);
  client.end();
});
