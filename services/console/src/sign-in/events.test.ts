import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type AccountEvent,
  AccountStore,
  addAccount,
  createToken,
  makeLink,
  renewRecoveryCodes,
  revokeToken,
  setDisabled,
  setRoles,
  useLink,
} from '@sallyport/accounts';
import { auditEventSchema } from '@sallyport/audit-log';

test('every change of an account is an event that the audit log takes', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-events-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const store = new AccountStore(folder);
  const events: AccountEvent[] = [];
  const record = async (event: AccountEvent): Promise<void> => {
    events.push(event);
  };
  const now = new Date('2026-03-01T12:00:00Z');
  const ann = { name: 'ann' };
  const added = await store.change(
    (all) => addAccount(all, { ...ann, roles: ['auditor'], now }),
    record,
  );
  assert.ok(added.kind === 'done');
  const secret = added.result.linkSecret;
  await store.change((all) => useLink(all, { secret, passwordHash: 'h', now }), record);
  await store.change((all) => setRoles(all, ann, ['auditor', 'approver']), record);
  await store.change((all) => renewRecoveryCodes(all, ann), record);
  await store.change((all) => makeLink(all, ann, now), record);
  const order = { name: 'cron', scopes: ['now.read'] as const, days: 1, now };
  const token = await store.change((all) => createToken(all, ann, order), record);
  assert.ok(token.kind === 'done');
  await store.change((all) => revokeToken(all, token.result.token.id), record);
  await store.change((all) => setDisabled(all, ann, 'disable'), record);
  assert.equal(events.length, 10);
  for (const event of events) {
    const parsed = auditEventSchema.safeParse({
      ...event,
      personal: { ...event.personal, by: 'x' },
    });
    assert.equal(parsed.success, true, JSON.stringify([event, parsed.error?.issues]));
  }
});
