import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConfigFault } from '@sallyport/config';
import type { GatewayLayout } from './layout.ts';

const OTHERS = 0o077;

/** True for what systemd hands to a unit (LoadCredential): it is there only while that runs. */
export function isCredential(path: string): boolean {
  return path.startsWith('/run/credentials/');
}

/** Looks at the gateway's own secrets: each must be there and belong to its owner alone. */
export async function checkSecrets(layout: GatewayLayout): Promise<ConfigFault[]> {
  const faults = await Promise.all((await secretFilesOf(layout)).map(checkSecret));
  return faults.filter((fault) => fault !== null);
}

/** The gateway's own secrets, as far as this account can see which there are. */
export async function secretFilesOf(layout: GatewayLayout): Promise<readonly string[]> {
  const { logKey, spoolKeys, keys, seal } = layout;
  const names = await readdir(keys).catch(() => []);
  const files = [
    logKey,
    spoolKeys.workerPrivate,
    spoolKeys.egressPrivate,
    join(keys, 'rejection-secret'),
    ...names.filter((name) => /\.(pem|sealed)$/.test(name)).map((name) => join(keys, name)),
  ];
  if (names.some((name) => name.endsWith('.sealed'))) {
    files.push(seal.kind === 'credential' ? seal.credentialFile : seal.passphraseFile);
  }
  return files;
}

async function checkSecret(path: string): Promise<ConfigFault | null> {
  // Handed over by systemd while its unit runs, and for that unit alone.
  if (isCredential(path)) return null;
  try {
    const { mode } = await stat(path);
    if ((mode & OTHERS) === 0) return null;
    const shown = (mode & 0o777).toString(8);
    return { path, reason: `may be read by others (mode ${shown}); set it to 600` };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    // In a folder of another account: one of another process, which looks at it itself.
    if (code === 'EACCES') return null;
    return { path, reason: `cannot be read (${code}); sallyport init makes it` };
  }
}
