import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyRecord } from '@sallyport/ipc';
import { certificateOf, writeKeyRecord } from '../gateway/keys.ts';
import { planActivation } from '../gateway/keys-change.ts';
import { unusable } from '../gateway/private-keys.ts';
import type { KeySession } from './key-session.ts';
import { reloadKeys } from './keyholder-orders.ts';
import { Complaint } from './run.ts';

/** Longer than a worker keeps its list of keys. */
const KNOWN_AFTER_MS = 6_000;

/** Plans an activation that a running gateway carries out, or takes the plan back (null). */
export async function schedule(
  session: KeySession,
  record: KeyRecord,
  at: Date | null,
): Promise<KeyRecord> {
  const { gateway, now } = session;
  if (at === null && record.activateAt === undefined) {
    throw new Complaint(`For the key ${record.keyId} no activation is planned.`);
  }
  if (at !== null) {
    if (at <= now) throw new Complaint(`${at.toISOString()} is over; name a later time, or none.`);
    if (record.state !== 'pending') {
      throw new Complaint(
        `Only a pending key has its activation planned; ${record.keyId} is ${record.state}.`,
      );
    }
    // As it will be asked then.
    const plan = planActivation({
      records: await session.records(),
      keyId: record.keyId,
      now: at,
      beside: false,
    });
    if ('fault' in plan) throw new Complaint(plan.sentence);
  }
  const { activateAt: _, ...kept } = record;
  const activateAt = at?.toISOString();
  const fingerprint = certificateOf(record)?.fingerprint;
  await session.record({
    kind: 'key-scheduled',
    keyId: record.keyId,
    class: record.class,
    domain: record.domain,
    algorithm: record.algorithm,
    ...(fingerprint === undefined ? {} : { fingerprint }),
    state: record.state,
    activateAt: activateAt ?? null,
  });
  const planned = { ...kept, ...(activateAt === undefined ? {} : { activateAt }) };
  await writeKeyRecord(gateway.layout.keys, planned);
  return planned;
}

/** What an activation changed. */
export interface Activated {
  readonly record: KeyRecord;
  /** Keys that went out of use for it. */
  readonly former: readonly KeyRecord[];
}

/** Activates at once. @throws Complaint if the table of a key's life does not allow it. */
export async function activateKey(
  session: KeySession,
  keyId: string,
  { beside = false }: { readonly beside?: boolean } = {},
): Promise<Activated> {
  const { now, gateway } = session;
  const records = await session.records();
  const plan = planActivation({ records, keyId, now, beside });
  if (!('fault' in plan)) {
    const { record } = plan.changes[0];
    // The keyholder looks at no signing key before it is in use, and the former one would be out of it.
    const reason = await unusable(gateway.layout, record, records);
    if (reason !== null) throw new Complaint(reason);
    await untilKnown(session, record);
  }
  const [active, ...former] = await session.carryOut(plan);
  return { record: active.record, former: former.map(({ record }) => record) };
}

/**
 * Partners encrypt to a certificate as soon as they find it, and a worker looks only every few
 * seconds which keys there are: a running gateway has known a pending key that long.
 */
async function untilKnown(
  { gateway }: KeySession,
  { keyId, class: keyClass }: KeyRecord,
): Promise<void> {
  if (keyClass !== 'domain-confidentiality' || !(await reloadKeys(gateway))) return;
  const { mtimeMs } = await stat(join(gateway.layout.keys, `${keyId}.json`));
  const waitMs = Math.min(KNOWN_AFTER_MS, mtimeMs + KNOWN_AFTER_MS - Date.now());
  if (waitMs > 0) await sleep(waitMs);
}
