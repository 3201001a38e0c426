import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AuditEvent,
  auditEventSchema,
  formatLeafLine,
  leafOf,
  parseLogLine,
  type RecordedEvent,
  readEvent,
  withholdEvent,
} from './index.ts';

const QUEUE_ID = '0123456789abcdefghjk';
const SALT = '00'.repeat(16);
const facts = { index: 3, time: new Date(0), salt: () => SALT };

/** What a server that refuses says, as most do. */
const failed = (reply: string, personal: Record<string, string>): AuditEvent =>
  auditEventSchema.parse({
    ...{ kind: 'failed', queueId: QUEUE_ID, fault: 'next-hop-refused', reply },
    ...{ sentence: `gw.bravo.example refused: ${reply}`, details: { said: reply }, personal },
  });

function recorded(event: AuditEvent): RecordedEvent {
  const line = parseLogLine(formatLeafLine(leafOf(event, facts)).trimEnd());
  const read = line === null ? null : readEvent(line);
  assert.ok(read);
  return read;
}

const people = { reversePath: 'alice@acme.example', forwardPath: 'bob@bravo.example' };

test('an address that a text repeats is in the leaf no more than in its own field', () => {
  const reply =
    '550 5.1.1 <bob@bravo.example>: unknown; BOB@bravo.example, from alice@acme.example';
  const event = recorded(failed(reply, people));
  assert.doesNotMatch(event.leaf, /bob@|alice@/i);
  assert.match(event.leaf, /<\{forwardPath\}>: unknown/);
  const shown = reply.replace('BOB', 'bob');
  assert.equal(event.facts['reply'], shown);
  assert.equal(event.facts['sentence'], `gw.bravo.example refused: ${shown}`);
  assert.deepEqual(event.facts['details'], { said: shown });
});

test('what is withheld is withheld in the texts as well', () => {
  const event = recorded(failed('550 <bob@bravo.example> for alice@acme.example', people));
  const some = withholdEvent(event, ['forwardPath']);
  assert.equal(some.facts['reply'], '550 <(withheld)> for alice@acme.example');
  assert.equal(some.personal['forwardPath'], null);
  const all = withholdEvent(event, 'personal');
  assert.doesNotMatch(JSON.stringify(all), /bob@|alice@/);
});

test('a stranger who writes such a mark gets nothing put in its place', () => {
  const event = recorded(failed('550 {reversePath} {{forwardPath}} {nobody} {a}', people));
  assert.equal(event.facts['reply'], '550 (reversePath) {(forwardPath)} {nobody} {a}');
});

test('of two addresses the one that holds the other stays whole, and one that looks like a pattern is none', () => {
  const two = { forwardPath: 'bob@b.example', 'forwardPath.1': 'big.bob@b.example' };
  const reply = 'no big.bob@b.example, no bob@b.example, no bob@bxexample';
  const event = recorded(failed(reply, two));
  assert.equal(event.facts['reply'], reply);
  assert.equal(
    withholdEvent(event, 'personal').facts['reply'],
    'no (withheld), no (withheld), no bob@bxexample',
  );
  const odd = recorded(failed('no $& a+b@c.example', { forwardPath: 'a+b@c.example' }));
  assert.equal(odd.facts['reply'], 'no $& a+b@c.example');
});

test('a letter with two small forms loses no text', () => {
  const event = recorded(failed('no νίκος@b.example', { forwardPath: 'νίκοσ@b.example' }));
  assert.equal(event.facts['reply'], 'no νίκος@b.example');
});

test('where nobody is named the leaf is as ever, and short words of a name are no marks', () => {
  const event = recorded(failed('admin says 550', { by: 'admin' }));
  assert.match(event.leaf, /admin says 550/);
});
