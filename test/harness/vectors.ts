import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A folder of the third-party vectors beside the project; null where they are not there. */
export function sharedVectors(name: string): string | null {
  const folder = fileURLToPath(new URL(`../../../shared/vectors/${name}`, import.meta.url));
  return existsSync(folder) ? folder : null;
}
