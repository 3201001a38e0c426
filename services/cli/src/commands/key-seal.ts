import { sealOpenKeys } from '../gateway/seal-keys.ts';
import { openGateway } from './gateway-access.ts';
import type { KeyOptions } from './key-session.ts';
import { note, print, printJson } from './output.ts';

/** Seals the private keys that lie in clear. No key changes, so nothing is recorded. */
export async function runKeySeal(options: KeyOptions): Promise<number> {
  const { layout } = await openGateway(options.config);
  const { sealed, quarantined } = await sealOpenKeys(layout);
  if (options.json === true) for (const keyId of sealed) printJson({ keyId });
  else for (const keyId of sealed) print(`${keyId} is sealed.`);
  if (sealed.length > 0) note('Copies of the open files may be in backups.');
  for (const { keyId, reason } of quarantined) note(`${keyId} is quarantined: ${reason}.`);
  return quarantined.length === 0 ? 0 : 1;
}
