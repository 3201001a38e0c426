import { open, rename } from 'node:fs/promises';

/**
 * Writes a file; its bytes are on the disk when it resolves. That its name is there too takes
 * `syncFolder`.
 *
 * @param options `flags` as of open(2), `w` if left out.
 * @throws what the disk answers, also if `flags` are `wx` and the name is taken.
 */
export async function writeSynced(
  path: string,
  content: string | Uint8Array,
  options: { readonly mode: number; readonly flags?: 'w' | 'wx' },
): Promise<void> {
  const file = await open(path, options.flags ?? 'w', options.mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Replaces a file as a whole: a reader, and the next start after a crash, sees the old or the new
 * one. Which of them a crash of the machine leaves takes `syncFolder`. One writer at a time.
 *
 * @throws what the disk answers.
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  mode: number,
): Promise<void> {
  const beside = `${path}.new`;
  await writeSynced(beside, content, { mode });
  await rename(beside, path);
}

/** Names that were made, changed or removed in the folder are on the disk when it resolves. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
