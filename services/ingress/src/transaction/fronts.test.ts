import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientFacts } from '@sallyport/ipc';
import { RawClient } from '../test-client.ts';
import { MemoryPorts, PARTNER_LISTENER, testIngress } from '../testing.ts';

/** Hands one message over; gives what worker inward was told, and what became of it. */
async function handOver(network: string, lines: readonly string[], front: object = {}) {
  const memory = new MemoryPorts();
  const asked: ClientFacts[] = [];
  memory.inward = {
    demands: ({ client }) => {
      asked.push(client);
      return Promise.resolve({ kind: 'ok' });
    },
    recipient: () => Promise.resolve({ kind: 'ok', ruleKey: 'acme.example' }),
    judge: ({ client, queueId }) => {
      asked.push(client);
      text = memory.body('tmp', queueId);
      return Promise.resolve({ kind: 'accept', results: [], sentence: 'Delivered.' });
    },
    cancel: () => Promise.resolve(),
  };
  let text = '';
  const fronts = [{ networks: [network], xclient: true, ...front }];
  await using running = await testIngress({ memory, listener: { ...PARTNER_LISTENER, fronts } });
  const client = await RawClient.connect(running.port);
  await client.reply();
  const replies: string[] = [];
  for (const line of lines) replies.push(await client.command(line));
  await client.command('EHLO front.example');
  for (const line of ['MAIL FROM:<a@b.example>', 'RCPT TO:<bob@acme.example>', 'DATA']) {
    await client.command(line);
  }
  assert.match(await client.command('Subject: x\r\n\r\nhello\r\n.'), /^250/);
  client.end();
  const accepted = memory.events.find(({ kind }) => kind === 'accepted');
  return { asked, replies, text, accepted };
}

const XCLIENT = 'XCLIENT ADDR=192.0.2.7 PORT=4025 HELO=mx.b.example';

test('a front in its networks: MAIL, judgement, trace and record go by the client it names', async () => {
  const front = { address: '127.0.0.1', clientKnown: true };
  const { asked, replies, text, accepted } = await handOver('127.0.0.0/8', [XCLIENT]);
  assert.match(replies[0] ?? '', /^220 /);
  assert.equal(asked.length, 2);
  for (const { address, port, helo, front: by } of asked) {
    assert.deepEqual([address, port, helo, by], ['192.0.2.7', 4025, 'mx.b.example', front]);
  }
  const trace =
    'Received: from mx.b.example ([192.0.2.7])\r\n\t(handed over by [127.0.0.1])\r\n\tby ';
  assert.ok(text.startsWith(trace), text);
  assert.ok(accepted?.kind === 'accepted' && accepted.behindFront === true);
  assert.equal(accepted.personal?.['clientAddress'], '192.0.2.7');
  assert.equal(accepted.personal?.['frontAddress'], '127.0.0.1');
});

test('in whose name its results are believed goes with what is known of a front, and of no other', async () => {
  const named = { authservId: 'front.acme.example' };
  const { asked } = await handOver('127.0.0.0/8', [], named);
  const front = { address: '127.0.0.1', clientKnown: false, ...named };
  assert.deepEqual(
    asked.map((client) => client.front),
    [front, front],
  );
  const strange = await handOver('192.0.2.0/24', [], named);
  assert.deepEqual(
    strange.asked.map((client) => client.front),
    [undefined, undefined],
  );
});

test('from outside its networks XCLIENT is refused, and nothing says that there is a front', async () => {
  const { asked, replies, text, accepted } = await handOver('192.0.2.0/24', [XCLIENT]);
  assert.match(replies[0] ?? '', /^550 5\.7\.0 /);
  for (const { address, front } of asked)
    assert.deepEqual([address, front], ['127.0.0.1', undefined]);
  assert.match(text, /^Received: from front\.example \(\[127\.0\.0\.1\]\)\r\n\tby /);
  assert.ok(accepted?.kind === 'accepted' && accepted.behindFront === undefined);
});
