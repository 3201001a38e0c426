import type { Content } from '@sallyport/mail';
import type { QueueFileHeader, SpoolReader } from './header.ts';
import type { Spool } from './spool.ts';
import type { SpoolFolder } from './spool-types.ts';

interface QueueFile {
  readonly header: QueueFileHeader;
  readonly content: Content;
  /** Who alone can open it. */
  readonly reader: SpoolReader;
}

/**
 * Writes content as a queue file in `tmp`, on disk when it resolves; it is not committed. The same
 * work done again after a kill finds its half-written file there, so that goes first.
 */
export async function writeQueueFile(spool: Spool, file: QueueFile): Promise<void> {
  const { header, content, reader } = file;
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

/**
 * Writes a queue file, lets `record` tell the recorder of it, and renames it into the folder: another
 * process may find it there at once, and what is not on record must not be on its way. Whatever
 * fails, the name in `tmp` is free for the next try.
 */
export async function putQueueFile(
  spool: Spool,
  folder: SpoolFolder,
  file: QueueFile,
  record: () => Promise<void> = async () => {},
): Promise<void> {
  await writeQueueFile(spool, file);
  try {
    await record();
    await spool.commit(file.header.id, 'tmp', folder);
  } catch (error) {
    await spool.remove('tmp', file.header.id);
    throw error;
  }
}
