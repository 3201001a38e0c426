import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { TargetOptions } from './options.ts';
import type { Checkpoint, Shipped, Target } from './target.ts';

const SIZE_DIGITS = 12;
const HASH_CHARS = 16;
const MODE = 0o640;

/**
 * Appends to a file, or puts one file for each head into a folder; on the disk when it resolves. It
 * makes neither: where a mount is missing, the copies must not land on the gateway's own disk.
 */
export function fileTarget({ path }: Extract<TargetOptions, { kind: 'file' }>): Target {
  const appendix: Appendix = { path, mayBeTorn: true };
  return { name: `file ${path}`, ship: (checkpoint) => ship(appendix, checkpoint) };
}

interface Appendix {
  readonly path: string;
  /** A crash or a full disk may have left half a line at its end. */
  mayBeTorn: boolean;
}

async function ship(appendix: Appendix, checkpoint: Checkpoint): Promise<Shipped> {
  const { path } = appendix;
  try {
    if ((await stat(path)).isDirectory()) await writeInto(path, checkpoint);
    else await append(appendix, checkpoint);
    return { kind: 'shipped' };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return { kind: 'away', reason: `${path} cannot be written (${code})` };
  }
}

/** The file may be append-only for everybody (chattr +a): nothing else is asked of it. */
async function append(to: Appendix, { text }: Checkpoint): Promise<void> {
  const file = await open(to.path, constants.O_WRONLY | constants.O_APPEND);
  try {
    const before = to.mayBeTorn ? '\n' : '';
    to.mayBeTorn = true;
    await file.writeFile(`${before}${text}\n`);
    to.mayBeTorn = false;
    await file.datasync();
  } finally {
    await file.close();
  }
}

async function writeInto(folder: string, { size, hash, text }: Checkpoint): Promise<void> {
  const name = `head-${String(size).padStart(SIZE_DIGITS, '0')}-${hash.slice(0, HASH_CHARS)}.json`;
  // Written again from its beginning if a crash left half of it.
  const file = await open(join(folder, name), 'w', MODE);
  try {
    await file.writeFile(`${text}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
