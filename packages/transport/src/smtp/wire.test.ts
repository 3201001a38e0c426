import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { SmtpWire } from './wire.ts';

const ROUND_MS = 5_000;

/** Connects to a server that says this, and waits until it is all read or the connection is lost. */
async function afterHearing(said: Buffer): Promise<SmtpWire> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end(said);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const wire = await SmtpWire.connect({
    ...{ address: '127.0.0.1', port: address.port, timeoutMs: ROUND_MS },
  });
  assert.ok(typeof wire !== 'string');
  const { promise, resolve } = Promise.withResolvers<void>();
  wire.onLost(resolve);
  await promise;
  server.close();
  return wire;
}

const line = (text: string): string => `250-${text}\r\n`;

test('replies that nobody asked for are kept up to a mebibyte: a flood of long ones ends it', async () => {
  const long = `${line('x'.repeat(4_000)).repeat(100)}250 end\r\n`;
  const few = await afterHearing(Buffer.from(long.repeat(2)));
  assert.equal((await few.answer(ROUND_MS)).kind, 'reply');
  const many = await afterHearing(Buffer.from(long.repeat(200)));
  let kept = 0;
  for (let answer = await many.answer(ROUND_MS); answer.kind === 'reply'; ) {
    kept += answer.reply.lines.join('').length;
    answer = await many.answer(ROUND_MS);
    if (answer.kind === 'lost') assert.equal(answer.reason, 'replies that nobody asked for');
  }
  assert.ok(kept < 2 * 1_048_576, `${kept} octets were kept`);
});

test('RFC 2920: the replies to a group of commands are read, however they come', async () => {
  const wire = await afterHearing(Buffer.from('250 ok\r\n'.repeat(102)));
  for (let at = 0; at < 102; at += 1) {
    assert.equal((await wire.answer(ROUND_MS)).kind, 'reply');
  }
  assert.equal((await wire.answer(ROUND_MS)).kind, 'lost');
});
