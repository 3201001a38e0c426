import { z } from 'zod';

/** What each content encryption is worth: key length, and whether it proves that nothing was changed. */
const STRENGTH = {
  'aes128-cbc': { bits: 128, authenticated: false, text: 'AES-128-CBC' },
  'aes192-cbc': { bits: 192, authenticated: false, text: 'AES-192-CBC' },
  'aes256-cbc': { bits: 256, authenticated: false, text: 'AES-256-CBC' },
  'aes128-gcm': { bits: 128, authenticated: true, text: 'AES-128-GCM' },
  'aes192-gcm': { bits: 192, authenticated: true, text: 'AES-192-GCM' },
  'aes256-gcm': { bits: 256, authenticated: true, text: 'AES-256-GCM' },
  'chacha20-poly1305': { bits: 256, authenticated: true, text: 'ChaCha20-Poly1305' },
} as const;

/** Content encryption that we write. */
export type ContentCipher = keyof typeof STRENGTH;

export const CONTENT_CIPHERS = Object.keys(STRENGTH) as readonly ContentCipher[];

const KEY_TRANSPORT_TEXT = {
  'rsa-pkcs1v15': 'RSA PKCS#1 v1.5',
  'rsa-oaep': 'RSA-OAEP',
  ecdh: 'ECDH',
  'ml-kem': 'ML-KEM',
} as const;

/** How the content key travels. */
export type KeyTransport = keyof typeof KEY_TRANSPORT_TEXT;

export const KEY_TRANSPORTS = Object.keys(KEY_TRANSPORT_TEXT) as readonly KeyTransport[];

export function cipherText(cipher: ContentCipher): string {
  return STRENGTH[cipher].text;
}

export function keyTransportText(keyTransport: KeyTransport): string {
  return KEY_TRANSPORT_TEXT[keyTransport];
}

/** Not a total order: 256 bits without a tag are not more than 128 bits with one, nor less. */
export function meetsFloor(cipher: ContentCipher, floor: ContentCipher): boolean {
  const [given, least] = [STRENGTH[cipher], STRENGTH[floor]];
  return given.bits >= least.bits && (given.authenticated || !least.authenticated);
}

const NAMED = [
  'aes128-cbc',
  'aes256-cbc',
  'aes128-gcm',
  'aes256-gcm',
  'chacha20-poly1305',
] as const satisfies readonly ContentCipher[];

/** The fields of an outbound rule that say how mail is encrypted. */
export const algorithmFields = {
  content: z
    .enum(['auto', ...NAMED])
    .default('auto')
    .describe(
      'content encryption; auto: what the recipient announces, else what its certificate says, else contentWhenUnknown',
    ),
  contentWhenUnknown: z
    .enum(NAMED)
    .optional()
    .describe(
      'what auto takes when nothing is known of the recipient; left out: aes256-cbc, which every client in use reads, or aes256-gcm where the floor demands it',
    ),
  floor: z
    .enum(['aes128-cbc', 'aes256-cbc', 'aes128-gcm', 'aes256-gcm'])
    .default('aes128-cbc')
    .describe(
      'nothing weaker is ever used, whatever the recipient announces: neither a shorter key nor, under a gcm floor, encryption without integrity',
    ),
  keyTransport: z
    .enum(['auto', ...KEY_TRANSPORTS])
    .default('auto')
    .describe(
      'how the content key travels; auto: as the key of the certificate allows and its owner announces; ml-kem is used only where it is named',
    ),
};

/** @returns the field and the reason of each choice that its own floor forbids. */
export function floorFaults(outbound: {
  readonly content: ContentCipher | 'auto';
  readonly contentWhenUnknown?: ContentCipher | undefined;
  readonly floor: ContentCipher;
}): readonly { readonly field: string; readonly reason: string }[] {
  return (['content', 'contentWhenUnknown'] as const).flatMap((field) => {
    const cipher = outbound[field];
    if (cipher === undefined || cipher === 'auto' || meetsFloor(cipher, outbound.floor)) return [];
    return [{ field, reason: `weaker than the floor, ${outbound.floor}` }];
  });
}
