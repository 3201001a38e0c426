import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AuditEvent, auditEventSchema, formatLeafLine, leafOf } from '@sallyport/audit-log';
import { type PolicyDocument, parsePolicyDocument } from '@sallyport/policy';
import { rehearse } from './rehearse.ts';

const NOW = new Date('2026-03-01T00:00:00Z');
const QUEUE_ID = (at: number): string => `${'0'.repeat(18)}${String(at).padStart(2, '0')}`;

function policy(partner: object): PolicyDocument {
  const record = { name: 'Bravo', domains: ['bravo.example'], ...partner };
  const parsed = parsePolicyDocument({ partners: [record] });
  assert.ok(parsed.kind === 'ok');
  return parsed.policy;
}

const IN_FORCE = policy({ outbound: { encrypt: 'none' } });

/** A log in which so many messages for one person of the partner were accepted and went out signed. */
function logOf(count: number) {
  const events: AuditEvent[] = [];
  for (let at = 0; at < count; at += 1) {
    const queueId = QUEUE_ID(at);
    const personal = { reversePath: 'alice@acme.example', forwardPath: 'bob@bravo.example' };
    const origin = 'outward';
    const accepted = {
      kind: 'accepted',
      queueId,
      origin,
      sizeBytes: 9,
      evidence: 'login',
      personal,
    };
    const decided = { kind: 'decided', queueId, decision: 'sign-only', policyVersion: 1 };
    events.push(auditEventSchema.parse(accepted), auditEventSchema.parse(decided));
  }
  const lines = events.map((event, index) =>
    formatLeafLine(leafOf(event, { index, time: NOW, salt: () => '00'.repeat(16) })),
  );
  const bytes = (async function* () {
    yield Buffer.from(lines.join(''));
  })();
  return [{ name: 'segment', bytes }];
}

async function rehearsed(draft: PolicyDocument, last: number, isKnown = true) {
  return await rehearse(draft, last, {
    segments: logOf(5),
    versionOf: () => Promise.resolve(isKnown ? IN_FORCE : null),
    ownDomains: new Set(['acme.example']),
    clock: { now: () => NOW },
  });
}

test('the policy in force changes nothing', async () => {
  const { summary, changes, since } = await rehearsed(IN_FORCE, 100);
  assert.deepEqual(summary, { envelopes: 5, recipients: 5, changed: 0, wouldFail: 0, unknown: 0 });
  assert.deepEqual([changes, since], [[], NOW.toISOString()]);
});

test('only the newest messages are decided anew, and alike ones are one row with examples', async () => {
  const draft = policy({ outbound: { encrypt: 'required', otherwise: 'refuse' } });
  const { summary, changes, unknowns } = await rehearsed(draft, 4);
  assert.equal(summary.envelopes, 4);
  assert.equal(changes.length + unknowns.length, 1);
  const [row] = [...changes, ...unknowns];
  assert.equal(row?.count, 4);
  assert.deepEqual(row.examples, [QUEUE_ID(1), QUEUE_ID(2), QUEUE_ID(3)]);
});

test('what was decided by a version that is gone is not known, never the same', async () => {
  const { summary, unknowns } = await rehearsed(IN_FORCE, 100, false);
  assert.deepEqual([summary.unknown, summary.changed], [5, 0]);
  assert.equal(unknowns[0]?.why, 'the version by which it was decided is not known');
});

test('a log without messages has nothing to say', async () => {
  const found = await rehearse(IN_FORCE, 10, {
    segments: [],
    versionOf: () => Promise.resolve(IN_FORCE),
    ownDomains: new Set(),
    clock: { now: () => NOW },
  });
  assert.equal(found.since, null);
  assert.equal(found.summary.envelopes, 0);
});
