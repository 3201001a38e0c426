import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Stands in the body of every message of the suite, and nowhere else. */
export const CANARY = 'kanarienvogel-6f1d9c-singt-nur-fuer-empfaenger';

/**
 * The canary as it is, and what base64 makes of it at each of the three places that it may begin at
 * in a group of three octets; short enough that a line's end seldom falls into it.
 */
const FORMS: readonly Buffer[] = [
  Buffer.from(CANARY),
  ...[0, 1, 2].map((shift) => {
    const text = Buffer.from('\0'.repeat(shift) + CANARY.slice(0, 30)).toString('base64');
    return Buffer.from(text.slice(shift === 0 ? 0 : 4, -4));
  }),
  Buffer.from(Buffer.from(CANARY).toString('hex')),
];

export const LONGEST_FORM = Math.max(...FORMS.map((form) => form.length));

/** True if the bytes hold the canary in clear, in base64 or in hex. */
export function holdsCanary(bytes: Buffer): boolean {
  return FORMS.some((form) => bytes.includes(form));
}

/** The files at or below these folders that hold the canary, and how many were read. */
export async function filesWithCanary(
  folders: readonly string[],
): Promise<{ readonly found: string[]; readonly read: number }> {
  const found: string[] = [];
  let read = 0;
  for (const path of folders) {
    for await (const file of filesBelow(path)) {
      const bytes = await readFile(file).catch(() => null); // moved on while we looked
      if (bytes === null) continue;
      read += 1;
      if (holdsCanary(bytes)) found.push(file);
    }
  }
  return { found, read };
}

async function* filesBelow(path: string): AsyncGenerator<string> {
  const entry = await lstat(path).catch(() => null);
  if (entry === null) return;
  if (entry.isFile()) yield path;
  if (!entry.isDirectory()) return;
  for (const name of await readdir(path)) yield* filesBelow(join(path, name));
}
