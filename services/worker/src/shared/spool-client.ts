import { readFile } from 'node:fs/promises';
import type { Logger } from '@sallyport/log';
import type { Content } from '@sallyport/mail';
import { type QueueFileHeader, Spool, type SpoolReader } from '@sallyport/spool';
import type { MailRoleOptions } from '../options.ts';

/** Opens the gateway's spool with the worker's own reader key. */
export async function openSpool(options: MailRoleOptions['spool'], logger: Logger): Promise<Spool> {
  const [worker, egress, pem] = await Promise.all([
    readFile(options.workerPublicKeyFile, 'utf8'),
    readFile(options.egressPublicKeyFile, 'utf8'),
    readFile(options.workerPrivateKeyFile, 'utf8'),
  ]);
  return await Spool.open({
    folder: options.folder,
    readerKeys: { worker, egress },
    privateKey: { name: 'worker', pem },
    logger,
  });
}

/**
 * Writes content as a queue file in `tmp`, on disk when it resolves; it is not committed. The same
 * work done again after a kill finds its half-written file there, so that goes first.
 */
export async function writeQueueFile(
  spool: Spool,
  header: QueueFileHeader,
  content: Content,
  reader: SpoolReader,
): Promise<void> {
  await spool.discardLeftOver(header.id);
  const writer = await spool.create('tmp', header, reader);
  try {
    for await (const chunk of content.open()) await writer.write(chunk);
    await writer.finish({ syncNow: true });
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
