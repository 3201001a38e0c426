import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { AuditEvent } from '@sallyport/audit-log';
import {
  COPY,
  EVENTS,
  GONE,
  HELD,
  heldEntry,
  NOW,
  type TestConsole,
  testConsole,
  WAITING,
  WAITS,
  WHY,
} from './testing.ts';

describe('messages, hold and queue', () => {
  let world: TestConsole;
  before(async () => {
    world = await testConsole();
    await world.log(...EVENTS);
    world.queue.set(COPY, heldEntry(COPY));
    world.queue.set(WAITS, heldEntry(WAITS, WAITING));
  });
  after(async () => await world[Symbol.asyncDispose]());

  const page = async (as: 'mail-admin' | 'auditor' | 'approver', url: string): Promise<string> => {
    const answer = await world.ask({ as, url });
    assert.equal(answer.statusCode, 200, answer.payload);
    return answer.payload;
  };

  test('the first page leads to what is held, and says what waits', async () => {
    const body = await page('mail-admin', '/');
    assert.match(body, new RegExp(`href="/hold/${COPY}"`));
    assert.match(body, /1 message waits/);
    assert.match(body, /no certificate of bravo\.example was found/);
  });

  test('whether mail flows is one sentence: it came and did not go on', async () => {
    assert.match(await page('mail-admin', '/'), /Mail came in the last hour and none went on/);
  });

  test('who may not look into hold gets counts on the first page, and no message', async () => {
    const body = await page('auditor', '/');
    assert.match(body, /1 held/);
    assert.doesNotMatch(body, new RegExp(`${COPY}|bob@bravo`));
    const answer = await world.ask({ as: 'approver', url: '/api/v1/now' });
    assert.doesNotMatch(answer.payload, /bob@bravo/);
  });

  test('a message says in one sentence why it is held, what to do and who may release it', async () => {
    const body = await page('approver', `/messages/${HELD}`);
    assert.match(body, /Why it is held/);
    assert.ok(body.includes(WHY));
    assert.match(body, /The security admin must get the partner&#39;s domain certificate/);
    assert.match(body, /A mail admin or a security admin may release it/);
    assert.match(body, /2026-11-26 12:00:00 UTC/);
    assert.match(body, /href="\/policy\/1"/);
    assert.match(body, /TLSv1\.3/);
  });

  test('why a message is held is told without its envelope in hold', async () => {
    const answer = await world.ask({ as: 'auditor', url: `/api/v1/messages/${HELD}` });
    const { held } = answer.json<{ held: { sentence: string; entry: object } }>();
    assert.equal(held.sentence, WHY);
    assert.deepEqual(Object.keys(held.entry).sort(), ['expiresAt', 'id', 'release']);
    assert.deepEqual(await world.logged('held-message-viewed'), []);
  });

  test('a message is found by its id, address, domain and outcome, and not by others', async () => {
    for (const query of [
      `id=${HELD}`,
      'address=bob@bravo.example',
      'domain=bravo.example',
      'outcome=held',
    ]) {
      assert.match(await page('auditor', `/messages?${query}`), new RegExp(HELD), query);
    }
    for (const query of [`id=${GONE}`, 'address=x@y.example', 'outcome=relayed']) {
      assert.doesNotMatch(await page('auditor', `/messages?${query}`), new RegExp(HELD), query);
    }
  });

  test('a search that cannot be read is answered, and says so', async () => {
    const body = await page('auditor', '/messages?since=yesterday&outcome=lost&before=x&id=%00');
    assert.match(body, /cannot be read; it was left out/);
  });

  test('looking at a held message is on record before it is shown', async () => {
    const seen = (await world.logged('held-message-viewed')).length;
    const body = await page('mail-admin', `/hold/${COPY}`);
    assert.ok(body.includes(WHY));
    const [viewed, ...others] = await world.logged('held-message-viewed');
    assert.equal(others.length, seen);
    assert.equal(viewed?.queueId, COPY);
    assert.equal(viewed?.personal['by'], 'mail-admin@acme.example');
  });

  test('while nothing can be recorded, no held message is shown', async () => {
    const { ports } = world.desk;
    const { record } = ports;
    Object.assign(ports, { record: async () => await Promise.reject(new Error('disk full')) });
    const answer = await world.ask({ as: 'mail-admin', url: `/hold/${COPY}` });
    Object.assign(ports, { record });
    assert.equal(answer.statusCode, 500);
    assert.doesNotMatch(answer.payload, /bob@bravo|no certificate/);
  });

  test('a message that waits is not reached through hold, nor a held one through the queue', async () => {
    for (const url of [`/hold/${WAITS}`, `/queue/${COPY}`]) {
      assert.equal((await world.ask({ as: 'mail-admin', url })).statusCode, 404, url);
      assert.equal((await world.ask({ as: 'mail-admin', url: `/api/v1${url}` })).statusCode, 404);
    }
    const dropped = await world.ask({
      as: 'mail-admin',
      method: 'POST',
      url: `/api/v1/queue/${COPY}/drop`,
      json: { notify: false },
      headers: { 'x-csrf': 'shown-by-our-own-form' },
    });
    assert.equal(dropped.statusCode, 404);
    assert.deepEqual(world.orders, []);
    assert.ok(!(await page('auditor', '/queue')).includes(COPY));
  });

  test('release and drop are asked about first, and done in the name of who confirmed', async () => {
    assert.match(await page('mail-admin', `/hold/${COPY}/release`), /decided anew/);
    assert.match(await page('mail-admin', `/hold/${COPY}/drop`), /name="notify"/);
    assert.deepEqual(world.orders, []);
    const url = `/hold/${COPY}/release`;
    const answer = await world.ask({ as: 'mail-admin', method: 'POST', url, form: {} });
    assert.equal(answer.statusCode, 303);
    const by = 'mail-admin@acme.example';
    assert.deepEqual(world.orders.splice(0), [{ verb: 'release', id: COPY, by }]);
    const again = await world.ask({ as: 'mail-admin', method: 'POST', url, form: {} });
    assert.equal(again.statusCode, 404);
    world.queue.set(COPY, heldEntry(COPY));
    const form = { notify: 'yes' };
    await world.ask({ as: 'mail-admin', method: 'POST', url: `/hold/${COPY}/drop`, form });
    assert.deepEqual(world.orders.splice(0), [{ verb: 'drop', id: COPY, by, notify: true }]);
    world.queue.set(COPY, heldEntry(COPY));
  });

  test('a retry is on record, since egress keeps no name for it', async () => {
    const url = `/queue/${WAITS}/retry`;
    const answer = await world.ask({ as: 'mail-admin', method: 'POST', url, form: {} });
    assert.equal(answer.statusCode, 303);
    assert.deepEqual(world.orders.splice(0), [{ verb: 'retry', id: WAITS }]);
    const [ordered] = await world.logged('console-order');
    assert.equal(ordered?.personal['by'], 'mail-admin@acme.example');
    assert.equal(ordered?.queueId, WAITS);
  });

  test('a destination is stopped by its name, and by nothing else', async () => {
    const order = async (domain: string) =>
      await world.ask({
        as: 'mail-admin',
        method: 'POST',
        url: '/queue/destinations',
        form: { verb: 'pause', domain },
      });
    assert.equal((await order('no domain')).statusCode, 422);
    assert.deepEqual(world.orders, []);
    assert.equal((await order('Bravo.Example')).statusCode, 303);
    const by = 'mail-admin@acme.example';
    assert.deepEqual(world.orders.splice(0), [{ verb: 'pause', destination: 'bravo.example', by }]);
  });

  test('a stopped destination is shown until the log says that it goes on', async () => {
    await world.log({ kind: 'destination-paused', destination: 'delta.example' });
    assert.match(await page('mail-admin', '/queue'), /delta\.example/);
    await world.log({ kind: 'destination-resumed', destination: 'delta.example' });
    assert.doesNotMatch(await page('mail-admin', '/queue'), /delta\.example/);
  });

  test('the queue of a partner that the policy does not have is no empty list', async () => {
    assert.match(await page('mail-admin', '/queue?partner=Nobody'), /no partner Nobody/);
    const answer = await world.ask({ as: 'mail-admin', url: '/api/v1/queue?partner=Nobody' });
    assert.equal(answer.statusCode, 422);
  });

  test('the API gives lists by pages, with a link to the next one', async () => {
    await world.log({ ...EVENTS[0], queueId: GONE } as AuditEvent);
    const answer = await world.ask({ as: 'auditor', url: '/api/v1/messages?limit=1' });
    const { items, before } = answer.json<{ items: { queueId: string }[]; before: number }>();
    assert.deepEqual(
      items.map(({ queueId }) => queueId),
      [GONE],
    );
    assert.equal(answer.headers['link'], `</api/v1/messages?limit=1&before=${before}>; rel="next"`);
    const url = `/api/v1/messages?limit=1&before=${before}`;
    const next = await world.ask({ as: 'auditor', url });
    assert.deepEqual(next.json<{ items: { queueId: string }[] }>().items[0]?.queueId, HELD);
    assert.equal(next.headers['link'], undefined);
  });
});

test('a part of the queue that is away is said plainly, and nothing is taken for empty', async () => {
  await using world = await testConsole();
  world.desk.ports.sockets.egress.close();
  const body = (await world.ask({ as: 'mail-admin', url: '/queue' })).payload;
  assert.match(body, /Egress does not answer/);
  const shown = await world.ask({ as: 'mail-admin', url: `/queue/${WAITS}` });
  assert.equal(shown.statusCode, 503);
  const now = await world.ask({ as: 'auditor', url: '/' });
  assert.equal(now.statusCode, 200);
  assert.match(now.payload, /Egress does not answer/);
  const api = await world.ask({ as: 'mail-admin', url: `/api/v1/queue/${WAITS}` });
  assert.equal(api.statusCode, 503);
});

test('whether mail flows: quiet, flowing, and again quiet an hour later', async () => {
  await using world = await testConsole();
  const stateNow = async (): Promise<string> => {
    const answer = await world.ask({ as: 'auditor', url: '/api/v1/now' });
    return answer.json<{ flow: { state: string } }>().flow.state;
  };
  assert.equal(await stateNow(), 'quiet');
  await world.log(...EVENTS.slice(0, 1), { kind: 'relayed', queueId: HELD, recipients: 1 });
  assert.equal(await stateNow(), 'flows');
  world.setTime(new Date(NOW.getTime() + 3_600_001));
  assert.equal(await stateNow(), 'quiet');
});

test('what ends is named in time: an agreement of the policy in force', async () => {
  const agreement = { id: 'RPA-1', asserts: 'x', validUntil: '2026-11-25', contact: 'a@b.example' };
  const partner = { name: 'Bravo', domains: ['bravo.example'], agreement };
  await using world = await testConsole({ policy: { partners: [partner] } });
  const body = (await world.ask({ as: 'auditor', url: '/' })).payload;
  assert.match(body, /href="\/partners\/Bravo"/);
  assert.match(body, /4 days/);
  assert.match(body, /ends of keys are not known/);
  world.setTime(new Date('2026-12-24T12:00:00Z'));
  assert.match((await world.ask({ as: 'auditor', url: '/' })).payload, /has ended/);
});

test('a partner that shows another certificate wants a decision until the policy changes', async () => {
  await using world = await testConsole();
  const seen = async (): Promise<boolean> =>
    (await world.ask({ as: 'approver', url: '/' })).payload.includes('echo.example shows another');
  const change = {
    kind: 'partner-key-changed' as const,
    domain: 'echo.example',
    direction: 'encrypt' as const,
    certificate: 'a'.repeat(64),
    pinned: ['b'.repeat(64)],
  } satisfies Partial<AuditEvent>;
  await world.log({ ...change, outcome: 'followed' });
  assert.equal(await seen(), false);
  await world.log({ ...change, outcome: 'waits' });
  assert.equal(await seen(), true);
  world.setTime(new Date(NOW.getTime() + 60_000));
  await world.log({ kind: 'policy-activated', version: 2, sha256: 'c'.repeat(64) });
  assert.equal(await seen(), false);
});
