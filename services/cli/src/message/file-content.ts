import { read } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { RangedContent } from '@sallyport/mail';

const CHUNK_BYTES = 64 * 1024;

/** A regular file as content: it is read again for each pass over it, and none of it is kept. */
export function fileContent(path: string, sizeBytes: number): RangedContent {
  const openRange = async function* (start: number, length: number): AsyncGenerator<Buffer> {
    const file: FileHandle = await open(path, 'r');
    try {
      yield* readFrom(file.fd, start, Math.min(start + length, sizeBytes));
    } finally {
      await file.close();
    }
  };
  return { sizeBytes, openRange, open: () => openRange(0, sizeBytes) };
}

/** The rest of a file that is open already, from an offset on. */
export function openFileContent(
  fd: number,
  range: { readonly offset: number; readonly sizeBytes: number },
): RangedContent {
  const { offset, sizeBytes } = range;
  const openRange = (start: number, length: number): AsyncGenerator<Buffer> =>
    readFrom(fd, offset + start, offset + Math.min(start + length, sizeBytes));
  return { sizeBytes, openRange, open: () => openRange(0, sizeBytes) };
}

async function* readFrom(fd: number, start: number, end: number): AsyncGenerator<Buffer> {
  for (let at = start; at < end; ) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, end - at));
    const count = await readAt(fd, buffer, at);
    if (count === 0) throw new Error('the file became shorter while it was read');
    yield buffer.subarray(0, count);
    at += count;
  }
}

function readAt(fd: number, into: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, 0, into.length, position, (error, count) =>
      error === null ? resolve(count) : reject(error),
    );
  });
}
