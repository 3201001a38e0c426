import { chmod, mkdir, open, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncFolder } from '@sallyport/disk';

/** Makes a folder that its owner alone can enter. */
export async function makePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
}

/** Writes a file as a whole, on disk when it resolves; a reader sees the old or the new one. */
export async function writeWhole(path: string, text: string | Buffer, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = join(dirname(path), `.${basename(path)}.new`);
  const file = await open(temporary, 'w', mode);
  try {
    // Before the text: one left by a crash may be open to more than `mode` says.
    await file.chmod(mode);
    // What root does for a process must be that process's: it belongs to whose folder it is in.
    if (process.getuid?.() === 0) {
      const { uid, gid } = await stat(dirname(path));
      await file.chown(uid, gid);
    }
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncFolder(dirname(path));
}
