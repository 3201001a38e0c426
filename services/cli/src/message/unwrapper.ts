import { type KeyObject, randomBytes } from 'node:crypto';
import { unwrapRaw } from '@sallyport/cms';
import type { KeyUnwrapper, OwnRecipient, UnwrapRequest } from '@sallyport/domsec';
import type { KeyPair } from './key-file.ts';

/** Keys at hand as what `openLayers` asks: which certificates are ours, and who unwraps. */
export function offlineKeyring(pairs: readonly KeyPair[]): {
  readonly ownRecipients: readonly OwnRecipient[];
  readonly unwrapper: KeyUnwrapper;
} {
  const keys = new Map<string, KeyObject>();
  const ownRecipients = pairs.flatMap(({ file, privateKey, certificate }, index) => {
    if (certificate === null) return [];
    const keyId = keys.has(file) ? `${file}#${index + 1}` : file;
    keys.set(keyId, privateKey);
    return [{ keyId, certificate }];
  });
  const unwrap = async ({ keyId, keyBytes, recipient }: UnwrapRequest): Promise<Buffer> => {
    const key = keys.get(keyId);
    // A key that does not open ends in content that does not decrypt; nobody measures us here.
    return (
      (key === undefined ? null : unwrapWith(key, recipient, keyBytes)) ?? randomBytes(keyBytes)
    );
  };
  return { ownRecipients, unwrapper: { unwrap } };
}

function unwrapWith(
  key: KeyObject,
  recipient: UnwrapRequest['recipient'],
  keyBytes: number,
): Buffer | null {
  try {
    const cek = unwrapRaw(recipient, key);
    return cek.length === keyBytes ? cek : null;
  } catch {
    return null;
  }
}
