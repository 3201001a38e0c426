import { readFileSync, statSync } from 'node:fs';

const MAX_SECRET_BYTES = 64 * 1024 * 1024;
const GROUP_WRITE_OR_OTHERS = 0o027;

/**
 * Reads a file that only its owner, and at most a group for reading, may see.
 *
 * @throws Error with path and reason if it is missing, too long, or open to others.
 */
export function readSecretFile(path: string): string {
  const { mode, size } = statSync(path);
  if ((mode & GROUP_WRITE_OR_OTHERS) !== 0) {
    const shown = (mode & 0o777).toString(8).padStart(4, '0');
    throw new Error(`${path}: mode ${shown} lets others at a secret; 0600 is right`);
  }
  if (size > MAX_SECRET_BYTES) throw new Error(`${path}: too long for a secret file`);
  return readFileSync(path, 'utf8');
}
