import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newQueueId } from '@sallyport/mail';
import type { QueueFileHeader } from '@sallyport/spool';
import { parseState } from './delivery-state.ts';
import { dropWaiting } from './settle-drop.ts';
import { createVerbs, type VerbPorts } from './verbs.ts';

const CONTEXT = { closed: new AbortController().signal };
const ORDER = { destination: 'Bravo.Example', by: 'ann' };

function verbsWith(record: () => Promise<void>) {
  const done: string[] = [];
  const step = (name: string) => async (domain?: string) => {
    done.push(domain === undefined ? name : `${name} ${domain}`);
  };
  const ports = {
    recorder: {
      record: async ({ kind }: { kind: string }) => {
        await record();
        done.push(kind);
      },
    },
    schedule: { pause: step('pause'), resume: step('resume') },
    savePaused: step('save'),
  } as unknown as VerbPorts;
  return { verbs: createVerbs(ports), done };
}

test('a destination is stopped, and goes on, only once that is on record', async () => {
  const { verbs, done } = verbsWith(async () => {});
  await verbs.pause(ORDER, CONTEXT);
  await verbs.resume(ORDER, CONTEXT);
  assert.deepEqual(done, [
    'destination-paused',
    'pause bravo.example',
    'save',
    'destination-resumed',
    'resume bravo.example',
    'save',
  ]);
});

test('while nothing can be recorded, no destination is stopped', async () => {
  const { verbs, done } = verbsWith(async () => await Promise.reject(new Error('disk full')));
  await assert.rejects(Promise.resolve(verbs.pause(ORDER, CONTEXT)));
  assert.deepEqual(done, []);
});

test('RFC 3461 4.1: a drop is not told of for whom NOTIFY is NEVER, and the log does not say so', () => {
  const now = new Date('2026-11-21T08:00:00Z');
  const dropOf = (paths: QueueFileHeader['forwardPaths']) => {
    const header: QueueFileHeader = {
      ...{ version: 1, id: newQueueId(now), createdAt: now.toISOString(), origin: 'outward' },
      ...{ reversePath: 'ann@acme.example', forwardPaths: paths, client: null, evidence: null },
      ...{ dsn: {}, smtpUtf8: false, eightBit: false, requireTls: false, extra: {} },
    };
    const state = parseState(null, header);
    const dropped = dropWaiting({ header, state, by: 'ann', notify: true, now });
    const [event] = dropped.outbox;
    const notified = event?.kind === 'dropped' ? event.notified : null;
    return { notified, told: dropped.reports.map(({ recipients }) => recipients) };
  };
  const never = { path: 'bob@bravo.example', notify: ['NEVER' as const] };
  assert.deepEqual(dropOf([never]), { notified: false, told: [] });
  const two = dropOf([never, { path: 'carol@bravo.example' }]);
  assert.deepEqual(two, { notified: true, told: [[1]] });
});
