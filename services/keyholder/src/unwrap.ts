import { createHash, hkdfSync, type KeyObject } from 'node:crypto';
import type { UnwrapRecipient } from '@sallyport/ipc';
import type { Secret } from '@sallyport/log';
import { choose, type Unpadded } from './rsa-unpad.ts';
import { unwrapEcdh } from './unwrap-ecdh.ts';
import { unwrapRsa } from './unwrap-rsa.ts';

/** One question for a content key. */
export interface UnwrapQuestion {
  readonly keyId: string;
  readonly keyBytes: 16 | 24 | 32;
  readonly recipient: UnwrapRecipient;
}

/** What it is answered with. */
export interface UnwrapKeys {
  readonly privateKey: KeyObject;
  readonly rejectionSecret: Secret;
}

/** SHA-256 over all that a question says, whatever message it came with. */
export function digestQuestion(question: UnwrapQuestion): Buffer {
  const { keyId, keyBytes, recipient } = question;
  const fields = [keyId, keyBytes, ...fieldsOf(recipient)];
  return createHash('sha256').update(JSON.stringify(fields)).digest();
}

/** The fields in one order, base64 in its one canonical form. */
function fieldsOf(recipient: UnwrapRecipient): Array<string | null> {
  const bytes = (text: string) => Buffer.from(text, 'base64').toString('hex');
  if (recipient.kind === 'ktri') {
    const { algorithm } = recipient;
    const oaep =
      algorithm.kind === 'oaep' ? [algorithm.hash, algorithm.mgf1Hash, bytes(algorithm.label)] : [];
    return ['ktri', algorithm.kind, ...oaep, bytes(recipient.encryptedKey)];
  }
  const { curve, originatorPublicKey, kdf, ukm, wrap, wrapParameters, encryptedKey } = recipient;
  return [
    'kari',
    curve,
    bytes(originatorPublicKey),
    kdf.hash,
    ukm === null ? null : bytes(ukm),
    wrap,
    wrapParameters ?? 'absent',
    bytes(encryptedKey),
  ];
}

/**
 * The content key, or for any failure whatever a wrong one of the same length (RFC 3218
 * section 2.3.2): the same for the same question, so that asking twice tells nothing either.
 */
export function unwrapContentKey(question: UnwrapQuestion, keys: UnwrapKeys): Buffer {
  const wrong = rejectionKey(question, keys.rejectionSecret);
  const { key, good } = attempt(question, keys.privateKey);
  return choose(good, key, wrong);
}

function rejectionKey(question: UnwrapQuestion, secret: Secret): Buffer {
  const info = digestQuestion(question);
  const key = hkdfSync('sha256', secret.reveal(), question.keyId, info, question.keyBytes);
  return Buffer.from(key);
}

function attempt(question: UnwrapQuestion, privateKey: KeyObject): Unpadded {
  const { recipient, keyBytes } = question;
  try {
    if (recipient.kind === 'kari') {
      const key = unwrapEcdh(privateKey, { recipient, keyBytes });
      return { key, good: key.length === keyBytes ? 1 : 0 };
    }
    if (privateKey.asymmetricKeyType === 'rsa') return unwrapRsa(privateKey, recipient, keyBytes);
  } catch {
    // RFC 3218 section 2.3.2: one answer for every cause, so no cause may leave here.
  }
  return { key: Buffer.alloc(keyBytes), good: 0 };
}
