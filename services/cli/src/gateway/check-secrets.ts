import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConfigFault } from '@sallyport/config';
import type { GatewayLayout } from './layout.ts';

const OTHERS = 0o077;

/** Looks at the gateway's own secrets: each must be there and belong to its owner alone. */
export async function checkSecrets(layout: GatewayLayout): Promise<ConfigFault[]> {
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
  const faults = await Promise.all(files.map(checkSecret));
  return faults.filter((fault) => fault !== null);
}

async function checkSecret(path: string): Promise<ConfigFault | null> {
  try {
    const { mode } = await stat(path);
    if ((mode & OTHERS) === 0) return null;
    const shown = (mode & 0o777).toString(8);
    return { path, reason: `may be read by others (mode ${shown}); set it to 600` };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return { path, reason: `cannot be read (${code}); sallyport init makes it` };
  }
}
