import { readFile } from 'node:fs/promises';
import { getCACertificates } from 'node:tls';

/** What a server's certificate must lead to: the anchors of the file, else what the system trusts. */
export async function anchorsOf(file: string | null): Promise<string | string[]> {
  if (file !== null) return await readFile(file, 'utf8');
  const system = getCACertificates('system');
  return system.length > 0 ? system : getCACertificates('default');
}
