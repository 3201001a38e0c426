/**
 * The few file calls of the message path. Reading is on bare descriptors, since FileHandle costs
 * more than the call; writing is on FileHandle, since Node's permission model forbids `fsync` on a
 * bare descriptor.
 */
import { closeSync, constants, open, openSync, read, readSync, write, writeSync } from 'node:fs';
import { type FileHandle, open as openHandle } from 'node:fs/promises';

/** For the owner alone unless the umask lets its group in: deploy/ has one account for each process. */
const FILE_MODE = 0o660;
export const FOLDER_MODE = 0o700;

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const REUSE = constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW;

export function openNew(path: string): Promise<FileHandle> {
  return openHandle(path, CREATE, FILE_MODE);
}

/**
 * Makes a file of the given parts. With `syncNow` bytes and length are on disk when it resolves
 * (O_DSYNC: as strong as fdatasync after the write); its name needs the folder's sync. With
 * `isSpare` the name is there already and stands for a spare file, whose old bytes go.
 */
export async function writeNew(
  path: string,
  parts: readonly Uint8Array[],
  options: { readonly syncNow: boolean; readonly isSpare: boolean },
  made: () => void,
): Promise<void> {
  const flags = options.isSpare ? REUSE : CREATE;
  // Not openSync: a new name may have to wait for the filesystem's journal.
  const fd = await openFile(path, options.syncNow ? flags | constants.O_DSYNC : flags);
  made();
  try {
    const bytes = Buffer.concat(parts);
    for (let written = 0; written < bytes.length; ) {
      written += options.syncNow
        ? await writeSome(fd, bytes, written)
        : writeSync(fd, bytes, written);
    }
  } finally {
    closeSync(fd);
  }
}

function openFile(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    open(path, flags, FILE_MODE, (error, fd) => (error === null ? resolve(fd) : reject(error)));
  });
}

function writeSome(fd: number, bytes: Buffer, offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, offset, bytes.length - offset, null, (error, count) =>
      error === null ? resolve(count) : reject(error),
    );
  });
}

export function openFolder(path: string): Promise<FileHandle> {
  return openHandle(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

export function openForSync(path: string): Promise<FileHandle> {
  return openHandle(path, constants.O_RDONLY | constants.O_NOFOLLOW);
}

export function openForReading(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
}

/** Writes all parts at the end of what was written before. */
export async function writeAll(file: FileHandle, parts: readonly Uint8Array[]): Promise<void> {
  let rest = parts.filter((part) => part.length > 0);
  while (rest.length > 0) {
    const { bytesWritten } = await file.writev([...rest]);
    rest = dropBytes(rest, bytesWritten);
  }
}

function dropBytes(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = count;
  for (const part of parts) {
    if (skip < part.length) rest.push(part.subarray(skip));
    skip = Math.max(0, skip - part.length);
  }
  return rest;
}

/** Fills a new buffer; it is shorter than asked only where the file ends. */
export async function readAt(fd: number, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  while (filled < length) {
    const count = await readSome(fd, buffer.subarray(filled), offset + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled === length ? buffer : buffer.subarray(0, filled);
}

/** The same without leaving the loop: for bytes that are in memory. */
export function readAtOnce(fd: number, offset: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(fd, buffer, filled, length - filled, offset + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled === length ? buffer : buffer.subarray(0, filled);
}

function readSome(fd: number, into: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, 0, into.length, position, (error, count) =>
      error === null ? resolve(count) : reject(error),
    );
  });
}
