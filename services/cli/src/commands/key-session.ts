import { type KeyRecord, recorderProtocol } from '@sallyport/ipc';
import type { Domain } from '@sallyport/mail';
import { KeyFolderFault, readKeyRecords } from '../gateway/keys.ts';
import { activateKey } from '../gateway/keys-activate.ts';
import {
  askProcess,
  type Gateway,
  NotRunning,
  openGateway,
  operatorName,
} from './gateway-access.ts';
import { note } from './output.ts';
import { Complaint } from './run.ts';

export interface KeyOptions {
  readonly config: string;
  readonly offline?: boolean;
  readonly by?: string;
  readonly json?: boolean;
}

/** A gateway whose keys are about to change, with the recorder behind it. */
export interface KeySession {
  readonly gateway: Gateway;
  readonly records: readonly KeyRecord[];
  /** Records one step of a key's life; nothing with --offline. */
  record(
    kind: 'key-generated' | 'key-imported' | 'key-activated',
    key: KeyRecord,
    fingerprint?: string,
  ): Promise<void>;
}

/**
 * Makes sure, before any key changes, that each step can be recorded.
 *
 * @throws Complaint if the recorder does not answer and --offline was not given.
 */
export async function openKeySession(options: KeyOptions): Promise<KeySession> {
  const gateway = await openGateway(options.config);
  const recorder = {
    name: 'recorder',
    path: gateway.layout.sockets.recorder,
    protocol: recorderProtocol,
  };
  if (options.offline !== true) await checkRecorder(recorder);
  const by = operatorName(options.by);
  return {
    gateway,
    records: await keyRecords(gateway),
    record: async (kind, key, fingerprint) => {
      if (options.offline === true) return;
      const { keyId, domain, algorithm } = key;
      const facts = { kind, keyId, class: key.class, domain, algorithm, personal: { by } };
      const event = {
        ...facts,
        ...(fingerprint === undefined ? {} : { fingerprint }),
        ...(kind === 'key-activated' ? { state: key.state } : {}),
      };
      await askProcess(
        recorder,
        async (client) => await client.call('record', { event, durable: true }),
      );
    },
  };
}

async function checkRecorder(recorder: {
  readonly name: string;
  readonly path: string;
  readonly protocol: typeof recorderProtocol;
}): Promise<void> {
  try {
    await askProcess(recorder, async (client) => await client.call('head', {}));
  } catch (error) {
    if (!(error instanceof NotRunning)) throw error;
    throw new Complaint(
      'The recorder does not answer, so this step would not be in the audit log: start the gateway, or give --offline.',
    );
  }
}

/** All records of the key folder. @throws Complaint naming a broken one. */
export async function keyRecords(gateway: Gateway): Promise<readonly KeyRecord[]> {
  try {
    return await readKeyRecords(gateway.layout.keys);
  } catch (error) {
    if (error instanceof KeyFolderFault) throw new Complaint(`${error.message}.`);
    throw error;
  }
}

/** Activates, records both changes, publishes, and says what is to be done next. */
export async function activate(
  session: KeySession,
  keyId: string,
  { beside = false }: { readonly beside?: boolean } = {},
): Promise<KeyRecord> {
  const how = { now: new Date(), beside };
  const activation = await activateKey(session.gateway.layout, keyId, how);
  if (activation === null)
    throw new Complaint(`The key ${keyId} has no certificate yet, so it cannot be used.`);
  await session.record('key-activated', activation.active);
  for (const former of activation.retired) {
    await session.record('key-activated', former);
    note(`${former.keyId} is ${former.state} now.`);
  }
  note(
    'A running gateway takes this up at a restart, or when its serve process gets SIGHUP; the DNS lines may have changed: sallyport dns.',
  );
  return activation.active;
}

/** The domain that a key is for: the one named, or the only one there is. */
export function keyDomain(gateway: Gateway, named: string | undefined): Domain {
  const domains = gateway.config.domains.map((domain) => domain.name as Domain);
  const [only, ...others] = domains;
  if (named === undefined && only !== undefined && others.length === 0) return only;
  const found = domains.find((domain) => domain === named?.toLowerCase());
  if (found !== undefined) return found;
  throw new Complaint(`Name one of the gateway's domains with --domain: ${domains.join(', ')}.`);
}
