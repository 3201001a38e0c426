import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deliver } from './deliver.ts';
import { HOUR_MS, on, one, START, TEXT } from './testing.ts';

test('RFC 5321 4.5.5: a null reverse-path never gets a report', async () => {
  await using it = await one({ reply: on('RCPT', '550 5.1.1 no\r\n') });
  const header = await it.world.put(TEXT, { reversePath: '' });
  assert.deepEqual(await deliver(header.id, it.world.ports), { kind: 'done' });
  assert.deepEqual(await it.world.incoming(), []);
});

test('RFC 3461 4.1: NOTIFY=NEVER gets no report, NOTIFY=FAILURE does', async () => {
  await using it = await one({ reply: on('RCPT', '550 5.1.1 no\r\n') });
  const header = await it.world.put(TEXT, {
    forwardPaths: [
      { path: 'never@bravo.example', notify: ['NEVER'] },
      { path: 'told@bravo.example', notify: ['FAILURE'] },
    ],
  });
  await deliver(header.id, it.world.ports);
  const [report] = await it.world.incoming();
  assert.match(report?.text ?? '', /told@bravo\.example/);
  assert.doesNotMatch(report?.text ?? '', /never@/);
  assert.match(report?.text ?? '', /Diagnostic-Code: smtp; 550 5\.1\.1 no/);
});

test('RFC 3461 5.2.2: NOTIFY=SUCCESS without DSN at the next hop is told as relayed', async () => {
  await using it = await one({ extensions: [] });
  const path = { path: 'bob@bravo.example', notify: ['SUCCESS' as const] };
  const header = await it.world.put(TEXT, { forwardPaths: [path] });
  await deliver(header.id, it.world.ports);
  assert.match((await it.world.incoming())[0]?.text ?? '', /Action: relayed/);
});

test('RFC 3461 5.2.1: DSN parameters are passed on where DSN is offered', async () => {
  await using it = await one({ extensions: ['DSN', 'SIZE'] });
  const header = await it.world.put(TEXT, {
    dsn: { ret: 'HDRS', envid: 'QQ1' },
    forwardPaths: [
      { path: 'bob@bravo.example', notify: ['SUCCESS'], orcpt: 'rfc822;Bob@bravo.example' },
    ],
  });
  await deliver(header.id, it.world.ports);
  assert.equal(
    it.server.messages[0]?.mail,
    `MAIL FROM:<ann@acme.example> SIZE=${TEXT.length} RET=HDRS ENVID=QQ1`,
  );
  assert.equal(
    it.server.messages[0]?.recipients[0],
    'RCPT TO:<bob@bravo.example> NOTIFY=SUCCESS ORCPT=rfc822;Bob@bravo.example',
  );
  assert.deepEqual(await it.world.incoming(), []);
});

test('an inward failure of an unproven author is held, never sent back', async () => {
  await using it = await one({ reply: on('RCPT', '550 5.1.1 no\r\n') });
  const header = await it.world.put(TEXT, { origin: 'inward', reversePath: 'x@forged.example' });
  assert.deepEqual(await deliver(header.id, it.world.ports), { kind: 'done' });
  assert.deepEqual(await it.world.incoming(), []);
  assert.equal((await it.world.held()).length, 1);
});

test('an inward failure of a proven author returns the outer header only', async () => {
  await using it = await one({ reply: on('RCPT', '550 5.1.1 no\r\n') });
  const extra = { returnable: true, outerHeader: 'Subject: ...\r\n' };
  const more = { origin: 'inward' as const, reversePath: 'x@bravo.example', extra };
  const header = await it.world.put('Subject: canary\r\n\r\nsecret\r\n', more);
  await deliver(header.id, it.world.ports);
  const [report] = await it.world.incoming();
  assert.match(report?.text ?? '', /Subject: \.\.\./);
  assert.doesNotMatch(report?.text ?? '', /canary|secret/);
});

test('4 hours: the author is told of the delay, once', async () => {
  await using it = await one({ reply: on('MAIL', '451 4.3.0 later\r\n') });
  const header = await it.world.put();
  for (const hours of [0, 5, 7, 9]) {
    it.world.world.now = new Date(START.getTime() + hours * HOUR_MS);
    await deliver(header.id, it.world.ports);
  }
  const reports = await it.world.incoming();
  assert.equal(reports.length, 1);
  assert.match(reports[0]?.text ?? '', /Action: delayed/);
  assert.match(reports[0]?.text ?? '', /Will-Retry-Until:/);
});
