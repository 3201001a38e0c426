import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { AuditEvent } from '@sallyport/audit-log';
import { newQueueId } from '@sallyport/mail';
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

  test('whoever drops mail from outside is not asked about a report, since none goes out', async () => {
    const id = newQueueId(NOW);
    world.queue.set(id, heldEntry(id, { reversePath: 'mallory@bravo.example' }));
    const body = await page('mail-admin', `/hold/${id}/drop`);
    assert.doesNotMatch(body, /name="notify"/);
    assert.match(body, /mail from outside gets no report of this/);
    world.queue.delete(id);
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

  test('queue and hold are read page by page to their end, the oldest first', async () => {
    const all = Array.from({ length: 120 }, (_, n) => newQueueId(new Date(NOW.getTime() + 1 + n)));
    for (const id of all.toReversed()) world.queue.set(id, heldEntry(id, WAITING));
    const seen: string[] = [];
    for (let url = '/queue?recipient=charlie.example'; url !== ''; ) {
      const body = await page('auditor', url);
      seen.push(...[...body.matchAll(/href="\/queue\/([0-9a-z]{20})"/g)].map(([, id = '']) => id));
      url = /rel="next" href="([^"]*)"/.exec(body)?.[1]?.replaceAll('&amp;', '&') ?? '';
      assert.ok(seen.length <= 121);
    }
    assert.deepEqual(seen, [WAITS, ...all]);
    const api = await world.ask({ as: 'auditor', url: '/api/v1/queue?limit=2' });
    const { items, after, more } = api.json<{ items: object[]; after: string; more: boolean }>();
    assert.deepEqual([items.length, more], [2, true]);
    assert.equal(api.headers['link'], `</api/v1/queue?limit=2&after=${after}>; rel="next"`);
    assert.equal(
      (await world.ask({ as: 'auditor', url: '/api/v1/queue?after=x' })).statusCode,
      422,
    );
    for (const id of all) world.queue.delete(id);
  });

  test('what is held is seen however much waits that is older', async () => {
    const old = Array.from({ length: 1_100 }, (_, n) => newQueueId(new Date(n)));
    for (const id of old) world.queue.set(id, heldEntry(id, WAITING));
    const body = await page('mail-admin', '/');
    assert.match(body, new RegExp(`href="/hold/${COPY}"`));
    assert.match(body, /More than 1000 messages wait/);
    assert.match(body, /Only the oldest 1000 are counted/);
    assert.match(await page('mail-admin', '/hold'), new RegExp(COPY));
    for (const id of old) world.queue.delete(id);
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

test('the verdict says what was found, and of unsigned mail not what a signature covers', async () => {
  await using world = await testConsole();
  const [unsigned, mismatched] = [newQueueId(NOW), newQueueId(NOW)];
  const verdict = {
    signature: 'none',
    signatureType: null,
    signer: null,
    originator: 'unknown',
    mapping: null,
    encryption: 'none',
    scope: 'whole',
    reason: 'not signed',
  } as const;
  const found = { signature: 'valid', mapping: 'mismatch', senderLookup: 'not-found' } as const;
  const opened = { kind: 'opened', decision: 'deliver' } as const;
  await world.log(
    { ...EVENTS[0], queueId: unsigned, origin: 'inward' } as AuditEvent,
    { ...opened, queueId: unsigned, verdict },
    { ...EVENTS[0], queueId: mismatched, origin: 'inward' } as AuditEvent,
    { ...opened, queueId: mismatched, verdict: { ...verdict, ...found } },
  );
  const plain = (await world.ask({ as: 'auditor', url: `/messages/${unsigned}` })).payload;
  assert.match(plain, /signature none; originator unknown; encryption none; not signed/);
  const signed = (await world.ask({ as: 'auditor', url: `/messages/${mismatched}` })).payload;
  assert.match(signed, /the name of the signer does not fit the author; /);
  assert.match(signed, /the signing domain does not publish the certificate; /);
  assert.match(signed, /covers the whole message/);
});

test('while one copy is held still, it is found, though another one was released', async () => {
  await using world = await testConsole();
  const other = newQueueId(NOW);
  await world.log(
    ...EVENTS,
    { kind: 'held', queueId: HELD, heldId: other, fault: 'recipient-certificate-missing' },
    { kind: 'released', queueId: other, personal: { by: 'bob' } },
  );
  world.queue.set(COPY, heldEntry(COPY));
  const body = (await world.ask({ as: 'mail-admin', url: `/messages/${HELD}` })).payload;
  assert.match(body, new RegExp(`href="/hold/${COPY}"`));
});

test('messages are found by the name of a partner, whichever of its domains they are to', async () => {
  const partner = { name: 'Bravo', domains: ['bravo.example', '*.second.example'] };
  await using world = await testConsole({ policy: { partners: [partner] } });
  const ids = Array.from({ length: 5 }, (_, n) => newQueueId(new Date(NOW.getTime() + n)));
  const to = ['a@bravo.example', 'b@x.second.example', 'c@other.example'];
  await world.log(
    ...ids.map((queueId, n): AuditEvent => {
      const forwardPath = to[n % to.length] ?? '';
      return { ...EVENTS[0], queueId, personal: { forwardPath } } as AuditEvent;
    }),
  );
  const found = async (query: string) => {
    const answer = await world.ask({ as: 'auditor', url: `/api/v1/messages?${query}` });
    const page = answer.json<{ items: { queueId: string }[]; before: number | null }>();
    return {
      ids: page.items.map(({ queueId }) => (ids as readonly string[]).indexOf(queueId)),
      before: page.before,
    };
  };
  assert.deepEqual((await found('partner=Bravo')).ids, [4, 3, 1, 0]);
  const first = await found('partner=Bravo&limit=3');
  assert.deepEqual(first.ids, [4, 3, 1]);
  assert.deepEqual((await found(`partner=Bravo&before=${first.before}`)).ids, [0]);
  assert.deepEqual((await found('partner=Bravo&domain=second.example')).ids, [4, 1]);
  const nobody = await world.ask({ as: 'auditor', url: '/messages?partner=Nobody' });
  assert.match(nobody.payload, /no partner Nobody/);
  const api = await world.ask({ as: 'auditor', url: '/api/v1/messages?partner=Nobody' });
  assert.equal(api.statusCode, 422);
});
