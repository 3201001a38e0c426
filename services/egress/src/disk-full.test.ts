import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Spool } from '@sallyport/spool';
import { startScriptedServer } from '../../../packages/transport/src/test-support/scripted-server.ts';
import { deliver } from './deliver.ts';
import { createOutgoingFiles } from './files.ts';
import { bench, on, TEXT } from './testing.ts';

const TWO = { forwardPaths: [{ path: 'bob@bravo.example' }, { path: 'cy@bravo.example' }] };

/** A spool whose disk takes no states while it is full. */
function fillable(spool: Spool): { readonly spool: Spool; isFull: boolean } {
  const disk = { spool, isFull: false };
  disk.spool = new Proxy(spool, {
    get: (target, name) => {
      if (name === 'writeState' && disk.isFull) {
        return () => Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
      }
      const value: unknown = Reflect.get(target, name);
      const bound: unknown = typeof value === 'function' ? value.bind(target) : value;
      return bound;
    },
  });
  return disk;
}

test('a disk that fills up between the reply and the state: nobody gets the message twice', async () => {
  await using server = await startScriptedServer({ reply: on('RCPT TO:<cy', '450 later\r\n') });
  await using world = await bench([server], { level: 'may' });
  const disk = fillable(world.spool);
  const ports = { ...world.ports, files: createOutgoingFiles(disk.spool) };
  const [first, second] = [await world.put(TEXT, TWO), await world.put(TEXT)];
  disk.isFull = true;
  await assert.rejects(deliver(first.id, ports), { code: 'ENOSPC' });
  assert.equal(server.messages.length, 1);
  for (const { id } of [first, second]) {
    assert.equal((await deliver(id, ports)).kind, 'again');
    assert.equal(server.messages.length, 1, 'nothing is sent whose outcome cannot be kept');
  }
  disk.isFull = false;
  assert.equal((await deliver(second.id, ports)).kind, 'done');
  const statuses = async () => (await world.state(first))?.recipients.map(({ status }) => status);
  assert.deepEqual(
    await statuses(),
    ['relayed', 'waiting'],
    'written before anything else is sent',
  );
  assert.equal((await deliver(first.id, ports)).kind, 'again');
  assert.equal(server.messages.length, 2);
  assert.deepEqual(
    world.events.map(({ kind }) => kind).sort(),
    ['deferred', 'relayed', 'relayed'],
    'what was done is told once',
  );
});

test('recorder and disk away at once, after the whole message was relayed: it is not sent again', async () => {
  await using server = await startScriptedServer({});
  await using world = await bench([server], { level: 'may' });
  const disk = fillable(world.spool);
  const ports = { ...world.ports, files: createOutgoingFiles(disk.spool) };
  const { id } = await world.put(TEXT);
  disk.isFull = true;
  world.world.recorder = 'down-after-ping';
  await assert.rejects(deliver(id, ports), { code: 'ENOSPC' });
  disk.isFull = false;
  world.world.recorder = 'up';
  assert.equal((await deliver(id, ports)).kind, 'done');
  assert.equal(server.messages.length, 1);
  assert.deepEqual(
    world.events.map(({ kind }) => kind),
    ['relayed'],
  );
});
