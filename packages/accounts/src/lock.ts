import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSystemError } from '@sallyport/disk';
import { AccountsUnavailable, giveToOwner } from './folder.ts';

const FILE = 'lock';
const WAIT_MS = 20_000;
const LOOK_AGAIN_MS = 20;
/** SQLITE_BUSY. */
const BUSY = 5;

/** The last one in this process that has or awaits the lock of a folder. */
const last = new Map<string, Promise<void>>();

/**
 * Keeps every other process, and everybody else in this one, from changing a folder.
 *
 * Node has no flock(2) of its own. SQLite locks its file through the kernel, which lets go when the
 * holder ends however it ends; a lock file with a process id in it would have to be believed or
 * broken by guess. Nothing is ever written to this one.
 *
 * @throws AccountsUnavailable if others hold it for too long.
 */
export async function lockFolder(folder: string): Promise<Disposable> {
  // In this process one at a time: closing a file lets go of every lock that the process has on it
  // (fcntl(2)), so whoever makes the file must be done before somebody locks it.
  const before = last.get(folder);
  const { promise: turn, resolve: end } = Promise.withResolvers<void>();
  last.set(folder, turn);
  const leave = (): void => {
    if (last.get(folder) === turn) last.delete(folder);
    end();
  };
  try {
    await before;
    const lock = await awaitLock(folder);
    return {
      [Symbol.dispose]: () => {
        lock.close();
        leave();
      },
    };
  } catch (error) {
    leave();
    throw error;
  }
}

async function awaitLock(folder: string): Promise<DatabaseSync> {
  const path = join(folder, FILE);
  await createFile(path, folder);
  const giveUpAt = performance.now() + WAIT_MS;
  for (;;) {
    const lock = tryLock(path);
    if (lock !== null) return lock;
    if (performance.now() > giveUpAt) {
      throw new AccountsUnavailable('somebody else has been changing the accounts for too long');
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

async function createFile(path: string, folder: string): Promise<void> {
  try {
    await (await open(path, 'wx', 0o600)).close();
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return;
    throw error;
  }
  await giveToOwner(path, folder);
}

function tryLock(path: string): DatabaseSync | null {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === BUSY) return null;
    throw error;
  }
}
