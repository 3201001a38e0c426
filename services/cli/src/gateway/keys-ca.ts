import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Certificate, parsePemCertificates } from '@sallyport/pki';
import type { GatewayLayout } from './layout.ts';

/** The certificate of the gateway's own CA; null if it has none. */
export async function readOwnCa(layout: GatewayLayout): Promise<Certificate | null> {
  try {
    const [parsed] = parsePemCertificates(await readFile(join(layout.ca, 'ca.pem'), 'utf8'));
    return parsed?.kind === 'certificate' ? parsed.value : null;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** The CA's private key; null if the passphrase is wrong. */
export async function openOwnCaKey(
  layout: GatewayLayout,
  passphrase: string,
): Promise<KeyObject | null> {
  const key = await readFile(join(layout.ca, 'ca-key.pem'));
  try {
    return createPrivateKey({ key, passphrase });
  } catch {
    return null; // OpenSSL tells a wrong passphrase from a damaged file by luck only
  }
}
