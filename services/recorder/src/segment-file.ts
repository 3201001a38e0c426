import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';

const SEGMENT_MODE = 0o640;

/** An open segment that grows by whole commits. */
export interface SegmentFile {
  /** Writes the bytes after `offset` and returns once the disk has them. Whatever lay there goes. */
  appendAt(offset: number, bytes: Buffer): Promise<void>;
  close(): Promise<void>;
}

/** Opens a segment for appending; it is made, with its name on the disk, if it is not there. */
export type OpenSegment = (path: string) => Promise<SegmentFile>;

/** The disk itself. */
export const openSegmentFile: OpenSegment = async (path) => {
  const file = await open(path, 'a+', SEGMENT_MODE);
  try {
    await syncFolder(dirname(path));
  } catch (error) {
    await file.close();
    throw error;
  }
  let end = (await file.stat()).size;
  return {
    async appendAt(offset, bytes) {
      // What a failed write left behind is cut first: its pages may not be what was written.
      if (end !== offset) await file.truncate(offset);
      end = -1;
      await writeAll(file, bytes);
      await file.datasync();
      end = offset + bytes.length;
    },
    close: () => file.close(),
  };
};

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done);
    done += bytesWritten;
  }
}

/** Puts a folder's names on the disk. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
