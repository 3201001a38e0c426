import { createPublicKey, type KeyObject } from 'node:crypto';
import { TokenKey } from './token/token-key.ts';

/** A private key that can be used: here in memory, or on a token that it never leaves. */
export type PrivateKey = KeyObject | TokenKey;

/** Its public half. */
export function publicKeyOf(key: PrivateKey): KeyObject {
  return key instanceof TokenKey ? key.publicKey : createPublicKey(key);
}
