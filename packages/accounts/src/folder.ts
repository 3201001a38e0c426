import { chown, stat } from 'node:fs/promises';

/** The accounts file cannot be used: nobody signs in. */
export class AccountsUnavailable extends Error {
  override readonly name = 'AccountsUnavailable';
}

/** What root writes for the console must stay the console's to read. */
export async function giveToOwner(path: string, folder: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(folder);
  if (uid !== 0) await chown(path, uid, gid);
}
