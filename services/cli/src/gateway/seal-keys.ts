import { createPrivateKey, randomBytes } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KeyFiles, type KeyRecord, type QuarantinedKey } from '@sallyport/ipc';
import { makePrivateFolder, writeWhole } from './files.ts';
import { writeKeyRecord } from './keys.ts';
import type { GatewayLayout } from './layout.ts';

const CREDENTIAL_BYTES = 32;

/** The private key files of a gateway, and what they are sealed under. */
export function keyFilesOf(layout: Pick<GatewayLayout, 'keys' | 'seal'>): KeyFiles {
  return new KeyFiles(layout.keys, layout.seal);
}

/**
 * Makes the credential file if there is none, in a folder of its own.
 *
 * @throws Error if sealed keys are there already: a new credential would never open them.
 */
export async function makeSealCredential(
  layout: Pick<GatewayLayout, 'keys' | 'seal'>,
): Promise<void> {
  const { seal } = layout;
  if (seal.kind !== 'credential') return;
  if ((await stat(seal.credentialFile).catch(() => null)) !== null) return;
  if (await keyFilesOf(layout).hasSealed()) {
    throw new Error(
      `${seal.credentialFile} is missing, and keys of this gateway are sealed under it`,
    );
  }
  await makePrivateFolder(dirname(seal.credentialFile));
  const text = `${randomBytes(CREDENTIAL_BYTES).toString('base64')}\n`;
  await writeWhole(seal.credentialFile, text, 0o600);
}

/**
 * Writes a private key sealed, on disk when it resolves.
 *
 * @returns the `privateKeyFile` of its record.
 */
export async function writePrivateKey(
  layout: Pick<GatewayLayout, 'keys' | 'seal'>,
  facts: Pick<KeyRecord, 'keyId' | 'class' | 'algorithm'>,
  privateKeyPem: string,
): Promise<string> {
  await makeSealCredential(layout);
  const { name, text } = await keyFilesOf(layout).seal(createPrivateKey(privateKeyPem), facts);
  await writeWhole(join(layout.keys, name), text, 0o600);
  return name;
}

/**
 * Seals every private key of the folder that lies there in clear, as first releases wrote them. The
 * sealed file and the record are on disk before the open one goes.
 *
 * @returns the ids of the keys that it sealed, and the keys that it could not open.
 */
export async function sealOpenKeys(layout: Pick<GatewayLayout, 'keys' | 'seal'>): Promise<{
  readonly sealed: readonly string[];
  readonly quarantined: readonly QuarantinedKey[];
}> {
  const files = keyFilesOf(layout);
  const { records, quarantined } = await files.check();
  const broken = new Set(quarantined.map(({ keyId }) => keyId));
  const sealed: string[] = [];
  for (const record of records) {
    const former = files.pathOf(record);
    if (former === null || record.state === 'destroyed' || broken.has(record.keyId)) continue;
    const { privateKey, isSealed } = await files.open(record);
    if (isSealed) continue;
    const pem = String(privateKey.export({ format: 'pem', type: 'pkcs8' }));
    const privateKeyFile = await writePrivateKey(layout, record, pem);
    await writeKeyRecord(layout.keys, { ...record, privateKeyFile });
    await rm(former);
    sealed.push(record.keyId);
  }
  return { sealed, quarantined };
}
