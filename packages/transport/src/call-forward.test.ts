import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mailbox } from '@sallyport/test/addresses';
import { createCallForward } from './call-forward.ts';
import { startScriptedServer } from './test-support/scripted-server.ts';

const toRcpt = (reply: string) => (command: string) =>
  command.startsWith('RCPT') ? reply : undefined;

const rows: [string, (command: string) => string | undefined, string][] = [
  ['550 to RCPT', toRcpt('550 5.1.1 no\r\n'), 'unknown'],
  ['450 to RCPT', toRcpt('450 4.2.0 later\r\n'), 'unavailable'],
  [
    '550 to the null reverse-path',
    (c) => (c.startsWith('MAIL') ? '550 no\r\n' : undefined),
    'unavailable',
  ],
  ['a connection that dies', toRcpt('die'), 'unavailable'],
  ['250', () => undefined, 'known'],
];

for (const [name, reply, answer] of rows) {
  test(`call-forward: ${name} is ${answer}`, async () => {
    await using server = await startScriptedServer({ reply });
    const check = createCallForward({
      nextHops: [{ host: '127.0.0.1', port: server.port }],
      heloName: 'gw.acme.example',
    });
    assert.equal(await check(mailbox('a@bravo.example')), answer);
    assert.ok(!server.commands.includes('DATA'));
  });
}

test('call-forward: nobody there is unavailable, and is not remembered', async () => {
  const closed = await startScriptedServer({});
  const { port } = closed;
  await closed[Symbol.asyncDispose]();
  const check = createCallForward({ nextHops: [{ host: '127.0.0.1', port }], heloName: 'gw' });
  assert.equal(await check(mailbox('a@bravo.example')), 'unavailable');
});

test('call-forward: an answer is remembered', async () => {
  await using server = await startScriptedServer({});
  const nextHops = [{ host: '127.0.0.1', port: server.port }];
  const check = createCallForward({ nextHops, heloName: 'gw.acme.example' });
  await check(mailbox('a@bravo.example'));
  await check(mailbox('a@bravo.example'));
  assert.equal(server.connections(), 1);
});
