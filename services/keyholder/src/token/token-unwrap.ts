import type { KeyObject } from 'node:crypto';
import { IpcRefused } from '@sallyport/ipc';
import type { Secret } from '@sallyport/log';
import { choose, type Unpadded } from '../rsa-unpad.ts';
import { rejectionKey, type UnwrapQuestion } from '../unwrap.ts';
import { type KariFacts, openAgreement, originatorKey } from '../unwrap-agreement.ts';
import { type Ktri, small, takePaddingOff } from '../unwrap-rsa.ts';
import type { TokenKey } from './token-key.ts';

/**
 * `unwrapContentKey` with a key on a token: the content key, or the same wrong one for the same
 * question (RFC 3218 section 2.3.2).
 *
 * @throws IpcRefused with `own-key-unavailable` if the token does not answer: that says nothing of
 *   the question, and the mail waits.
 */
export async function unwrapOnToken(
  question: UnwrapQuestion,
  keys: { readonly privateKey: TokenKey; readonly rejectionSecret: Secret },
): Promise<Buffer> {
  const wrong = rejectionKey(question, keys.rejectionSecret);
  const { key, good } = await attempt(question, keys.privateKey);
  return choose(good, key, wrong);
}

async function attempt(question: UnwrapQuestion, key: TokenKey): Promise<Unpadded> {
  const { recipient, keyBytes } = question;
  try {
    if (recipient.kind === 'ktri' && key.asymmetricKeyType === 'rsa') {
      return await unwrapRsaOnToken(key, recipient, keyBytes);
    }
    if (recipient.kind === 'kari') {
      return { key: await agreeOnToken(key, { recipient, keyBytes }), good: 1 };
    }
  } catch (error) {
    if (error instanceof IpcRefused) throw error;
    // RFC 3218 section 2.3.2: one answer for every cause that the question has.
  }
  return { key: Buffer.alloc(keyBytes), good: 0 };
}

async function unwrapRsaOnToken(
  key: TokenKey,
  recipient: Ktri,
  keyBytes: number,
): Promise<Unpadded> {
  const modulus = modulusOf(key.publicKey);
  const encryptedKey = Buffer.from(recipient.encryptedKey, 'base64');
  // RFC 8017 section 7.2.2 step 1 and section 5.1.2 step 1: both are known to whoever sent it. Tokens
  // answer such values with errors that could be taken for their own.
  const fits = encryptedKey.length === modulus.length && encryptedKey.compare(modulus) < 0;
  const { algorithm } = recipient;
  const oaep =
    algorithm.kind === 'oaep'
      ? { ...algorithm, label: Buffer.from(algorithm.label, 'base64') }
      : null;
  const answer = await key.decrypt(fits ? encryptedKey : small(modulus.length), oaep);
  if (answer === null) return { key: Buffer.alloc(keyBytes), good: 0 };
  const unpadded = answer.isPadded
    ? takePaddingOff(whole(answer.block, modulus.length), recipient, keyBytes)
    : ofLength(answer.block, keyBytes);
  return { key: unpadded.key, good: unpadded.good & (fits ? 1 : 0) };
}

/** A token may leave zero octets in front out. */
function whole(block: Buffer, octets: number): Buffer {
  if (block.length > octets) throw new Error('the block is longer than the modulus');
  return Buffer.concat([Buffer.alloc(octets - block.length), block]);
}

/** What a token made of a padded value: of another length it is no content key. */
function ofLength(key: Buffer, keyBytes: number): Unpadded {
  return key.length === keyBytes ? { key, good: 1 } : { key: Buffer.alloc(keyBytes), good: 0 };
}

function modulusOf(publicKey: KeyObject): Buffer {
  return Buffer.from(publicKey.export({ format: 'jwk' }).n ?? '', 'base64url');
}

async function agreeOnToken(key: TokenKey, facts: KariFacts): Promise<Buffer> {
  // OpenSSL has checked that the point is on the curve before the token sees it.
  const { x = '', y = '' } = originatorKey(key.publicKey, facts.recipient).export({
    format: 'jwk',
  });
  const [left, right] = [Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')];
  const point = Buffer.concat([Buffer.from([4]), left, right]);
  const shared = await key.agree(point, left.length);
  if (shared.length > left.length) throw new Error('the shared secret has another length');
  return openAgreement(Buffer.concat([Buffer.alloc(left.length - shared.length), shared]), facts);
}
