import { createHash, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import type { UnwrapRecipient } from '@sallyport/ipc';
import type { Secret } from '@sallyport/log';
import { never } from '@sallyport/mail';
import { choose, type Unpadded } from './rsa-unpad.ts';
import { unwrapAgreement } from './unwrap-agreement.ts';
import { unwrapKem } from './unwrap-kem.ts';
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
  const { kdf, ukm, wrap, wrapParameters, encryptedKey } = recipient;
  const sent =
    recipient.kind === 'kari'
      ? ['kari', recipient.curve, bytes(recipient.originatorPublicKey), recipient.kdf.kind]
      : ['kem', recipient.set, bytes(recipient.ciphertext)];
  return [
    ...sent,
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

/** The wrong key of a question. */
export function rejectionKey(question: UnwrapQuestion, secret: Secret): Buffer {
  const info = digestQuestion(question);
  // A KeyObject: to find out that a Buffer is none costs Node as much as the derivation.
  const material = createSecretKey(secret.reveal());
  const key = hkdfSync('sha256', material, question.keyId, info, question.keyBytes);
  return Buffer.from(key);
}

function attempt(question: UnwrapQuestion, privateKey: KeyObject): Unpadded {
  const { recipient, keyBytes } = question;
  try {
    switch (recipient.kind) {
      case 'ktri':
        if (privateKey.asymmetricKeyType !== 'rsa') break;
        return unwrapRsa(privateKey, recipient, keyBytes);
      case 'kari':
        return { key: unwrapAgreement(privateKey, { recipient, keyBytes }), good: 1 };
      case 'kem':
        return { key: unwrapKem(privateKey, { recipient, keyBytes }), good: 1 };
      default:
        return never(recipient);
    }
  } catch {
    // RFC 3218 section 2.3.2: one answer for every cause, so no cause may leave here.
  }
  return { key: Buffer.alloc(keyBytes), good: 0 };
}
