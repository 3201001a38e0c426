import { createHash, createPublicKey, diffieHellman, hkdfSync, type KeyObject } from 'node:crypto';
import { der, OID } from '@sallyport/der';
import type { UnwrapRecipient } from '@sallyport/ipc';
import { openWrapped, ukmFields, ukmOf, WRAPS, wrapIdentifier } from './key-wrap.ts';

type Kari = Extract<UnwrapRecipient, { kind: 'kari' }>;

const CURVES = {
  p256: { oid: OID.p256, nodeName: 'prime256v1', fieldBytes: 32 },
  p384: { oid: OID.p384, nodeName: 'secp384r1', fieldBytes: 48 },
  p521: { oid: OID.p521, nodeName: 'secp521r1', fieldBytes: 66 },
} as const;
const X25519_BYTES = 32;

/** What the agreement and the wrap need: the facts of the recipientInfo as bytes. */
export interface KariFacts {
  readonly recipient: Kari;
  readonly keyBytes: number;
}

/**
 * Opens an encryptedKey of a key agreement (RFC 5753 section 3.1.2, RFC 8418 section 2): point
 * check, KDF, AES unwrap.
 *
 * @throws Error if anything fails; the caller makes a rejection of it.
 */
export function unwrapAgreement(privateKey: KeyObject, { recipient, keyBytes }: KariFacts): Buffer {
  const publicKey = originatorKey(privateKey, recipient);
  return openAgreement(diffieHellman({ privateKey, publicKey }), { recipient, keyBytes });
}

/** The originator's public key, of the curve of ours. @throws Error if it is not a point of that. */
export function originatorKey(
  ours: Pick<KeyObject, 'asymmetricKeyType' | 'asymmetricKeyDetails'>,
  { curve, originatorPublicKey }: Kari,
): KeyObject {
  const isOfCurve =
    curve === 'x25519'
      ? ours.asymmetricKeyType === 'x25519'
      : ours.asymmetricKeyDetails?.namedCurve === CURVES[curve].nodeName;
  if (!isOfCurve) throw new Error('the key is of another curve');
  const octets = Buffer.from(originatorPublicKey, 'base64');
  return curve === 'x25519' ? importX25519(octets) : importPoint(octets, curve);
}

/** Opens the encryptedKey with the shared secret. @throws Error if it does not open. */
export function openAgreement(shared: Buffer, { recipient, keyBytes }: KariFacts): Buffer {
  // RFC 8418 section 2: an all-zero secret is one that everybody knows.
  if (shared.every((octet) => octet === 0)) throw new Error('the shared secret is all zero');
  return openWrapped(recipient, deriveKek(recipient, shared), keyBytes);
}

/** RFC 5753 section 7.2: uncompressed or compressed, never hybrid. OpenSSL checks that it is on the curve. */
function importPoint(point: Buffer, name: keyof typeof CURVES): KeyObject {
  const { oid, fieldBytes } = CURVES[name];
  const compressed = point.length === 1 + fieldBytes && (point[0] === 2 || point[0] === 3);
  const uncompressed = point.length === 1 + 2 * fieldBytes && point[0] === 4;
  if (!compressed && !uncompressed) throw new Error('the point has another form');
  return importKey(der.sequence(der.oid(OID.ecPublicKey), der.oid(oid)), point);
}

/** RFC 8418 section 3.2: exactly 32 octets. */
function importX25519(octets: Buffer): KeyObject {
  if (octets.length !== X25519_BYTES) throw new Error('the public key has another length');
  return importKey(der.sequence(der.oid(OID.x25519)), octets);
}

function importKey(algorithm: Buffer, octets: Buffer): KeyObject {
  const spki = der.sequence(algorithm, der.bitString(octets)).toString('base64');
  // As PEM: a text is loaded in half the time of the same bytes in an object.
  return createPublicKey(`-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----\n`);
}

function deriveKek(recipient: Kari, shared: Buffer): Buffer {
  const { kdf } = recipient;
  const length = WRAPS[recipient.wrap].keyBytes;
  const sharedInfo = composeSharedInfo(recipient);
  if (kdf.kind === 'x963') return deriveX963(shared, { hash: kdf.hash, sharedInfo, length });
  // RFC 8418 section 2.2: the ukm is the salt too
  const salt = ukmOf(recipient) ?? Buffer.alloc(0);
  return Buffer.from(hkdfSync(kdf.hash, shared, salt, sharedInfo, length));
}

/** RFC 5753 section 7.2: ECC-CMS-SharedInfo; the length is in bits. */
function composeSharedInfo(recipient: Kari): Buffer {
  const bits = Buffer.alloc(4);
  bits.writeUInt32BE(WRAPS[recipient.wrap].keyBytes * 8);
  return der.sequence(
    wrapIdentifier(recipient),
    ...ukmFields(ukmOf(recipient)),
    der.explicit(2, der.octetString(bits)),
  );
}

/** SEC 1 section 3.6.1: Hash(Z || counter || SharedInfo), the counter from 1. */
function deriveX963(
  shared: Buffer,
  kdf: { readonly hash: string; readonly sharedInfo: Buffer; readonly length: number },
): Buffer {
  const blocks: Buffer[] = [];
  for (let counter = 1, made = 0; made < kdf.length; counter += 1) {
    const octets = Buffer.alloc(4);
    octets.writeUInt32BE(counter);
    const hash = createHash(kdf.hash).update(shared).update(octets).update(kdf.sharedInfo);
    const block = hash.digest();
    blocks.push(block);
    made += block.length;
  }
  return Buffer.concat(blocks, kdf.length);
}
