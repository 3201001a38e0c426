import type { AuditEvent } from '@sallyport/audit-log';
import { type KeyRecord, recorderProtocol } from '@sallyport/ipc';
import type { Domain } from '@sallyport/mail';
import { certificateOf, readKeyRecords } from '../gateway/keys.ts';
import { applyChanges, type KeyChange, type KeyPlan } from '../gateway/keys-change.ts';
import { keyEvent } from '../gateway/keys-event.ts';
import { startRecorder } from '../gateway/one-order-recorder.ts';
import { publishAuthorities } from '../gateway/published-certificates.ts';
import {
  askProcess,
  type Gateway,
  NotRunning,
  openGateway,
  operatorName,
} from './gateway-access.ts';
import { reloadKeys } from './keyholder-orders.ts';
import { Complaint } from './run.ts';

export interface KeyOptions {
  readonly config: string;
  readonly offline?: boolean;
  readonly by?: string;
  readonly json?: boolean;
}

/** A gateway whose keys are about to change, with a recorder behind it. */
export interface KeySession {
  readonly gateway: Gateway;
  readonly now: Date;
  /** The keys as they are on disk now. */
  records(): Promise<readonly KeyRecord[]>;
  /** Records, writes and publishes what was planned. @throws Complaint if the plan is a refusal. */
  carryOut(plan: KeyPlan): Promise<readonly [KeyChange, ...KeyChange[]]>;
  /** Records a fact that is no step of a key; its index in the log, null with --offline. */
  record(event: AuditEvent): Promise<number | null>;
}

/**
 * Runs an order that changes keys. Before anything changes it is sure that each step can be
 * recorded: by the running gateway, or by a recorder that is started for this order.
 *
 * @throws Complaint if there is none and --offline was not given.
 */
export async function withKeySession<T>(
  options: KeyOptions,
  order: (session: KeySession) => Promise<T>,
): Promise<T> {
  const gateway = await openGateway(options.config);
  const offline = options.offline === true;
  await using _recorder = offline ? null : await recorderFor(gateway);
  const by = operatorName(options.by);
  return await order(keySession(gateway, { by, offline, now: new Date() }));
}

/** Orders for the keys of a gateway whose recorder runs. With `offline` nothing is recorded. */
export function keySession(
  gateway: Gateway,
  { by, offline, now }: { readonly by: string; readonly offline: boolean; readonly now: Date },
): KeySession {
  const { layout } = gateway;
  const record = async (event: AuditEvent): Promise<number | null> => {
    if (offline) return null;
    const personal = { ...event.personal, by };
    return await askRecorder(gateway, { ...event, personal });
  };
  return {
    gateway,
    now,
    records: () => keyRecords(gateway),
    record,
    carryOut: async (plan) => {
      if ('fault' in plan) throw new Complaint(plan.sentence);
      // First the log: a step that is in no log has not happened.
      for (const change of plan.changes) await record(keyEvent(change));
      await applyChanges(layout, plan.changes, await keyRecords(gateway));
      await publishAuthorities(layout, now);
      await reloadKeys(gateway);
      return plan.changes;
    },
  };
}

/** A recorder for an order: null if the gateway's own answers. @throws Complaint if none can be started. */
export async function recorderFor(gateway: Gateway): Promise<AsyncDisposable | null> {
  try {
    await askProcess(recorderOf(gateway), async (client) => await client.call('head', {}));
    return null;
  } catch (error) {
    if (!(error instanceof NotRunning)) throw error;
  }
  const started = await startRecorder(gateway.config, gateway.layout);
  if (!('reason' in started)) return started;
  throw new Complaint(
    `The recorder does not answer and cannot be started (${started.reason}), so this step would not be in the audit log: start the gateway, or give --offline.`,
  );
}

function recorderOf({ layout }: Gateway) {
  return { name: 'recorder', path: layout.sockets.recorder, protocol: recorderProtocol } as const;
}

/** Puts an event on record; its index in the log, once the disk has it. */
export async function askRecorder(gateway: Gateway, event: AuditEvent): Promise<number> {
  const { index } = await askProcess(
    recorderOf(gateway),
    async (client) => await client.call('record', { event, durable: true }),
  );
  return index;
}

/** All records of the key folder that can be read. */
async function keyRecords(gateway: Gateway): Promise<readonly KeyRecord[]> {
  return await readKeyRecords(gateway.layout.keys);
}

/** The key of that name. @throws Complaint if there is none. */
export async function keyRecord(gateway: Gateway, keyId: string): Promise<KeyRecord> {
  const record = (await keyRecords(gateway)).find((one) => one.keyId === keyId);
  if (record === undefined) throw new Complaint(`There is no key ${keyId}.`);
  return record;
}

/** The facts of a key as commands print them with --json. */
export function keyFacts(record: KeyRecord) {
  const certificate = certificateOf(record);
  const { keyId, domain, state, algorithm, activateAt } = record;
  return {
    keyId,
    class: record.class,
    domain,
    state,
    algorithm,
    notAfter: certificate?.notAfter.toISOString() ?? null,
    fingerprint: certificate?.fingerprint ?? null,
    ...(record.dkimSelector === undefined ? {} : { selector: record.dkimSelector }),
    ...(activateAt === undefined ? {} : { activateAt }),
    ...(record.token === undefined ? {} : { token: record.token }),
    ...(record.isRevoked === true ? { isRevoked: true } : {}),
  };
}

/** The domain that a key is for: the one named, or the only one there is. */
export function keyDomain(gateway: Gateway, named: string | undefined): Domain {
  const domains = gateway.config.domains.map(({ name }) => name);
  const [only, ...others] = domains;
  if (named === undefined && only !== undefined && others.length === 0) return only;
  const found = domains.find((domain) => domain === named?.toLowerCase());
  if (found !== undefined) return found;
  throw new Complaint(`Name one of the gateway's domains with --domain: ${domains.join(', ')}.`);
}
