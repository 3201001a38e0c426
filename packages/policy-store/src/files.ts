import { randomBytes } from 'node:crypto';
import { link, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError, syncFolder, writeSynced } from '@sallyport/disk';

/**
 * Writes a file whole: synced before it has its name, and the folder after.
 *
 * @returns false if the name is taken and `how` is `new`: nothing is ever written over.
 */
export async function writeDurably(
  folder: string,
  name: string,
  text: string,
  how: 'new' | 'replace',
): Promise<boolean> {
  const temporary = join(folder, `.${name}.${randomBytes(6).toString('hex')}.new`);
  await writeSynced(temporary, text, { mode: 0o640 });
  if (how === 'replace') await rename(temporary, join(folder, name));
  else if (!(await linkNew(temporary, join(folder, name)))) return false;
  await syncFolder(folder);
  return true;
}

/** link(2) never replaces. */
async function linkNew(temporary: string, target: string): Promise<boolean> {
  try {
    await link(temporary, target);
    return true;
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await unlink(temporary);
  }
}
