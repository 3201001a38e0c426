import { claimedOriginators, type OpenedMessage } from '@sallyport/domsec';
import { parseDsn } from '@sallyport/dsn';
import type { QueueId } from '@sallyport/mail';
import { PolicyReader } from '@sallyport/policy-store/read';
import type { Spool } from '@sallyport/spool';
import type { MailRoleOptions } from '../options.ts';
import { HashIndex } from '../shared/hash-index.ts';
import type { KeyChangeLog } from '../shared/key-change-log.ts';
import type { Keyring } from '../shared/keyholder-client.ts';
import type { LookupPorts } from '../shared/lookup-ports.ts';
import type { Recorder } from '../shared/ports.ts';
import type { Runtime } from '../shared/runtime.ts';
import { createScanner } from '../shared/scanner.ts';
import { createAskers } from './askers.ts';
import type { InwardPorts } from './serve-inward.ts';

const SEEN_KEY_DAYS = 30;
const SENT_DAYS = 14;
const SENT_GROUP_MS = 100;

/** Message-IDs of what we sent; a report about one of them needs no partner signature. */
export async function openSentIndex(
  options: MailRoleOptions,
  { clock }: Runtime,
): Promise<HashIndex> {
  const index = new HashIndex({
    folder: options.indexFolder,
    name: 'sent',
    groupMs: SENT_GROUP_MS,
    days: SENT_DAYS,
    clock,
  });
  await index.open();
  return index;
}

export interface Tools {
  readonly keyring: Keyring;
  readonly recorder: Recorder;
  readonly spool: Spool;
  readonly sent: HashIndex;
  readonly lookup: LookupPorts;
  readonly keyChangeLog: KeyChangeLog;
  readonly learn?: NonNullable<InwardPorts['learn']>;
  readonly tlsReports?: NonNullable<InwardPorts['tlsReports']>;
}

/** Everything that judging a message from outside needs. */
export async function createInwardPorts(
  options: MailRoleOptions,
  runtime: Runtime,
  tools: Tools,
): Promise<InwardPorts> {
  const { clock, logger } = runtime;
  const seen = new HashIndex({
    folder: options.indexFolder,
    name: `seen-keys-${options.role}`,
    days: SEEN_KEY_DAYS,
    clock,
  });
  await seen.open();
  return {
    ...tools,
    clock,
    logger,
    policy: new PolicyReader(options.policyFolder, clock),
    scanner: createScanner(options.scanner),
    askers: createAskers(options.domains, options.gatewayName),
    authservId: options.gatewayName,
    frontAuthservIds: options.frontAuthservIds,
    decryptionFloorMs: options.role === 'inward' ? options.decryptionFloorMs : 0,
    correlates: async (message) => await correlates(message, tools.sent),
    mayOpenFor: (queueId: QueueId) => async (encryptedKey, contentDigest) => {
      // The same encrypted key over other content: somebody alters ciphertext and watches.
      if ((await seen.add(encryptedKey, contentDigest)) !== 'other') return true;
      logger.warn('duplicate-ciphertext', { queueId });
      await tools.recorder.record({ kind: 'duplicate-ciphertext', queueId }, true);
      return false;
    },
  };
}

async function correlates(message: OpenedMessage, sent: HashIndex): Promise<boolean> {
  const report = await parseDsn(message.content.content);
  if (report.kind !== 'dsn' || claimedOriginators(message).malformed) return false;
  const { originalMessageId } = report.value;
  return originalMessageId !== null && (await sent.has(Buffer.from(originalMessageId)));
}
