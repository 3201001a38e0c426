import type { KeyRecord } from '@sallyport/ipc';
import { type KeyPlan, planRetirement, planStep } from '../gateway/keys-change.ts';
import { activateKey, schedule } from './key-activation.ts';
import {
  type KeyOptions,
  type KeySession,
  keyFacts,
  keyRecord,
  withKeySession,
} from './key-session.ts';
import { reloadKeys } from './keyholder-orders.ts';
import { note, print, printJson } from './output.ts';
import { Complaint } from './run.ts';

export interface KeyActivateOptions extends KeyOptions {
  readonly beside?: boolean;
  readonly at?: string;
  readonly cancel?: boolean;
}

/** Puts a key that has its certificate in use, now or at a time. */
export async function runKeyActivate(keyId: string, options: KeyActivateOptions): Promise<number> {
  const beside = options.beside === true;
  if (beside && options.at !== undefined) {
    throw new Complaint('--beside works at once; it cannot be put off with --at.');
  }
  const at = options.at === undefined ? null : timeOf(options.at);
  return await withKeySession(options, async (session) => {
    const record = await keyRecord(session.gateway, keyId);
    if (beside && record.class === 'domain-confidentiality') {
      throw new Complaint('Only signing keys work side by side; mail is encrypted to one.');
    }
    const after =
      at !== null || options.cancel === true
        ? await schedule(session, record, at)
        : await activate(session, keyId, { beside });
    if (options.json === true) printJson(keyFacts(after));
    else if (after.activateAt === undefined) print(`${keyId} is ${after.state}.`);
    else print(`${keyId} is ${after.state} and comes into use at ${after.activateAt}.`);
    return 0;
  });
}

/** RFC 3339 with an offset. @throws Complaint */
export function timeOf(text: string): Date {
  const time = new Date(text);
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  if (isTime && !Number.isNaN(time.getTime())) return time;
  throw new Complaint(`${text} is no time; write it as 2026-12-31T06:00:00Z.`);
}

/** Activates at once, and says what else changed and what is to be done next. */
export async function activate(
  session: KeySession,
  keyId: string,
  options: { readonly beside?: boolean } = {},
): Promise<KeyRecord> {
  const { record, former } = await activateKey(session, keyId, options);
  for (const one of former) note(`${one.keyId} is ${one.state} now.`);
  if (!(await reloadKeys(session.gateway))) {
    note('No gateway is running; this holds from its start on.');
  }
  note('The DNS lines have changed: sallyport dns, or dns --check to compare.');
  return record;
}

/** Takes a key out of use: a confidentiality key first opens mail still, then rests. */
export async function runKeyRetire(keyId: string, options: KeyOptions): Promise<number> {
  const record = await runStep(options, (input) => planRetirement({ ...input, keyId }));
  if (record.state === 'retired' && record.class === 'domain-confidentiality') {
    note('Mail to it is not opened any more, unless it is reopened: sallyport key reopen.');
  }
  return 0;
}

/** Lets a retired confidentiality key open mail again. */
export async function runKeyReopen(keyId: string, options: KeyOptions): Promise<number> {
  await runStep(options, (input) => planStep({ ...input, keyId }, 'reopen'));
  return 0;
}

/** Overwrites and removes a private key; its record stays. */
export async function runKeyDestroy(keyId: string, options: KeyOptions): Promise<number> {
  const { token } = await runStep(options, (input) => planStep({ ...input, keyId }, 'destroy'));
  note(
    token === undefined
      ? 'Its record stays. Backups may still have the key, sealed.'
      : `Its record stays. The token still has the key: delete ${token} with the tool of its vendor.`,
  );
  return 0;
}

/** Carries out a step of one key and says which state it has now. */
async function runStep(
  options: KeyOptions,
  plan: (input: { readonly records: readonly KeyRecord[]; readonly now: Date }) => KeyPlan,
): Promise<KeyRecord> {
  return await withKeySession(options, async (session) => {
    const { now } = session;
    const [{ record }] = await session.carryOut(plan({ records: await session.records(), now }));
    if (options.json === true) printJson(keyFacts(record));
    else print(`${record.keyId} is ${record.state}.`);
    return record;
  });
}
