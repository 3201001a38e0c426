import { readFile } from 'node:fs/promises';
import type { Logger } from '@sallyport/log';
import { Spool } from '@sallyport/spool';
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
